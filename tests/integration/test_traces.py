"""Traces of whole runs: spans at a collector of OpenTelemetry, and collectors that fail or hang."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flow_processes import WITHIN, Home, RetakeTv, at_home, retake_tv, write_credentials
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TOKEN = "rtk_traces_0123456789"
OPTIONS: dict[str, object] = {"agents": [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}]}
FLOW = """\
flow: short
initial: guide
states:
  guide: {do: retake.check_guide, transitions: {unchanged: key, changed: key}}
  key: {do: retake.stream_key, transitions: {done: on, error: on}}
  on:
    activities: {status: {do: retake.stream_status, every: 3s}}
    timeout: 500ms
    transitions: {timeout: over}
  over: {final: completed}
"""


class Collector:
    """A collector of OpenTelemetry on this machine, which keeps what it gets."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                packed = self.headers.get("Content-Encoding") == "gzip"
                collector.bodies.append(gzip.decompress(body) if packed else body)
                collector.headers.append(f"{self.path} {self.headers.get('x-tenant')}")
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """What it got."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        """All spans."""
        scopes = [scope for request in self.requests for part in request.resource_spans for scope in part.scope_spans]
        return [span for scope in scopes for span in scope.spans]


def attributes(found: Iterator[object]) -> dict[str, object]:
    """Attributes as plain values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in found}  # type: ignore[attr-defined]


@contextmanager
def an_agent(folder: Path, tv: RetakeTv) -> Iterator[Home]:
    """A home with credentials and a flow without programs."""
    with at_home(folder / "home") as home:
        write_credentials(folder / "owl.json", "owl", TOKEN, tv.address)
        home.environment |= {"RETAKE_API_URL": tv.address, "RETAKE_CREDENTIALS": str(folder / "owl.json")}
        (folder / "short.yaml").write_text(FLOW)
        yield home


@pytest.fixture(scope="module")
def tv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RetakeTv]:
    """A retake.tv."""
    with retake_tv(tmp_path_factory.mktemp("platform") / "tv", OPTIONS) as found:
        yield found


def test_a_collector_gets_macrosteps_actions_and_calls(tmp_path: Path, tv: RetakeTv) -> None:
    """Each macrostep is a trace with its actions and their calls in it, and no secret is anywhere."""
    collector = Collector()
    given = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=birds",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "nest",
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # milliseconds
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
    }
    with an_agent(tmp_path, tv) as home:
        (tmp_path / "short.yaml").write_text(FLOW.replace("500ms", "8s"))  # for two rounds of the activity
        done = home.call("run", str(tmp_path / "short.yaml"), "--json", **given)
    collector.close()
    assert (done.code, done.err) == (0, "")
    assert set(collector.headers) == {"/v1/traces birds"}
    about = attributes(collector.requests[0].resource_spans[0].resource.attributes)
    assert about.items() >= {"service.name": "nest", "deployment.environment": "test"}.items()
    assert about["host.name"] == done.records[0]["host"]
    by_id = {span.span_id: span for span in collector.spans}
    call = next(span for span in by_id.values() if span.name == "GET /agent/rtmp" or span.name.endswith("/agent/rtmp"))
    action = by_id[call.parent_span_id]
    step = by_id[action.parent_span_id]
    assert (action.name, step.name, step.parent_span_id) == ("retake.stream_key", "macrostep ActionFinished", b"")
    assert attributes(step.attributes) == {
        "retake_flow.run": done.records[0]["run"],
        "retake_flow.from": "guide",
        "retake_flow.to": "key",
    }
    assert attributes(call.attributes)["http.response.status_code"] == 200
    assert call.kind == Span.SPAN_KIND_CLIENT
    rounds = [span for span in by_id.values() if span.name == "retake.stream_status"]
    assert len(rounds) > 1
    assert len({span.trace_id for span in rounds}) == len(rounds)
    key = tv.ask("/api/v1/agent/rtmp", {}, TOKEN)["key"]
    everything = b"".join(collector.bodies)
    assert b"retake.stream_key" in everything
    for secret in (TOKEN, key[: len(key) // 3]):  # keys begin alike
        assert secret.encode() not in everything


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_MAX_QUEUE_SIZE": "-5"}, "no traces are sent"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, "traces cannot be sent"),
    ],
)
def test_traces_that_cannot_be_sent_are_one_message(
    tmp_path: Path, tv: RetakeTv, variables: dict[str, str], words: str
) -> None:
    """The run goes on without traces."""
    with an_agent(tmp_path, tv) as home:
        done = home.call("run", str(tmp_path / "short.yaml"), "--json", OTEL_BSP_SCHEDULE_DELAY="100", **variables)
    assert done.code == 0, done
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_a_collector_that_never_answers_holds_nothing_up(tmp_path: Path, tv: RetakeTv) -> None:
    """The run ends while its collector still has the connection, and has said nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent, an_agent(tmp_path, tv) as home:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        running = home.start(
            "run", str(tmp_path / "short.yaml"), OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_BSP_SCHEDULE_DELAY="50"
        )
        silent.settimeout(WITHIN)
        connection, _ = silent.accept()
        running.until("timer_fired")
        assert running.finish() == 0
        connection.close()


def test_nothing_is_imported_for_traces_that_nobody_asked_for(tmp_path: Path, tv: RetakeTv) -> None:
    """Neither traces nor metrics, nor what they need."""
    with an_agent(tmp_path, tv) as home:
        quiet = home.call("run", str(tmp_path / "short.yaml"), "--json", PYTHONPROFILEIMPORTTIME="1")
        off = home.call(
            *("run", str(tmp_path / "short.yaml"), "--json"),
            PYTHONPROFILEIMPORTTIME="1",
            OTEL_SDK_DISABLED="true",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://x",
        )
    for done in (quiet, off):
        assert done.code == 0
        assert "retake_flow.engine.driver.runner" in done.err
        for module in ("opentelemetry", "prometheus_client", "retake_flow.telemetry", "socketserver"):
            assert module not in done.err
