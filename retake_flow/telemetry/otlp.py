"""OTLP: sends spans to a collector of OpenTelemetry, as its standard environment variables say.

The SDK and its exporter read these variables themselves. A collector that is slow, gone or silent costs some memory,
never time: spans are sent by a thread of their own, and what does not fit into its queue is dropped.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Attributes, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span
from opentelemetry.trace import Span as OtelSpan

from retake_flow import __version__, spans
from retake_flow.redact import scrub
from retake_flow.spans import Span, Value

#: Seconds that the last spans have to be sent when a process ends.
PATIENCE: Final = 3.0
_LONGEST = 500  # characters of an attribute


@contextmanager
def sending(tell: Callable[[str], None]) -> Iterator[None]:
    """Send all spans of this process until the context is left.

    Args:
        tell: Reports once, in a sentence for people, that spans cannot be sent.
    """
    _report_first_warning(tell)
    about: Attributes = {
        "service.name": "retake-flow",
        "service.version": __version__,
        "host.name": os.uname().nodename,
        "process.pid": os.getpid(),
    }
    resource = Resource.create(about).merge(OTELResourceDetector().detect())  # the environment takes precedence
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    spans.record_with(_Tracer(provider))
    try:
        yield
    finally:
        spans.record_with(None)
        # It waits half a minute for a collector that does not answer.
        ending = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(PATIENCE)


class _Tracer:
    """Records spans with the SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("retake-flow", __version__)

    @contextmanager
    def span(self, name: str, attributes: dict[str, Value], *, apart: bool, outward: bool) -> Iterator[Span]:
        """A span around what is done in the context."""
        around = get_current_span().get_span_context()
        with self._tracer.start_as_current_span(
            scrub(name),
            context=Context() if apart else None,
            kind=SpanKind.CLIENT if outward else SpanKind.INTERNAL,
            attributes={key: _mask(value) for key, value in attributes.items()},
            links=[Link(around)] if apart and around.is_valid else (),
            record_exception=False,  # messages and traces of errors may hold private data
            set_status_on_exception=False,
        ) as recorded:
            try:
                yield _RecordedSpan(recorded)
            except Exception as error:
                recorded.set_attribute("error.type", str(getattr(error, "kind", type(error).__name__)))
                recorded.set_status(StatusCode.ERROR)
                raise


class _RecordedSpan:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def set(self, name: str, value: Value) -> None:
        """Add an attribute."""
        self._span.set_attribute(name, _mask(value))


def _mask(value: Value) -> Value:
    return scrub(value)[:_LONGEST] if isinstance(value, str) else value


def _report_first_warning(tell: Callable[[str], None]) -> None:
    """Report the first warning of the library, and keep all others from standard error, also after the end."""
    log = logging.getLogger("opentelemetry")
    log.propagate = False
    log.handlers = [_TellOnce(tell)]


class _TellOnce(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Report the first."""
        if not self._told:
            self._told = True
            self._tell(f"traces cannot be sent: {scrub(record.getMessage())}; the run continues without them")
