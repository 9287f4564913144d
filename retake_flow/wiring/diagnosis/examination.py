"""Examination: runs all checks of `doctor` side by side, and collects the findings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlsplit

from retake_flow import __version__
from retake_flow.settings import Settings, is_loopback, variables
from retake_flow.studio import programs
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.wiring.diagnosis import host, reach, stream, writable_places
from retake_flow.wiring.diagnosis.finding import Finding, attempt

_WITHIN: Final = 60.0  # seconds, on the slowest machine


async def examine(settings: Settings, *, offline: bool) -> dict[str, Any]:
    """The findings, as plain data without secrets.

    The checks and their order are always the same, whatever the findings.

    Args:
        settings: The settings of this process.
        offline: Whether to skip the network.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    starts = Launcher(f"doctor-{os.getpid()}", variables())
    scheme = "rtmp" if is_loopback(urlsplit(settings.origin).hostname) else "rtmps"
    async with asyncio.timeout(_WITHIN), asyncio.TaskGroup() as group:
        shown = group.create_task(stream.examine(starts, settings.voice, scheme, sandbox=settings.sandbox))
        found = group.create_task(asyncio.to_thread(lambda: [*writable_places.examine(settings)]))
        beyond = group.create_task(reach.examine(settings, offline=offline))
        init = group.create_task(attempt("init", lambda: host.init(starts), "warning"))
    own = (host.orphan_killer(starts.environment), host.limits(), host.memory(), host.shared_memory(), init.result())
    findings = [*host.found_programs(starts.environment), *shown.result(), *found.result(), *own, *beyond.result()]
    return {**_summary(findings), "seconds": round(loop.time() - began, 1), **_report_data(settings, starts)}


def _summary(findings: Sequence[Finding]) -> dict[str, Any]:
    counted = {status: sum(each.status == status for each in findings) for status in ("missing", "warning")}
    return {
        "ready": not counted["missing"],
        "missing": counted["missing"],
        "warnings": counted["warning"],
        "checks": [asdict(each) for each in findings],
    }


def _report_data(settings: Settings, starts: Launcher) -> dict[str, Any]:
    """The data reported beside the findings."""
    missing, optional = (programs.missing(starts.environment, required=required) for required in (True, False))
    return {
        "version": __version__,
        "programs": [
            {
                "name": program.name,
                "purpose": program.purpose,
                "package": program.package,
                "required": program.required,
                "path": str(programs.find(program.name, starts.environment) or "") or None,
            }
            for program in programs.PROGRAMS
        ],
        "install": programs.install_command(missing) if missing else None,
        "install_optional": programs.install_command(optional) if optional else None,
        "platform": settings.origin,
        "state_folder": str(settings.state_folder),
    }
