"""`retake-flow doctor` and `notify`: test whether this machine can go live, and whether notices arrive."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Iterator, Sequence
from typing import Any

from retake_flow import printable
from retake_flow.cli import flow_file, terminal
from retake_flow.errors import NoticeFailed, SettingsError
from retake_flow.notices.apprise import notifiers
from retake_flow.ports.notices import Notice, Notifier
from retake_flow.settings import Settings

_MARKS = {"ok": "ok", "warning": "warning", "missing": "MISSING", "skipped": "skipped"}


def doctor(args: argparse.Namespace) -> int:
    """Run all checks. The exit code is 6 when something required is missing."""
    try:
        found = asyncio.run(_examine(Settings.from_environment(), offline=args.offline, within=args.within))
    except asyncio.CancelledError:  # as by SIGTERM
        return 130
    begin = "retake-flow run agent.yaml --rehearse --name rehearsal --detach --json"
    told = {**found, "next": [begin if found["ready"] else "retake-flow doctor --json"]}
    terminal.tell(told, _lines(found), as_json=args.json)
    return 0 if found["ready"] else 6


async def _examine(settings: Settings, *, offline: bool, within: float) -> dict[str, Any]:
    from retake_flow.wiring.diagnosis.examination import examine  # with all that a stream needs

    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await examine(settings, offline=offline, within=within)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    for each in found["checks"]:
        yield f"{_MARKS[each['status']]:<7}  {each['check']:<15} {printable.line(each['message'])}"
        if each["hint"]:
            yield f"{'':<24} → {printable.line(each['hint'])}"
    if found["install"]:
        yield f"\nInstall what is missing:\n    {found['install']}"
    number, warnings = found["missing"], found["warnings"]
    told = "This machine is ready" if found["ready"] else f"{number} of what a stream needs is missing"
    beside = f"; a stream can do without the warnings ({warnings})" if warnings else ""
    yield f"\n{told}{beside}. It took {found['seconds']} s."


def notify(args: argparse.Namespace) -> int:
    """Send a test notice. The exit code is 0 when it arrived everywhere, 1 when not, and 2 when there is no address."""
    settings = Settings.from_environment()
    own = flow_file.open_flow(args.flow, settings, args.allow_outside).notify if args.flow else ()
    channels = notifiers([*settings.notify, *own])
    if not channels:
        raise SettingsError("there is no address for notices", hint="export RETAKE_FLOW_NOTIFY=… (docs/notices.md)")
    said = Notice("told", "retake-flow: a test", "Notices of retake-flow arrive here.")
    failed = asyncio.run(_send_all(channels, said))
    tried = [(each.channel, each.audience, why) for each, why in zip(channels, failed, strict=True)]
    told = [dict(zip(("channel", "audience", "failed"), each, strict=True)) for each in tried]
    again = ["retake-flow notify --test --json"] if any(failed) else []
    lines = (printable.line(f"{audience}: {channel}: {why or 'arrived'}") for channel, audience, why in tried)
    terminal.tell({"tried": told, "next": again}, lines, as_json=args.json)
    return 1 if any(failed) else 0


async def _send_all(channels: Sequence[Notifier], notice: Notice) -> list[str]:
    """Send a notice by all channels at once, and return why each failed; "" when it arrived."""
    return await asyncio.gather(*(_send(channel, notice) for channel in channels))


async def _send(channel: Notifier, notice: Notice) -> str:
    try:
        await channel.send(notice)
    except NoticeFailed as error:
        return error.message
    return ""
