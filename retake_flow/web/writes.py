"""Writes: carries out requests from the page. Each function does the same as the command of its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retake_flow.engine.core.external_events import accepted_events, read_data
from retake_flow.errors import RetakeFlowError, UsageError
from retake_flow.monitor.answering import GivenAnswer, store_answer
from retake_flow.monitor.requests import require_driver, text_to_say, text_to_show
from retake_flow.monitor.subcommand import run_command
from retake_flow.ports.runs import RequestKind
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

Form = Mapping[str, Any]


def answer(desk: Desk, run: str, gate: str, form: Form, by: str) -> str:
    """Answer a question.

    Raises:
        RetakeFlowError: The answer is invalid, or another one came first.
    """
    open_gates = {one.gate.id: one.gate for one in desk.store.open_gates(run)}
    decision = str(form.get(":decision", ""))
    declared = open_gates[gate].fields_of(decision) if gate in open_gates else {}
    said = GivenAnswer(gate, filled_in(declared, _fields(form)), channel="web")
    store_answer(desk.store, run, said, decision, by)
    stored, driven = load_with_driver(desk.store, run)
    return "Answered." if stored.submitted or driven else "Answered. No process drives this run: resume it."


def say(desk: Desk, run: str, form: Form, ways: list[str], by: str) -> str:
    """Say something on stream.

    Raises:
        RetakeFlowError: There is nothing to say, or no process drives the run.
    """
    text = text_to_say(str(form.get("text", "")))
    require_driver(desk.store, run)
    chosen = [way for way in _WAYS if way in ways]
    wanted = [] if set(chosen) == _USUAL else chosen
    desk.store.request(run, "say", {"text": text, "ways": wanted, "by": by})
    return "Sent. The journal shows when it was said."


def set_scene(desk: Desk, charts: StateCharts, run: str, form: Form, by: str) -> str:
    """Choose the scene of the stage, or leave it to the flow.

    Raises:
        RetakeFlowError: There is no such scene, or no process drives the run.
    """
    scene = str(form.get("to", ""))
    known = scenes(charts.readable(desk.store.load(run)))
    if scene and scene not in known:
        raise UsageError(f"there is no scene {scene!r}; there are {', '.join(known)}")
    require_driver(desk.store, run)
    desk.store.request(run, "screen", {"to": scene, "by": by})
    return f"Asked for the scene {scene}." if scene else "Asked for the scene of the flow."


def set_title(desk: Desk, run: str, form: Form, by: str) -> str:
    """Set the title on the stage; an empty one leaves it to the flow.

    Raises:
        RetakeFlowError: The title cannot be shown, or no process drives the run.
    """
    title = text_to_show(str(form.get("title", "")))
    require_driver(desk.store, run)
    desk.store.request(run, "screen", {"data": {"title": title}, "by": by})
    return "Asked for this title." if title else "Asked for the title of the flow."


def send(desk: Desk, charts: StateCharts, run: str, event: str, form: Form, by: str) -> str:
    """Send an event that the flow declares.

    Raises:
        RetakeFlowError: The event or its data does not fit, or no process drives the run.
    """
    stored = desk.store.load(run)
    flow = charts.flow(stored.run.digest, stored.flow_text)
    data = read_data(flow, event, filled_in(accepted_events(flow).get(event, {}), _fields(form)))
    require_driver(desk.store, run)
    desk.store.request(run, "event", {"name": event, "data": data, "by": by})
    return f"Sent {event}. The journal shows whether the run takes it."


def _fields(form: Form) -> Form:
    """The fields that the flow declares; those of the page begin with a colon."""
    return {name: value for name, value in form.items() if not name.startswith(":")}


async def end(desk: Desk, run: str, what: RequestKind) -> str:
    """Stop or kill a run, whether or not a process drives it.

    Raises:
        RetakeFlowError: It has ended, or cannot be ended.
    """

    def ask(desk: Desk) -> bool:
        stored, driven = load_with_driver(desk.store, run)
        if stored.run.ended:
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
    """Continue a run in a process of its own or, if it was submitted, on the next suitable host.

    Raises:
        RetakeFlowError: It cannot.
    """
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
    import json

    try:
        last = json.loads(out.rstrip("\n").rpartition("\n")[2])
    except ValueError:
        return {}
    return last if isinstance(last, dict) else {}
