"""The platform's guide as this machine keeps it, and looking whether there is a newer one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from retake_flow.api.guides import Guides
from retake_flow.settings import RETAKE, Settings

#: How long what was seen last is good enough for a person who reads, in seconds; before going live it never is.
FRESH = 86_400.0


def kept(settings: Settings, rehearsal: str = "") -> Guides:
    """The guides that are kept; what stands for retake.tv on this machine publishes no real ones.

    Args:
        settings: Of this process.
        rehearsal: The folder of the rehearsal that they are for; "" for none.

    Raises:
        SettingsError: There is no home folder to keep them in.
    """
    if rehearsal:
        return Guides(Path(rehearsal) / "guides")
    settings.require_home()
    return Guides(settings.state_folder / ("guides" if settings.origin == RETAKE else "guides-local"))


def looked(settings: Settings, guides: Guides, now: float, *, anew: bool) -> str:
    """Look which version is published, and keep its text; gives the version.

    Args:
        settings: Of this process.
        guides: Where it is kept.
        now: Seconds since the epoch.
        anew: Also when somebody has looked within a day.

    Raises:
        PlatformError: retake.tv does not tell.
    """
    seen = guides.seen
    if seen is not None and not anew and 0 <= now - seen[1] < FRESH and guides.text(seen[0]) is not None:
        return seen[0]
    return asyncio.run(_fetched(settings, guides, now))


async def _fetched(settings: Settings, guides: Guides, now: float) -> str:
    from retake_flow.api.client import RetakeClient

    async with RetakeClient(settings.origin) as client:
        version = await guides.published(client, now)
        await guides.fetched(client, version)
    return version
