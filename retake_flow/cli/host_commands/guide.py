"""`retake-flow guide`: shows the platform's guide and its changes."""

from __future__ import annotations

import argparse
import time
from typing import Any

from retake_flow import printable
from retake_flow.api.guides import Guides
from retake_flow.cli import terminal
from retake_flow.errors import PlatformError, UsageError
from retake_flow.settings import Settings
from retake_flow.wiring.guide import look_up_version, stored_guides


def guide(args: argparse.Namespace) -> int:
    """Show the newest guide, or its changes since an older one; the stored one when retake.tv does not answer."""
    settings = Settings.from_environment()
    guides = stored_guides(settings)
    version = _newest(settings, guides, time.time(), anew=args.refresh)
    data: dict[str, Any] = {"version": version, "kept": guides.versions(), "path": str(guides.path(version))}
    if args.diff or args.since:
        data |= _difference(guides, version, args.since)
    else:
        data["text"] = printable.text(guides.text(version) or "")
    told = {**data, "next": [] if "diff" in data else ["retake-flow guide --diff --json"]}
    said = data["diff"] or data["summary"] if "diff" in data else data["text"]
    terminal.tell(told, [said], as_json=args.json)
    return 0


def _newest(settings: Settings, guides: Guides, now: float, *, anew: bool) -> str:
    """The published version, or the newest stored version when the platform cannot be reached."""
    try:
        return look_up_version(settings, guides, now, anew=anew)
    except PlatformError as error:
        versions = guides.versions()
        if not versions:
            raise
        terminal.advise(f"retake-flow: {printable.line(error.message)}; this is the stored version")
        return versions[-1]


def _difference(guides: Guides, version: str, since: str) -> dict[str, Any]:
    older = guides.before(version, since)
    if since and guides.path(older) != guides.path(since):
        kept = ", ".join(guides.versions())
        raise UsageError(
            f"version {since} of the guide is not stored, so {version} cannot be compared with it",
            hint=f"stored versions: {kept}",
        )
    found = guides.difference(older, version)
    if found is None:
        return {
            "since": None,
            "diff": "",
            "summary": f"No version of the guide before {version} is stored, so there is nothing to compare.",
        }
    diff = printable.text("\n".join(found.lines))
    return {"since": older, "diff": diff, "summary": printable.text(found.summary)}
