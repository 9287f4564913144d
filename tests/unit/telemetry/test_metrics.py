"""Metrics, health and readiness, served from a store, whatever the store and those who ask do."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from stored_runs import a_gate, stored

from retake_flow.errors import StoreAway, UsageError
from retake_flow.ports.runs import Runs
from retake_flow.run.records import Record, record
from retake_flow.run.run import Phase
from retake_flow.run.stats import Stats
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs
from retake_flow.telemetry import metrics
from retake_flow.telemetry.readings import FleetFigures, Reader, Reading, WorkerFigures

ANY = "127.0.0.1:0"
SENT = {"bitrate": 1499.6, "fps": 29.97, "frames": 900, "dropped": 7, "speed": 0.99, "seconds": 30.0, "slow_for": 0.0}


def on_air(began: float) -> list[Record]:
    """The journal of a run that went on air after five seconds, and in which the agent answered after two."""

    def result(at: float, **value: object) -> Record:
        return record("activity_result", began + at, activity="on:x", visit=1, outcome="done", result=value)

    return [
        record("action_started", began, action="retake.start_stream", state="session", visit=1, attempt=1, inputs={}),
        result(5, viewers=4, is_live=True, uptime_seconds=1),
        result(6, **SENT),
        record("chat_message", began + 10, id="c1", author="ann", text="hi"),
        record("chat_message", began + 11, id="c2", author="bob", text="hi"),
        record("chat_sent", began + 12, id="c3", text="hello"),
        record("notice", began + 13, kind="recovered", message="back"),
    ]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine has the time it needs for a reading and a page."""
    monkeypatch.setattr(metrics, "_WAITS", 60.0)
    monkeypatch.setattr(metrics, "_STALE", 600.0)
    monkeypatch.setattr(metrics, "MOST_SECONDS", 120.0)
    monkeypatch.setattr(metrics._Handler, "timeout", 120.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Runs]:
    """A store in a file."""
    runs = open_runs(str(tmp_path / "runs.sqlite"))
    yield runs
    runs.close()


@contextmanager
def served(store: Runs, figures: WorkerFigures | None = None, **more: object) -> Iterator[Callable[..., str]]:
    """A metrics server; returns what gets a page of it."""
    place = store.database.place  # type: ignore[attr-defined]

    def reader() -> Reader:
        return Reader(open_runs(place), lambda run, holder: holder == this_process(), **more)  # type: ignore[arg-type]

    with metrics.serving(ANY, "studio", figures or WorkerFigures(), reader) as server:
        yield lambda path="/metrics": get(server.port, path)


def get(port: int, path: str = "/metrics") -> str:
    """A page, with its status before it if that is not 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def values(text: str, **labels: str) -> dict[str, float]:
    """The samples with some labels, by name without the prefix."""
    return {
        sample.name.removeprefix("retake_flow_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if labels.items() <= sample.labels.items()
    }


def test_a_run_has_its_figures_as_long_as_it_lasts(store: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its series are labelled by agent, flow, host and run, and go when it ends."""
    monkeypatch.setattr(metrics, "EVERY", 0.0)
    monkeypatch.setattr(metrics, "_KEPT", 0.0)
    began = time.time() - 100
    claim = stored(store, "owl-1", holder=this_process(), records=on_air(began), stats=Stats().counting(on_air(began)))
    stored(store, "elsewhere")
    with served(store, fleet=lambda: FleetFigures(3, 12.5, {"accepting": 2, "gone": 1})) as get_page:
        found = values(get_page(), agent="owl", flow="go-live", host="studio", run="owl-1")
        assert found == {
            "on_air": 1,
            "viewers": 4,
            "encoder_fps": 29.97,
            "encoder_speed": 0.99,
            "bitrate_kbps": 1499.6,
            "dropped_frames_total": 7,
            "recoveries_total": 1,
            "chat_messages_total": 2,
            "tips_total": 0,
            "seconds_to_air": 5,
            "chat_reaction_seconds_count": 1,
            "chat_reaction_seconds_sum": 2,
            "gates_open": 0,
            "unread_messages": 0,
            "seconds_on_air_total": found["seconds_on_air_total"],
            "last_frame_age_seconds": pytest.approx(94, abs=60),
            "rss_bytes": found["rss_bytes"],
            "cpu_seconds_total": found["cpu_seconds_total"],
        }
        assert found["rss_bytes"] > 1e7
        everything = get_page()
        assert [values(everything, reason=each)["recoveries_total"] for each in ("encoder", "other")] == [0, 1]
        assert 'retake_flow_runs{host="studio",phase="running"} 1.0' in everything
        assert values(everything)["waiting_runs"] == 3
        assert values(everything, state="gone")["hosts"] == 1
        assert values(everything, host="studio")["store_up"] == 1
        run = store.load("owl-1").run
        claim.write(replace(run, phase=Phase.COMPLETED, outcome="completed"), [])
        assert values(get_page(), agent="owl") == {}


def test_a_question_has_its_age(store: Runs) -> None:
    """The oldest one counts, as long as nobody has answered it."""
    gates = a_gate("prove.1", opened_at=time.time() - 500), a_gate("builder.1")
    stored(store, "owl-1", *gates, holder=this_process(), phase=Phase.WAITING)
    with served(store) as get_page:
        found = values(get_page(), run="owl-1")
        assert found["gates_open"] == 2
        assert found["gate_open_seconds"] == pytest.approx(500, abs=60)


def test_names_of_people_cannot_break_the_format(store: Runs) -> None:
    """Quotes, line breaks and text without end are labels like others."""
    stored(store, "owl-1", holder=this_process(), agent='o"w\\l\n} 1' + "x" * 500)
    with served(store) as get_page:
        assert values(get_page(), run="owl-1")["gates_open"] == 0


@pytest.mark.parametrize(
    ("figures", "healthy", "ready"),
    [
        (WorkerFigures(), "ok\n", "ok\n"),
        (WorkerFigures(capacity=2, used=1.5), "ok\n", "ok\n"),
        (WorkerFigures(capacity=2, used=2), "ok\n", "503 full\n"),
        (WorkerFigures(capacity=2, draining=True), "ok\n", "503 draining\n"),
        (WorkerFigures(capacity=2, accepting=False), "ok\n", "503 not accepting\n"),
        (WorkerFigures(capacity=2, store_away=True), "ok\n", "503 the store is away\n"),
        (WorkerFigures(beat=-1e9), "503 silent for", "ok\n"),
    ],
)
def test_health_and_readiness(store: Runs, figures: WorkerFigures, healthy: str, ready: str) -> None:
    """A worker that is full or hands over is healthy, and takes nothing."""
    with served(store, figures) as get_page:
        assert get_page("/healthz").startswith(healthy)
        assert get_page("/readyz") == ready
        assert get_page("/").startswith("404")


def test_a_worker_counts_what_it_does(store: Runs) -> None:
    """Starts by why, exits by code, and who was fenced."""
    figures = WorkerFigures(capacity=3.5, used=1)
    figures.count_start("submitted", 0.25)
    figures.count_start("expired")
    figures.count_exit(5, "fenced")
    figures.count_exit(5, "account_in_use")
    figures.count_exit(6, "lease_expired")
    figures.count_exit(-9)
    with served(store, figures) as get_page:
        text = get_page()
    assert 'starts_total{host="studio",why="expired"} 1.0' in text
    assert 'driver_exits_total{code="-9",host="studio"} 1.0' in text
    found = values(text, host="studio")
    assert (found["fenced_total"], found["self_fences_total"]) == (1, 1)
    assert (found["start_seconds_count"], found["start_seconds_sum"]) == (1, 0.25)
    assert found["store_call_seconds_count"] == 1
    assert (found["capacity_cores"], found["used_cores"], found["accepting"]) == (3.5, 1, 1)


class _Away:
    """A reader of a store that is away, or hangs."""

    def __init__(self, hangs: threading.Event | None = None) -> None:
        self._hangs = hangs

    def read(self) -> Reading:
        if self._hangs is not None:
            self._hangs.wait(60)
        raise StoreAway("the database is away")

    def close(self) -> None:
        pass


def test_a_store_that_is_away_or_hangs_is_told_and_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Health and the worker's own figures go on; no series of a run is invented."""
    monkeypatch.setattr(metrics, "_WAITS", 0.05)
    monkeypatch.setattr(metrics, "EVERY", 0.0)
    hangs = threading.Event()
    for reader in (_Away(), _Away(hangs)):
        with metrics.serving(ANY, "studio", WorkerFigures(capacity=1), lambda reader=reader: reader) as server:  # type: ignore[misc]
            deadline = time.monotonic() + 60
            while values(get(server.port))["store_up"] and time.monotonic() < deadline:
                time.sleep(0.2)
            found = values(get(server.port))
            assert found["store_up"] == 0
            assert found["store_unsure_seconds"] > 0
            assert found["capacity_cores"] == 1
            assert get(server.port, "/healthz") == "ok\n"
    hangs.set()


def test_slow_and_silent_clients_do_not_keep_others_out(store: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its time, and there are only so many at once; the store is read no more often for a crowd."""
    monkeypatch.setattr(metrics, "MOST_SECONDS", 0.5)
    monkeypatch.setattr(metrics, "EVERY", 3600.0)
    monkeypatch.setattr(metrics, "_KEPT", 0.0)
    readings: list[int] = []
    read, place = Reader.read, store.database.place  # type: ignore[attr-defined]

    def counted(self: Reader) -> Reading:
        readings.append(1)
        return read(self)

    monkeypatch.setattr(Reader, "read", counted)
    with metrics.serving(ANY, "s", WorkerFigures(), lambda: Reader(open_runs(place), lambda *_: True)) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3 * metrics.MOST_CLIENTS)]
        drops = threading.Event()

        def drip(connection: socket.socket) -> None:
            with suppress(OSError):
                connection.send(b"GET /metrics HTTP/1.1\r\n")
                while not drops.wait(0.05):
                    connection.send(b"X: y\r\n")

        dripping = [threading.Thread(target=drip, args=(each,)) for each in silent[:5]]
        for thread in dripping:
            thread.start()
        deadline = time.monotonic() + 300
        answers = 0
        while answers < 20:
            with suppress(OSError, http.client.HTTPException):  # all places are taken, or our own time was over
                answers += "store_up" in get(server.port)
            assert time.monotonic() < deadline
        assert len(readings) == 1
        drops.set()
        for connection in silent:
            connection.close()
        for thread in dripping:
            thread.join()


@pytest.mark.parametrize(
    "text", ["", "9464", "localhost", "1.2.3.4:", "1.2.3.4:99999", "::1:9464", "http://x:1", "a b:1"]
)
def test_an_address_that_is_none_is_refused_in_one_sentence(text: str) -> None:
    """It says what an address looks like."""
    with pytest.raises(UsageError, match="takes an address and a port"):
        metrics.parse_address(text)


def test_a_port_that_is_taken_or_not_ours_is_refused_in_one_sentence() -> None:
    """Before anything begins."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        for host, port in (("127.0.0.1", other.getsockname()[1]), ("192.0.2.1", 9464), ("no.such.host.invalid", 1)):
            with pytest.raises(UsageError, match=rf"metrics cannot be served at {host}:{port}: \w"):
                metrics.MetricsServer((host, port), {})
    assert metrics.parse_address("[::1]:9464") == ("::1", 9464)
    assert metrics.parse_address(":0") == ("", 0)
