"""Examination: runs all checks of `doctor` side by side, also those of retake.tv, and collects the findings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, replace
from typing import Any, Final
from urllib.parse import urlsplit

from retake_flow import __version__
from retake_flow.addresses import is_loopback
from retake_flow.api.client import Connectivity, check_connectivity
from retake_flow.errors import NotReady, RetakeFlowError, SettingsError
from retake_flow.notices.apprise import notifiers
from retake_flow.settings import Settings, variables
from retake_flow.studio import programs
from retake_flow.studio.processes.launcher import LONGEST_OUTPUT, Completed, Launcher, Probe
from retake_flow.studio.processes.process import Process, ProcessSpec
from retake_flow.wiring.diagnosis import host, stream
from retake_flow.wiring.diagnosis.finding import Finding, attempt, failure

_ENDING: Final = 60.0  # seconds until everything else is over as well
_LONGER: Final = "give the checks more time: retake-flow doctor --within 3m"
#: The largest accepted difference of this machine's clock, in seconds.
DIFFERENCE = 2.0


class BoundedLauncher(Launcher):
    """Starts programs that share a time limit: each is ready, or ends, within its own limit and what is left of it."""

    def __init__(self, marker: str, environment: Mapping[str, str], within: float) -> None:
        super().__init__(marker, environment)
        self._until = asyncio.get_running_loop().time() + within

    @asynccontextmanager
    async def process(
        self,
        spec: ProcessSpec,
        ready: Probe | None = None,
        stdout: Callable[[bytes], object] | None = None,
        line: Callable[[str], object] | None = None,
    ) -> AsyncIterator[Process]:
        """A running program, ready for use."""
        with self._within(spec.name, spec.ready_within) as limit:
            async with super().process(replace(spec, ready_within=limit), ready, stdout, line) as process:
                yield process

    async def run(
        self, spec: ProcessSpec, timeout: float, given: bytes = b"", longest: int = LONGEST_OUTPUT
    ) -> Completed:
        """Run a program to its end."""
        with self._within(spec.name, timeout) as limit:
            return await super().run(spec, limit, given, longest)

    @contextmanager
    def _within(self, name: str, seconds: float) -> Iterator[float]:
        """The seconds that a program may take, and a hint where it might have needed those that are not left."""
        left = round(self._until - asyncio.get_running_loop().time(), 1)
        if left <= 0:
            raise NotReady(f"{name} was not tried, since the time of all checks was over", hint=_LONGER)
        try:
            yield min(seconds, left)
        except NotReady as error:
            if left < seconds:
                error.hint = error.hint or _LONGER
            raise


async def examine(settings: Settings, *, offline: bool, within: float) -> dict[str, Any]:
    """The findings, as plain data without secrets.

    The checks and their order are always the same, whatever the findings. The programs that are started share `within`
    seconds.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    starts = BoundedLauncher(f"doctor-{os.getpid()}", variables(), within)
    scheme = "rtmp" if is_loopback(urlsplit(settings.origin).hostname) else "rtmps"
    async with asyncio.timeout(within + _ENDING), asyncio.TaskGroup() as group:
        shown = group.create_task(stream.examine(starts, settings.voice, scheme, sandbox=settings.sandbox))
        found = group.create_task(host.examine_places(settings))
        beyond = group.create_task(_examine_reach(settings, offline=offline))
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
    """The data reported in addition to the findings."""
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


async def _examine_reach(settings: Settings, *, offline: bool) -> Sequence[Finding]:
    """Whether retake.tv answers, without a token, and the time that it gives."""
    if offline:
        said = "not tried, since --offline is given"
        return [Finding("platform", "skipped", said), Finding("clock", "skipped", said), _notices(settings)]
    try:
        reached = await check_connectivity(settings.origin)
    except RetakeFlowError as error:
        # A network comes and goes; a wrong setting stays wrong.
        first = failure("platform", error, "missing" if error.fault == "operator" else "warning")
        return [first, Finding("clock", "skipped", "not tried, since no time was received"), _notices(settings)]
    by = f" by the proxy {reached.proxy}; the video goes to the ingest directly" if reached.proxy else ""
    version = f"; its guide is version {reached.version}" if reached.version else ""
    said = f"{settings.origin} answers within {reached.seconds:.1f} s{by}{version}"
    if reached.status >= 400:
        hint = "check whether a browser on this machine can open it"
        first = Finding("platform", "warning", f"{settings.origin} answers with status {reached.status}{by}", hint)
    else:
        first = Finding("platform", "ok", said)
    return [first, clock(reached), _notices(settings)]


def clock(reached: Connectivity) -> Finding:
    """The difference between this machine's clock and the platform's."""
    if reached.ahead is None:
        return Finding("clock", "skipped", "retake.tv sends no time")
    seconds = abs(reached.ahead)
    if seconds <= DIFFERENCE + reached.seconds / 2:  # the answer was on its way for some of that time
        return Finding("clock", "ok", f"agrees with retake.tv's, as far as can be measured ({reached.ahead:+.1f} s)")
    way = "ahead of" if reached.ahead > 0 else "behind"
    return Finding("clock", "warning", f"{seconds:.0f} s {way} retake.tv's", "run: sudo timedatectl set-ntp true")


def _notices(settings: Settings) -> Finding:
    if not settings.notify:
        return Finding(
            "notices", "ok", "notices go to the terminal only; set RETAKE_FLOW_NOTIFY to send them elsewhere"
        )
    try:
        channels = notifiers(settings.notify)
    except SettingsError as error:
        return failure("notices", error)
    return Finding("notices", "ok", f"notices go to: {', '.join(each.channel for each in channels)}")
