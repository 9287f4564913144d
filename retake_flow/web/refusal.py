"""Refusal: what a request gets that cannot be served, as a page or as JSON."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retake_flow import printable
from retake_flow.web.templates import page


def wants_json(request: Request) -> bool:
    """Whether a program, or the page's own script, asks."""
    return "application/json" in request.headers.get("accept", "")


def refusal(request: Request, status: int, message: str, hint: str = "") -> Response:
    """Say why nothing was done."""
    message, hint = printable.text(message), printable.text(hint)
    if wants_json(request):
        return JSONResponse({"ok": False, "message": message, "hint": hint}, status)
    title = HTTPStatus(status).phrase
    return page("refusal.html", status=status, title=title, message=message, hint=hint, goal=request.url.path)
