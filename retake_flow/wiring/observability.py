"""Observability: metrics and traces of a process that drives runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from retake_flow.errors import SettingsError
from retake_flow.ports.runs import Holder
from retake_flow.redact import scrub
from retake_flow.settings import Settings, traces_wanted
from retake_flow.wiring.storing import open_store, this_process

if TYPE_CHECKING:
    from retake_flow.telemetry.readings import FleetFigures, WorkerFigures


@contextmanager
def observing(address: str | None, settings: Settings, tell: Callable[[str], None]) -> Iterator[None]:
    """Serve the metrics of the runs that this process drives, and send their traces, until the context is left.

    Raises:
        UsageError: The address cannot be used.
        HostError: prometheus-client is not installed.
    """
    with ExitStack() as stack:
        if address is not None:
            from retake_flow.telemetry.readings import WorkerFigures

            me = this_process()
            stack.enter_context(metrics_of(address, settings, WorkerFigures(), lambda run, holder: holder == me))
        _trace(stack, tell)
        yield


def _trace(stack: ExitStack, tell: Callable[[str], None]) -> None:
    """Send traces until the stack is left, if requested; if they cannot be sent, report that, and continue without."""
    why = ""
    try:
        if traces_wanted():
            from retake_flow.telemetry import otlp

            stack.enter_context(otlp.sending(tell))
    except SettingsError as error:
        why = error.message
    except ImportError:
        why = "OpenTelemetry is not installed: pip install 'retake-flow[traces]'"
    except Exception as error:  # the library raises various exceptions for invalid variables
        why = scrub(f"{type(error).__name__}: {error}")
    if why:
        tell(f"no traces are sent: {why}")


@contextmanager
def metrics_of(
    address: str,
    settings: Settings,
    figures: WorkerFigures,
    mine: Callable[[str, Holder], bool],
    fleet: Callable[[], FleetFigures] | None = None,
    *,
    host: str = "",
) -> Iterator[None]:
    """Serve metrics of the runs that are `mine` until the context is left.

    Raises:
        UsageError: The address cannot be used.
        HostError: prometheus-client is not installed.
    """
    from retake_flow.telemetry.metrics import serving
    from retake_flow.telemetry.readings import Reader

    with serving(address, host or os.uname().nodename, figures, lambda: Reader(open_store(settings), mine, fleet)):
        yield
