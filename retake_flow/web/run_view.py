"""Run view: the parts of a run's page, and their changes as events of a stream."""

from __future__ import annotations

import json
from typing import Any, Final

from markupsafe import Markup

from retake_flow import printable
from retake_flow.engine.core.external_events import accepted_events
from retake_flow.flow.model import Flow
from retake_flow.flow.names import SEPARATOR
from retake_flow.flow.state_parts import scene_names
from retake_flow.monitor.journal_text import lines
from retake_flow.run.records import Record, parse_timestamp
from retake_flow.web.charts import HEIGHT, WIDTH, StateCharts, charts
from retake_flow.web.live_run import Entry, LiveRun
from retake_flow.web.question_form import Field, choices, form_fields
from retake_flow.web.templates import render

#: The parts of the page that are sent again when they change.
PARTS: Final = ("head", "questions", "no-picture", "stats", "trouble", "vitals")
#: Records of effects of requests, from this page or elsewhere.
_ANSWERS: Final = frozenset(
    {"gate_answered", "gate_expired", "said", "event_refused", "scene_set", "scene_refused", "run_ended", "run_resumed"}
)
_KINDS: Final = {"state": "state", "run": "state", "gate": "question", "chat": "chat", "error": "trouble"}


def page_data(live: LiveRun, charts: StateCharts, *, read_only: bool) -> dict[str, Any]:
    """The data of a run's page."""
    entries = [Markup(_record_html(entry)) for entry in live.entries if lines(entry.record)]
    return {
        "run": live.facts,
        "number": live.number,
        "is_whole": live.is_whole,
        "read_only": read_only,
        "place": json.dumps(place(live, charts)),
        "parts": {name: Markup(_part(name, live, read_only)) for name in PARTS},
        "messages": [Markup(_message_html(message)) for message in live.messages],
        "entries": entries,
    }


def event_forms(flow: Flow | None) -> list[tuple[str, tuple[Field, ...]]]:
    """The events that a flow takes from outside, and the fields of each; none of a flow that cannot be read."""
    events = {} if flow is None else accepted_events(flow)
    return [(name, form_fields(declared, f"event-{name}")) for name, declared in events.items()]


def scenes(flow: Flow | None) -> tuple[str, ...]:
    """The scenes that can be set; of a flow that cannot be read, the built-in ones."""
    return scene_names({} if flow is None else flow.scenes)


def place(live: LiveRun, charts: StateCharts) -> dict[str, Any]:
    """The current state of a run in its chart, the states before, and the path between them."""
    run = live.followed.stored.run
    names = run.state.split(SEPARATOR) if run.state else []
    active = [SEPARATOR.join(names[: number + 1]) for number in range(len(names))]
    way = charts.way(live.followed.stored, live.way)
    return {"active": active, "visited": sorted(run.visits), "way": way}


class Parts:
    """The parts that one browser shows, so that only changes are sent."""

    def __init__(self, after: int, charts: StateCharts, *, read_only: bool) -> None:
        self._after = after
        self._charts = charts
        self._read_only = read_only
        self._sent: dict[str, str] = {}

    def news(self, live: LiveRun) -> tuple[list[str], bool]:
        """The events that update it, and whether they are the last."""
        found = [event("record", _record_data(entry), entry.number) for entry in live.since(self._after)]
        self._after = live.number
        for name in PARTS:
            html = _part(name, live, self._read_only)
            if self._is_new(name, html):
                found.append(event("part", {"id": name, "html": html}))
        where = place(live, self._charts)
        if self._is_new("place", json.dumps(where)):
            found.append(event("place", where))
        over = live.over and live.is_whole
        return [*found, event("over", {})] if over else found, over

    def _is_new(self, name: str, content: str) -> bool:
        if self._sent.get(name) == content:
            return False
        self._sent[name] = content
        return True


def event(name: str, data: Any, number: int | None = None) -> str:
    """An event of a stream."""
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {json.dumps(data)}\n\n"


def _part(name: str, live: LiveRun, read_only: bool) -> str:
    data: dict[str, Any] = {"run": live.facts, "read_only": read_only}
    match name:
        case "questions":
            data["gates"] = [(one, [] if one.damage else choices(one.gate)) for one in live.followed.gates]
        case "vitals":
            data |= {"charts": charts(live.history), "width": WIDTH, "height": HEIGHT}
    return render(f"part_{name}.html", **data)


def _record_data(entry: Entry) -> dict[str, Any]:
    said = lines(entry.record)
    tells = entry.record["event"] in _ANSWERS or (entry.record["event"] == "event_raised" and "request" in entry.record)
    words = said or ([f"The run has taken {entry.record['name']}."] if tells and "name" in entry.record else [])
    return {
        "number": entry.number,
        "journal": _record_html(entry) if said else "",
        "chat": _message_html({"number": entry.number, **entry.message}) if entry.message else "",
        "tell": printable.text(words[0]) if tells and words else "",
    }


def _record_html(entry: Entry) -> str:
    said, at = lines(entry.record), parse_timestamp(entry.record["t"])
    return render("record.html", number=entry.number, at=at, said=said, kind=_kind(entry.record, said))


def _message_html(message: dict[str, Any]) -> str:
    return render("message.html", message=message, at=parse_timestamp(message["at"]))


def _kind(record: Record, said: list[str]) -> str:
    if said and said[0].startswith("!"):
        return "trouble"
    return _KINDS.get(record["event"].partition("_")[0], "other")
