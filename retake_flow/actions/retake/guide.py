"""Guide action: compares the platform's guide with the version that the flow was written for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from retake_flow.actions.agent_session import Access
from retake_flow.actions.base import Family
from retake_flow.api.guides import Guides, same
from retake_flow.errors import GuideUnkept, PlatformError
from retake_flow.ports.actions import Call, Completion


class GuideActions(Family):
    """Checks whether the guide is still the version that the flow was written for.

    Args:
        access: The agent's credentials and client.
        written_for: The version that the flow was written for.
        guides: The folder where guides are kept for the operator.
        now: Seconds since the epoch.
    """

    def __init__(self, access: Access, written_for: str, guides: Guides, now: Callable[[], float]) -> None:
        self._access = access
        self._written_for = written_for
        self._guides = guides
        self._now = now
        self.tasks = {"retake.check_guide": self.check}

    async def check(self, call: Call) -> Completion:
        """Compare versions as versions; a guide is kept as a text for people and never acted on."""
        client, guides = self._access.client(anonymous=True), self._guides
        written_for = str(call.inputs.get("written_for") or self._written_for)
        version = await guides.look_up_version(client, self._now())
        value = {"version": version, "written_for": written_for, "path": "", "summary": ""}
        if not written_for or same(version, written_for):
            with suppress(PlatformError, GuideUnkept):  # kept for a later comparison; nothing depends on it now
                value["path"] = str(await guides.fetch_text(client, version))
            return Completion("unchanged", value)
        where = "in no file"
        try:  # the change must be reported in any case
            value["path"] = str(await guides.fetch_text(client, version))
            where = f"in {value['path']}"
        except PlatformError as error:
            where = f"not to be had ({error.message})"
        except GuideUnkept:
            pass
        changed = guides.difference(guides.before(version, written_for), version)
        value["summary"] = changed.summary if changed else "No earlier text is kept that it could be compared with."
        message = (
            f"the platform's guide is now version {version}; this flow was written for {written_for}. "
            f"{value['summary']} `retake-flow guide --diff` shows it; its text is {where}"
        )
        return Completion("changed", value, notes=[("notice", {"kind": "guide_changed", "message": message})])
