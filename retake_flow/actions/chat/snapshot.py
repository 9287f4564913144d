"""Snapshot: the form in which the state of a chat is stored, and how older forms are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.actions.chat.history import CLOCKS_DIFFER
from retake_flow.run import codec

#: The version of the form, raised when older programs could not read it. The first one bore no version.
VERSION = 2


def current(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored state in the current form: `inbox`, `outbox` and `responder`; {} if nothing was stored.

    Raises:
        NewerForm: Its version is newer.
    """
    if not kept:
        return {}
    return _from_first(kept) if codec.version_of(kept, VERSION, "chat", otherwise=1) == 1 else kept


def _from_first(kept: Mapping[str, Any]) -> dict[str, Any]:
    dedup = kept.get("ledger") or kept  # before 0.1, all stood side by side
    speech = kept.get("speech") or kept
    since = kept.get("since")
    # Where it was not stored what is history, everything dated before the stream was.
    before = kept.get("before", None if since is None else since - CLOCKS_DIFFER)
    return {
        "inbox": {
            "dedup": {name: dedup[name] for name in ("seen", "polled", "single", "shared") if name in dedup},
            "authors": kept.get("known", ""),
            "before": before,
            **{name: kept[name] for name in ("recent", "unanswered", "due", "last", "tries", "since") if name in kept},
        },
        "outbox": {
            "waiting": speech.get("unsaid", []),
            "silences": speech.get("told", ""),
            **{name: speech[name] for name in ("doubt", "doubted", "times") if name in speech},
            **{name: kept[name] for name in ("hold", "spoken", "own") if name in kept},
        },
        "responder": {name: kept[name] for name in ("failures", "trouble", "troubled") if name in kept},
    }
