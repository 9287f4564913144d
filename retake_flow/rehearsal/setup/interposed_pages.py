"""Intermediaries that answer in the platform's place: with pages, not with JSON of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

PageKind = Literal["challenge", "blocked", "limited", "login", "portal", "gateway", "empty", "truncated"]

PAGE_KINDS: Final[tuple[PageKind, ...]] = get_args(PageKind)


@dataclass(frozen=True, slots=True)
class Page:
    """The answer of one intermediary."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def _html(title: str, text: str) -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{text}</h1></body></html>"


#: By name: a CDN that challenges the browser, one that refuses, and one that limits the rate; the login of a proxy and
#: of a hotel; a gateway without its server; answers that were cut off.
PAGES: Final[Mapping[PageKind, Page]] = {
    "challenge": Page(
        403, _html("Just a moment...", "Checking your browser"), {"server": "cloudflare", "cf-mitigated": "challenge"}
    ),
    "blocked": Page(403, _html("Attention Required!", "Sorry, you have been blocked"), {"server": "cloudflare"}),
    "limited": Page(
        429,
        '{"cloudflare_error": true, "error_code": 1015, "title": "Error 1015", "detail": "You are being rate limited"}',
        {"server": "cloudflare", "content-type": "application/problem+json", "retry-after": "30"},
    ),
    "login": Page(302, "", {"location": "https://login.example/?next=retake"}),
    "portal": Page(200, _html("Welcome", "Log in to use this network")),
    "gateway": Page(502, _html("502 Bad Gateway", "502 Bad Gateway"), {"server": "nginx"}),
    "empty": Page(403),
    "truncated": Page(200, '{"success": tru', {"content-type": "application/json"}),
}
