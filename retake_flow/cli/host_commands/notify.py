"""`retake-flow notify`: sends a notice to try the addresses for notices."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from retake_flow import printable
from retake_flow.cli import flow_file, terminal
from retake_flow.errors import NoticeFailed, SettingsError
from retake_flow.notices.apprise import notifiers
from retake_flow.ports.notices import Notice, Notifier
from retake_flow.settings import Settings


def notify(args: argparse.Namespace) -> int:
    """Send a test notice. The exit code is 0 when it arrived everywhere, 1 when not, and 2 when there is no address."""
    settings = Settings.from_environment()
    own = flow_file.open_flow(args.flow, settings, args.allow_outside).notify if args.flow else ()
    channels = notifiers([*settings.notify, *own])
    if not channels:
        raise SettingsError("there is no address for notices", hint="export RETAKE_FLOW_NOTIFY=… (docs/notices.md)")
    said = Notice("told", "retake-flow: a test", "Notices of retake-flow arrive here.")
    failed = asyncio.run(_send_all(channels, said))
    if args.json:
        tried = [{"channel": each.channel, "audience": each.audience} for each in channels]
        again = ["retake-flow notify --test --json"] if any(failed) else []
        tried = [{**each, "failed": why} for each, why in zip(tried, failed, strict=True)]
        terminal.emit({"tried": tried, "next": again})
    else:
        for each, why in zip(channels, failed, strict=True):
            terminal.say(printable.line(f"{each.audience}: {each.channel}: {why or 'arrived'}"))
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
