"""Metrics: serves the figures of a host and its health over HTTP, from readings that a thread takes of the store.

Each request is answered in a thread that nothing waits for.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any, Final

from retake_flow.errors import HostError, RetakeFlowError, UsageError
from retake_flow.quick_dataclasses import dataclass
from retake_flow.telemetry.readings import Durations, Load, Reader, Reading, WorkerFigures, loads

#: The store is read again after this many seconds at the earliest, however often metrics are requested.
EVERY: Final = 5.0
#: A scrape waits at most this long for a new reading, in seconds, then answers with the last one.
_WAITS: Final = 2.0
#: A reading older than this is not reported, in seconds.
_STALE: Final = 30.0
#: A page is reused for this many seconds.
_KEPT: Final = 1.0
#: A worker that has not been seen alive for this long is not healthy, in seconds.
_DEAD: Final = 25.0
#: Seconds that a client has to send its request and to take the response, and how many are served at once.
MOST_SECONDS: Final = 5.0
MOST_CLIENTS: Final = 16
_TEXT: Final = "text/plain; charset=utf-8"


class Readings:
    """Reads the store when asked, in a thread of its own that may hang as long as the store does."""

    def __init__(self, open_reader: Callable[[], Reader]) -> None:
        self._open_reader = open_reader
        self._changed = threading.Condition()
        self._wanted = self._closed = False
        self._last: Reading | None = None
        self._tried = self._read = -float("inf")
        self._unsure_since: float | None = None
        self._calls = Durations()
        self._thread = threading.Thread(target=self._serve, name="metrics of the store", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading; a reading that hangs is left behind."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_WAITS)

    def latest(self) -> Reading | None:
        """The last reading, at most some seconds old if the store can be read; None when it is too old to report."""
        with self._changed:
            if time.monotonic() - self._tried >= EVERY:
                self._wanted = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._wanted or self._closed, _WAITS)
            return self._last if time.monotonic() - self._read < _STALE else None

    def store(self) -> tuple[float, Durations]:
        """For how many seconds the store could not be read, 0 if it can be, and how long its readings took."""
        with self._changed:
            since = self._unsure_since
            if since is None and self._wanted:
                late = time.monotonic() - self._tried - EVERY
                return (late if late > _WAITS else 0.0), self._calls
            return 0.0 if since is None else max(0.001, time.monotonic() - since), self._calls

    def _serve(self) -> None:
        reader: Reader | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    break
            began, found = time.monotonic(), None
            try:
                reader = reader or self._open_reader()
                found = reader.read()
            except RetakeFlowError:
                pass  # the metrics say so: store_up is 0
            except Exception:  # a defect here must not end the readings; it shows as a store that cannot be read
                reader = None
            with self._changed:
                self._note(found, began)
                self._changed.notify_all()
        if reader is not None:
            reader.close()

    def _note(self, found: Reading | None, began: float) -> None:
        self._wanted, self._tried = False, time.monotonic()
        self._calls.add(self._tried - began)
        if found is None:
            self._unsure_since = self._unsure_since or began
        else:
            self._last, self._read, self._unsure_since = found, self._tried, None


@contextmanager
def serving(
    address: str, host: str, figures: WorkerFigures, open_reader: Callable[[], Reader]
) -> Iterator[MetricsServer]:
    """Serve `/metrics`, `/healthz` and `/readyz` until the context is left. The store is opened where it is read.

    Raises:
        UsageError: The address cannot be used.
        HostError: prometheus-client is not installed.
    """
    place = parse_address(address)
    try:
        from retake_flow.telemetry import collector
    except ImportError:
        raise HostError(
            "metrics need prometheus-client, which is not installed", hint="pip install 'retake-flow[fleet]'"
        ) from None
    readings = Readings(open_reader)

    every = collector.FlowCollector(host, figures, readings.latest, readings.store, _load)
    page = _CachedResponse(lambda: Answer(200, collector.exposition(every), "text/plain; version=0.0.4; charset=utf-8"))
    pages = {
        "/metrics": page.answer,
        "/healthz": lambda: _healthz(figures),
        "/readyz": lambda: _readyz(figures, readings),
    }
    with closing(readings), closing(MetricsServer(place, pages)) as server:
        yield server


class _CachedResponse:
    """A response that is cached for a while, and that one thread at a time makes."""

    def __init__(self, make: Callable[[], Answer]) -> None:
        self._make = make
        self._making = threading.Lock()
        self._made: tuple[float, Answer] | None = None

    def answer(self) -> Answer:
        """The answer."""
        with self._making:
            if self._made is None or time.monotonic() - self._made[0] >= _KEPT:
                self._made = time.monotonic(), self._make()
            return self._made[1]


def _load(reading: Reading) -> Mapping[str, Load]:
    return loads({run.summary.id: run.summary.holder.pid for run in reading.runs if run.summary.holder is not None})


def _healthz(figures: WorkerFigures) -> Answer:
    beat = figures.beat
    silent = 0.0 if beat is None else time.monotonic() - beat
    return Answer(200, b"ok\n") if silent < _DEAD else Answer(503, f"silent for {silent:.0f} s\n".encode())


def _readyz(figures: WorkerFigures, readings: Readings) -> Answer:
    if figures.store_away:
        return Answer(503, b"the store is away\n")
    readings.latest()  # the reading says how full this host is
    if figures.draining:
        return Answer(503, b"draining\n")
    if figures.full:
        return Answer(503, b"full\n")
    return Answer(200, b"ok\n") if figures.accepting else Answer(503, b"not accepting\n")


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

    Port 0 stands for any, host "" for all addresses.

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
