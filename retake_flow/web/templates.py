"""Templates: HTML from data, and refusals. Every text is escaped, and freed of secrets and control characters."""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from retake_flow import printable
from retake_flow.monitor.run_text import since
from retake_flow.run.records import timestamp

_FOLDER: Final = Path(__file__).parent / "pages"
_LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


def render(template: str, **data: Any) -> str:
    """HTML from a template."""
    return _environment.get_template(template).render(data)


def page(template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
    """A response with HTML from a template."""
    return HTMLResponse(render(template, status=status, **data), status)


def _plain(value: Any) -> Any:
    """A value to render: markup is trusted, every other text is not."""
    return printable.text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _link(text: str) -> Markup:
    """A text of the flow, with its addresses as links."""
    clean = printable.text(text)
    parts, end = [], 0
    for found in _LINK.finditer(clean):
        address = escape(found[0])
        link = f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a>'
        parts += [escape(clean[end : found.start()]), Markup(link)]
        end = found.end()
    return Markup("").join([*parts, escape(clean[end:])])


def _ago(at: float, now: float) -> Markup:
    """How long ago something was, with the exact time as a tooltip."""
    words = "just now" if now - at < 5 else f"{since(now - at)} ago"
    return Markup('<time datetime="{}" title="{}" data-ago="{:.0f}">{}</time>').format(
        timestamp(at), _exact(at), at, words
    )


def _clock(at: float) -> Markup:
    """A time of day, with the date as a tooltip."""
    short = datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(timestamp(at), _exact(at), short)


def _span(seconds: float) -> str:
    """A time span as on a clock: `1:02:03`."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _exact(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _words(name: str) -> str:
    """A name of the flow in words: `give_up` as `Give up`."""
    text = name.replace("_", " ").replace("-", " ").strip()
    return text[:1].upper() + text[1:]


_environment = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    finalize=_plain,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


_environment.filters.update(linked=_link, ago=_ago, clock=_clock, span=_span, words=_words, since=since)


def wants_json(request: Request) -> bool:
    """Whether the request comes from a program or the page's own script."""
    return "application/json" in request.headers.get("accept", "")


def refusal(request: Request, status: int, message: str, hint: str = "") -> Response:
    """The response that explains a refusal."""
    message, hint = printable.text(message), printable.text(hint)
    if wants_json(request):
        return JSONResponse({"ok": False, "message": message, "hint": hint}, status)
    title = HTTPStatus(status).phrase
    return page("refusal.html", status=status, title=title, message=message, hint=hint, goal=request.url.path)
