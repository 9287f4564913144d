"""Person: the name under which somebody answers and asks. Everybody has the same token, so they say it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from retake_flow import printable
from retake_flow.wiring.storing import this_user

#: The field of a form with the name, for programs.
FIELD: Final = ":by"
_COOKIE: Final = "retake-flow-name"
_LONGEST: Final = 40


def clean_name(given: str) -> str:
    """A name as it may appear; "" for none."""
    return printable.line(given)[:_LONGEST].strip()


def known_name(request: Request) -> str:
    """The name that a browser has given; "" for none."""
    return clean_name(unquote(request.cookies.get(_COOKIE, "")))


def keep_name(headers: MutableHeaders, name: str) -> None:
    """Let a browser keep a name; "" lets it forget the one that it has."""
    lasting = 31_536_000 if name else 0
    value = f"{_COOKIE}={quote(name, safe='')}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasting}"
    headers.append("set-cookie", value)


def name_of(request: Request, form: Mapping[str, object]) -> str:
    """The name of the person who asks; the user who started the page if none was given."""
    return clean_name(str(form.get(FIELD, ""))) or known_name(request) or this_user()
