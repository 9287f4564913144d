"""Measuring: serves the metrics of a process that drives runs, from the store that it drives them in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from retake_flow.ports.runs import Holder
from retake_flow.settings import Settings
from retake_flow.wiring.storing import open_store, this_process

if TYPE_CHECKING:
    from retake_flow.telemetry.readings import FleetFigures
    from retake_flow.telemetry.worker_figures import WorkerFigures


@contextmanager
def metrics_of_this_process(address: str | None, settings: Settings) -> Iterator[None]:
    """Serve the metrics of the runs that this process drives, until the context is left.

    Args:
        address: Where, as `127.0.0.1:9464`; None for nowhere.
        settings: Say where the store is.

    Raises:
        UsageError: The address cannot be used.
        HostError: prometheus-client is not installed.
    """
    if address is None:
        yield
        return
    from retake_flow.telemetry.worker_figures import WorkerFigures

    me = this_process()
    with metrics_of(address, settings, WorkerFigures(), lambda run, holder: holder == me):
        yield


@contextmanager
def metrics_of(
    address: str,
    settings: Settings,
    figures: WorkerFigures,
    mine: Callable[[str, Holder], bool],
    fleet: Callable[[], FleetFigures] | None = None,
) -> Iterator[None]:
    """Serve metrics until the context is left.

    Args:
        address: Where, as `127.0.0.1:9464`.
        settings: Say where the store is.
        figures: What this process counts itself.
        mine: Whether a run is driven here; gets its id and its holder.
        fleet: Reads the figures of all hosts; None without a fleet.

    Raises:
        UsageError: The address cannot be used.
        HostError: prometheus-client is not installed.
    """
    from retake_flow.telemetry.metrics import serving
    from retake_flow.telemetry.readings import Reader

    with serving(address, os.uname().nodename, figures, lambda: Reader(open_store(settings), mine, fleet)):
        yield
