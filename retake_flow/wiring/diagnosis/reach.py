"""Reachability checks: retake.tv, its clock, the route to it, and the addresses of notices."""

from __future__ import annotations

from collections.abc import Sequence

from retake_flow.api.connectivity import Connectivity, check_connectivity
from retake_flow.errors import RetakeFlowError, SettingsError
from retake_flow.notices.apprise import notifiers
from retake_flow.settings import Settings
from retake_flow.wiring.diagnosis.finding import Finding, failure

#: The largest accepted difference of this machine's clock, in seconds.
DIFFERENCE = 2.0


async def examine(settings: Settings, *, offline: bool) -> Sequence[Finding]:
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
        hint = "see whether a browser on this machine can open it"
        first = Finding("platform", "warning", f"{settings.origin} answers with status {reached.status}{by}", hint)
    else:
        first = Finding("platform", "ok", said)
    return [first, clock(reached), _notices(settings)]


def clock(reached: Connectivity) -> Finding:
    """The difference between this machine's clock and the platform's."""
    if reached.ahead is None:
        return Finding("clock", "skipped", "retake.tv sends no time")
    seconds = abs(reached.ahead)
    if seconds <= DIFFERENCE:
        return Finding("clock", "ok", f"agrees with retake.tv's as exactly as can be measured ({reached.ahead:+.1f} s)")
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
