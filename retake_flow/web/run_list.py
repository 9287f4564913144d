"""Run list: all runs with their figures, those that have not ended first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from retake_flow.errors import RetakeFlowError
from retake_flow.monitor.following import Following
from retake_flow.ports.runs import Runs, Summary
from retake_flow.web.live_run import stream_facts
from retake_flow.wiring.storing import is_driven

#: How many ended runs a page of the list has.
PER_PAGE: Final = 25
#: The filters of the list.
KINDS: Final = ("all", "live", "waiting", "ended")


#: Seconds for which the same list is not read again.
_LASTS: Final = 2.0
_MOST_KNOWN: Final = 512


class RunList:
    """The list of all runs; only what may have changed is read again. It is for one thread."""

    def __init__(self) -> None:
        self._last: tuple[float, object, dict[str, Any]] = (0.0, None, {})
        self._known: OrderedDict[str, tuple[object, dict[str, Any]]] = OrderedDict()

    def read(self, store: Runs, *, words: str, kind: str, page: int) -> dict[str, Any]:
        """The runs of a kind that match all words, one page of the ended ones (from 1), and whether there are more.

        Of browsers that ask at once, only the first has it read.
        """
        when, asked, found = self._last
        if asked != (words, kind, page) or time.monotonic() - when > _LASTS:
            found = self._read(store, words, kind, page)
            self._last = time.monotonic(), (words, kind, page), found
        return found

    def _read(self, store: Runs, words: str, kind: str, page: int) -> dict[str, Any]:
        found = [summary for summary in store.summaries() if _matches(summary, words.lower().split(), kind)]
        going = [summary for summary in found if summary.outcome is None]
        ended = [summary for summary in found if summary.outcome is not None]
        shown = ended[(page - 1) * PER_PAGE : page * PER_PAGE]
        rows = [self._row(store, summary) for summary in going] if page == 1 else []
        rows.sort(key=lambda row: (not row["on_air"], not row["gates"], not row["driven"]))
        return {
            "going": rows,
            "ended": [self._row(store, summary) for summary in shown],
            "more": len(ended) > page * PER_PAGE,
            "page": page,
            "words": words,
            "kind": kind,
            "kinds": KINDS,
            "questions": sum(row["gates"] for row in rows),
        }

    def _row(self, store: Runs, summary: Summary) -> dict[str, Any]:
        row = {
            "id": summary.id,
            "agent": summary.agent or summary.flow,
            "flow": Path(summary.flow_file).stem or summary.flow,
            "rehearsal": bool(summary.rehearsal),
            "phase": "damaged" if summary.damage else summary.phase.value,
            "state": summary.state,
            "outcome": summary.outcome,
            "reason": summary.damage or summary.reason,
            "gates": summary.gates,
            "created": summary.created,
            "updated": summary.updated,
        }
        return row | (_unreadable(summary.damage) if summary.damage else self._stream(store, summary))

    def _stream(self, store: Runs, summary: Summary) -> dict[str, Any]:
        """The status of a run's stream, read again only when it may have changed."""
        version = summary.updated, is_driven(summary.holder)
        known = self._known.pop(summary.id, None)
        if known is None or known[0] != version or known[1]["problem"]:
            known = version, _read_stream(store, summary.id)
        self._known[summary.id] = known
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return known[1]


def _read_stream(store: Runs, run: str) -> dict[str, Any]:
    try:
        return stream_facts(Following(store, run))
    except RetakeFlowError as error:
        return _unreadable(error.message)


def _unreadable(why: str) -> dict[str, Any]:
    return {"driven": False, "on_air": False, "live_since": None, "viewers": None, "problem": why, "figures": {}}


def _matches(summary: Summary, words: Iterable[str], kind: str) -> bool:
    text = " ".join(
        (
            summary.id,
            summary.agent,
            summary.flow,
            summary.phase.value,
            summary.state,
            "rehearsal" * bool(summary.rehearsal),
        )
    ).lower()
    return all(word in text for word in words) and _is(summary, kind)


def _is(summary: Summary, kind: str) -> bool:
    match kind:
        case "live":
            return summary.outcome is None and not summary.damage and is_driven(summary.holder)
        case "waiting":
            return summary.outcome is None and summary.gates > 0
        case "ended":
            return summary.outcome is not None
        case _:
            return True
