"""Serving: serves the page on loopback until Ctrl-C or a signal."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from contextlib import suppress
from types import FrameType

import uvicorn

from retake_flow import private_file
from retake_flow.errors import HostError, UsageError
from retake_flow.redact import Secret
from retake_flow.settings import SHORTEST_TOKEN, Settings, server_token
from retake_flow.web.guard import ENTER
from retake_flow.web.operator_page import Page

HOST = "127.0.0.1"
#: Seconds that open requests get at the end; event streams end at once.
_GRACE = 2


def serve(settings: Settings, port: int, *, read_only: bool, browser: bool) -> None:
    """Serve until Ctrl-C or a signal to end.

    Raises:
        UsageError: The port cannot be used.
        HostError: The token cannot be kept.
    """
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        hint = "`--port 0` takes one that is free, or name another"
        raise UsageError(f"port {port} cannot be used: {error.strerror}", hint=hint) from None
    token = _token(settings)
    asyncio.run(_serve(settings, listening, token, read_only, browser))


async def _serve(settings: Settings, listening: socket.socket, token: Secret, read_only: bool, browser: bool) -> None:
    port = listening.getsockname()[1]
    page = Page(settings, token, port, read_only=read_only)
    config = uvicorn.Config(
        page.app,
        interface="asgi3",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    link = f"http://{HOST}:{port}{ENTER}?token={token.reveal()}"
    # Written without masking: this link is the only text that has to contain the token.
    sys.stdout.write(f"{link}\n")
    sys.stdout.flush()
    if browser:
        import webbrowser

        with suppress(webbrowser.Error):
            await asyncio.to_thread(webbrowser.open, link)
    await _Server(config, page).serve(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn that closes event streams first: it would wait for them forever."""

    def __init__(self, config: uvicorn.Config, page: Page) -> None:
        super().__init__(config)
        self._page = page

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the event streams, then the server."""
        self._page.ended.set()
        super().handle_exit(sig, frame)


def _token(settings: Settings) -> Secret:
    """The token, which is kept, so that browsers stay logged in."""
    if given := server_token("RETAKE_FLOW_PAGE_TOKEN"):
        return Secret(given)
    settings.require_home()
    file = settings.state_folder / "page-token"
    kept = (private_file.read(file) or b"").decode("ascii", "replace").strip()
    if len(kept) < SHORTEST_TOKEN:
        kept = secrets.token_urlsafe(32)
        try:
            private_file.replace(file, f"{kept}\n".encode())
        except OSError as error:
            raise HostError(f"{file} cannot be written: {error.strerror}") from None
    return Secret(kept)
