"""Run list: all runs with their figures, those that have not ended first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from retake_flow.ports.runs import Summary
from retake_flow.web.desk import Desk
from retake_flow.wiring.storing import is_driven

#: How many ended runs a page of the list has.
PER_PAGE: Final = 25
#: The filters of the list.
KINDS: Final = ("all", "live", "waiting", "ended")


def run_list(desk: Desk, *, words: str, kind: str, page: int) -> dict[str, Any]:
    """The runs of a kind that match all words, with one page of the ended ones (from 1), and whether there are more."""
    found = [summary for summary in desk.store.summaries() if _matches(summary, words.lower().split(), kind)]
    going = [summary for summary in found if summary.outcome is None]
    ended = [summary for summary in found if summary.outcome is not None]
    shown = ended[(page - 1) * PER_PAGE : page * PER_PAGE]
    rows = [_row(desk, summary) for summary in going] if page == 1 else []
    rows.sort(key=lambda row: (not row["on_air"], not row["gates"], not row["driven"]))
    return {
        "going": rows,
        "ended": [_row(desk, summary) for summary in shown],
        "more": len(ended) > page * PER_PAGE,
        "page": page,
        "words": words,
        "kind": kind,
        "kinds": KINDS,
        "questions": sum(row["gates"] for row in rows),
    }


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


def _row(desk: Desk, summary: Summary) -> dict[str, Any]:
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
        "driven": False,
        "on_air": False,
        "live_since": None,
        "viewers": None,
        "problem": summary.damage,
        "figures": {},
    }
    return row if summary.damage else row | desk.stream_status(summary)
