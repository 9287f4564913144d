"""Guide: the platform's guide as stored on this machine, and the check for a newer version."""

from __future__ import annotations

import asyncio
from pathlib import Path

from retake_flow.addresses import RETAKE
from retake_flow.api.guides import Guides
from retake_flow.settings import Settings

#: How long the last look-up is reused for readers, in seconds; going live always looks it up.
FRESH = 86_400.0


def stored_guides(settings: Settings, rehearsal: str = "") -> Guides:
    """The stored guides. A stand-in for retake.tv on this machine publishes no real ones.

    Raises:
        SettingsError: There is no home folder to store them in.
    """
    if rehearsal:
        return Guides(Path(rehearsal) / "guides")
    settings.require_home()
    return Guides(settings.state_folder / ("guides" if settings.origin == RETAKE else "guides-local"))


def look_up_version(settings: Settings, guides: Guides, now: float, *, anew: bool) -> str:
    """Look up the published version, store its text, and return the version.

    Raises:
        PlatformError: retake.tv does not answer.
    """
    seen = guides.last_seen
    if seen is not None and not anew and 0 <= now - seen[1] < FRESH and guides.text(seen[0]) is not None:
        return seen[0]
    return asyncio.run(_fetch(settings, guides, now))


async def _fetch(settings: Settings, guides: Guides, now: float) -> str:
    from retake_flow.api.client import RetakeClient

    async with RetakeClient(settings.origin) as client:
        version = await guides.look_up_version(client, now)
        await guides.fetch_text(client, version)
    return version
