"""Metrics: serves the figures of a host and its health, from readings that a thread of its own takes of the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from retake_flow.errors import HostError, RetakeFlowError
from retake_flow.telemetry.metrics_server import Answer, MetricsServer, parse_address
from retake_flow.telemetry.process_load import Load, loads
from retake_flow.telemetry.readings import Reader, Reading
from retake_flow.telemetry.worker_figures import Durations, WorkerFigures

#: The store is read again after this many seconds at the earliest, however often somebody asks.
EVERY: Final = 5.0
#: A scrape waits at most this long for a new reading, in seconds, then answers with the last one.
_WAITS: Final = 2.0
#: A reading older than this is not told any more, in seconds.
_STALE: Final = 30.0
#: A page is made anew after this many seconds at the earliest.
_KEPT: Final = 1.0
#: A worker that has not been seen alive for this long is not healthy, in seconds.
_DEAD: Final = 25.0


class Readings:
    """Reads the store when asked, in a thread of its own that may hang as long as the store does.

    Args:
        open_reader: Opens the store.
    """

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
        """The last reading, at most some seconds old if the store can be read; None when it is too old to be told."""
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
    """Serve `/metrics`, `/healthz` and `/readyz` until the context is left.

    Args:
        address: Where, as `127.0.0.1:9464`.
        host: The name of this host.
        figures: What this process counts itself.
        open_reader: Opens the store; called in the thread that reads.

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
    page = _Kept(lambda: Answer(200, collector.exposition(every), "text/plain; version=0.0.4; charset=utf-8"))
    pages = {
        "/metrics": page.answer,
        "/healthz": lambda: _healthz(figures),
        "/readyz": lambda: _readyz(figures, readings),
    }
    try:
        server = MetricsServer(place, pages)
        try:
            yield server
        finally:
            server.close()
    finally:
        readings.close()


class _Kept:
    """An answer that one thread at a time makes, now and then, however many ask for it."""

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
    readings.latest()  # what all hosts have told says how full this one is
    if figures.draining:
        return Answer(503, b"draining\n")
    if figures.full:
        return Answer(503, b"full\n")
    return Answer(200, b"ok\n") if figures.accepting else Answer(503, b"not accepting\n")
