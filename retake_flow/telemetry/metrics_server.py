"""Metrics server: `/metrics`, `/healthz` and `/readyz` over HTTP, in threads that nothing waits for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any, Final

from retake_flow.errors import UsageError
from retake_flow.quick_dataclasses import dataclass

#: Seconds that a client has to send its request and to take the response, and how many are served at once.
MOST_SECONDS: Final = 5.0
MOST_CLIENTS: Final = 16
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status, its body and the type of that."""

    status: int
    body: bytes
    content_type: str = _TEXT


def parse_address(text: str) -> tuple[str, int]:
    """The host and port in an address such as `127.0.0.1:9464`, `[::1]:9464` or `:9464`.

    Raises:
        UsageError: It is none.
    """
    host, colon, port = text.strip().rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    fine = colon and port.isascii() and port.isdecimal() and len(port) < 6 and int(port) <= 65_535
    if not fine or any(sign in bare for sign in "/[]@ ") or (":" in bare and bare == host):
        raise UsageError(
            f"--metrics takes an address and a port, not {text[:80]!r}",
            hint="for example 127.0.0.1:9464, [::1]:9464, or :9464 for all addresses of this host",
        )
    return bare, int(port)


class MetricsServer:
    """Serves until it is closed. A client that is slow, silent or hostile only uses up its own time.

    Args:
        address: The host and port; port 0 for any, host "" for all addresses.
        pages: What each path answers, called in the thread of the request.

    Raises:
        UsageError: The address cannot be used.
    """

    def __init__(self, address: tuple[str, int], pages: dict[str, Callable[[], Answer]]) -> None:
        host, port = address
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            family, _, _, _, place = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._server = _Server(family, place[:2], pages)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(
                f"metrics cannot be served at {shown}: {why}", hint="name another address and port after --metrics"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening, and end all connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, HTTPServer):
    """Server that ends each connection after `MOST_SECONDS`, and refuses more than `MOST_CLIENTS`."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, family: socket.AddressFamily, place: Any, pages: dict[str, Callable[[], Answer]]) -> None:
        self.address_family = family
        self.pages = pages
        self._open: dict[socket.socket, float] = {}
        self._guard = threading.Lock()
        super().__init__(place, _Handler)

    def server_bind(self) -> None:
        """Bind, without looking up the name of the address, which may take as long as a name server likes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, unless there are too many."""
        with self._guard:
            full = len(self._open) >= MOST_CLIENTS
            if not full:
                self._open[request] = time.monotonic() + MOST_SECONDS
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End the connections whose time is over; called every half second."""
        with self._guard:
            late = [request for request, until in self._open.items() if until < time.monotonic()]
        for request in late:
            _shut(request)

    def server_close(self) -> None:
        """Stop listening, and end what is still open."""
        super().server_close()
        with self._guard:
            still = list(self._open)
        for request in still:
            _shut(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a client that has gone or was ended."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server
    timeout = MOST_SECONDS

    def do_GET(self) -> None:
        """Answer."""
        page = self.server.pages.get(self.path.partition("?")[0])
        answer = Answer(404, b"/metrics, /healthz or /readyz\n") if page is None else page()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET

    def version_string(self) -> str:
        """Name the program, and no version of anything."""
        return "retake-flow"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: scrapes come every few seconds."""


def _shut(request: socket.socket) -> None:
    with suppress(OSError):  # it may have ended by itself
        request.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
