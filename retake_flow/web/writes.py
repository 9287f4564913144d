"""Writes: carries out requests from the page. Each function does the same as the command of its name.

All raise a `RetakeFlowError` when the request does not fit the run or its flow, or no process drives the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from retake_flow.engine.core.external_events import accepted_events, read_data
from retake_flow.errors import RetakeFlowError, UsageError
from retake_flow.flow.fields import Declared
from retake_flow.monitor.answering import GivenAnswer, store_answer
from retake_flow.monitor.requests import require_driver, text_to_say, text_to_show
from retake_flow.monitor.subcommand import run_command
from retake_flow.ports.runs import RequestKind, Runs
from retake_flow.web.charts import StateCharts
from retake_flow.web.desk import Desk
from retake_flow.web.question_form import filled_in
from retake_flow.web.run_view import scenes
from retake_flow.wiring.storing import load_with_driver

#: The default ways to say something, as far as the run has them.
_USUAL: Final = {"voice", "screen"}
_WAYS: Final = ("voice", "screen", "chat")
#: Seconds for a command about a run that no process drives.
_WITHIN: Final = 50.0


@dataclass(frozen=True)
class Write:
    """A request of a person to a run.

    Attributes:
        store: The store.
        charts: The flows of runs.
        run: The id of the run.
        what: The question or the event in the address; "" when it names none.
        form: The fields.
        by: The name of the person.
    """

    store: Runs
    charts: StateCharts
    run: str
    what: str
    form: FormData
    by: str

    def field(self, name: str) -> str:
        """A field of the form; "" when it is missing."""
        return str(self.form.get(name, ""))

    def declared(self, fields: Declared) -> dict[str, Any]:
        """The values of the fields that the flow declares; those of the page begin with a colon."""
        return filled_in(fields, {name: value for name, value in self.form.items() if not name.startswith(":")})

    def send(self, kind: RequestKind, data: Mapping[str, Any]) -> None:
        """Send a request to the process that drives the run."""
        require_driver(self.store, self.run)
        self.store.request(self.run, kind, {**data, "by": self.by})


def answer(asked: Write) -> str:
    """Answer a question."""
    store, run, gate, decision = asked.store, asked.run, asked.what, asked.field(":decision")
    open_gates = {one.gate.id: one.gate for one in store.open_gates(run)}
    declared = open_gates[gate].fields_of(decision) if gate in open_gates else {}
    said = GivenAnswer(gate, asked.declared(declared), channel="web")
    store_answer(store, run, said, decision, asked.by)
    stored, driven = load_with_driver(store, run)
    return "Answered." if stored.submitted or driven else "Answered. No process drives this run: resume it."


def say(asked: Write) -> str:
    """Say something on stream."""
    text = text_to_say(asked.field("text"))
    chosen = [way for way in _WAYS if way in asked.form.getlist("way")]
    asked.send("say", {"text": text, "ways": [] if set(chosen) == _USUAL else chosen})
    return "Sent. The journal shows when it was said."


def set_scene(asked: Write) -> str:
    """Choose the scene of the stage, or leave it to the flow."""
    scene = asked.field("to")
    known = scenes(asked.charts.readable(asked.store.load(asked.run)))
    if scene and scene not in known:
        raise UsageError(f"there is no scene {scene!r}; there are {', '.join(known)}")
    asked.send("screen", {"to": scene})
    return f"Asked for the scene {scene}." if scene else "Asked for the scene of the flow."


def set_title(asked: Write) -> str:
    """Set the title on the stage; an empty one leaves it to the flow."""
    title = text_to_show(asked.field("title"))
    asked.send("screen", {"data": {"title": title}})
    return "Asked for this title." if title else "Asked for the title of the flow."


def send(asked: Write) -> str:
    """Send an event that the flow declares."""
    stored = asked.store.load(asked.run)
    flow = asked.charts.flow(stored.run.digest, stored.flow_text)
    data = read_data(flow, asked.what, asked.declared(accepted_events(flow).get(asked.what, {})))
    asked.send("event", {"name": asked.what, "data": data})
    return f"Sent {asked.what}. The journal shows whether the run takes it."


#: What carries out a request, by the end of its address.
WRITES: Final[Mapping[str, Callable[[Write], str]]] = {
    "gates/{what:path}": answer,
    "say": say,
    "scene": set_scene,
    "title": set_title,
    "send/{what}": send,
}


async def end(desk: Desk, run: str, what: RequestKind) -> str:
    """Stop or kill a run, whether or not a process drives it."""

    def ask(desk: Desk) -> bool:
        stored, driven = load_with_driver(desk.store, run)
        if stored.run.has_ended:
            raise UsageError(f"{run} has already ended")
        if driven:
            desk.store.request(run, what)
        return driven

    if not await desk.do(ask):
        ended = await _command(what, run, "--json", "--within", f"{_WITHIN - 10:g}s")
        if not ended.get("ended"):
            if (waits := ended.get("waits")) is None:
                return f"Asked to {what}; the run is about to end."
            return f"Asked to {what}; a host does it once it has the run" + (f": {waits}" if waits else "")
        return "Ended."
    return "Asked to stop; the run ends cleanly." if what == "stop" else "Asked to end at once."


async def go_on(desk: Desk, run: str) -> str:
    """Continue a run in a process of its own or, if it was submitted, on the next suitable host."""
    if await desk.do(lambda desk: desk.store.load(run).submitted):
        await _command("submit", "--run", run, "--json")
        return "It continues as soon as a host has free capacity."
    await _command("resume", run, "--detach", "--json", "--within", "2s")
    return "The run continues."


async def _command(*arguments: str) -> Mapping[str, Any]:
    """Run a command, and return the object that it printed last."""
    try:
        code, out, err = await run_command(*arguments, within=_WITHIN)
    except TimeoutError:
        raise RetakeFlowError(f"`{arguments[0]}` took longer than {_WITHIN:g} s; it may still take effect") from None
    last = _last(out)
    if code not in (0, 4) and last.get("effect") != "queued":
        said = str(last.get("message") or last.get("reason") or "")
        raise RetakeFlowError(said or err.strip()[-300:] or f"`{arguments[0]}` failed")
    return last


def _last(out: str) -> Mapping[str, Any]:
    """The object that a command printed last; an empty one without it."""
    try:
        last = json.loads(out.rstrip("\n").rpartition("\n")[2])
    except ValueError:
        return {}
    return last if isinstance(last, dict) else {}
