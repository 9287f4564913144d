"""Plan text: renders a plan for people and for programs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from retake_flow.cli import table
from retake_flow.flow.duration import exact
from retake_flow.sanitize import one_line
from retake_flow.whatif.plan.plan import Kind, Plan, Step
from retake_flow.whatif.plan.samples import placeholder

_INDENT = "    "
#: Precedes quoted texts, so that none can look like a line of the plan.
_QUOTE = _INDENT + "│ "
_LEAST = 40
#: A call is not broken between its method and its path.
_CALL = re.compile(r"\b(GET|POST) (?=/)")
_JOINT = "\u00a0"


def document(plan: Plan, origins: Mapping[str, str]) -> dict[str, Any]:
    """A plan as one JSON object. `origins` names the source of inputs that the flow does not hold."""
    steps = [{"t": step.t, "kind": str(step.kind), "state": step.state, **step.facts} for step in plan.steps]
    return {
        "flow": plan.flow,
        "assumed": dict(plan.assumed),
        "outside": dict(origins),
        "steps": steps,
        "ended": plan.ended,
        "t": plan.t,
        "state": plan.state,
        "reason": plan.reason,
        "expects": list(plan.expects),
    }


def lines(plan: Plan, origins: Mapping[str, str], width: int | None = None) -> Iterator[str]:
    """A plan as a table of time, state and steps, and its summary, in lines of any length without a `width`."""
    assumed = ", ".join(f"{written} ({place})" for written, place in plan.assumed.items())
    yield f"{plan.flow}, if all goes well" + (f" except {assumed}:" if assumed else ":")
    yield ""
    rows = [("TIME", "STATE", "WHAT"), *_rows(plan)]
    before = sum(max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    left = None if width is None else max(width - before, _LEAST)
    yield from table.table([broken for row in rows for broken in _break_line(row, left)])
    yield ""
    for line in _summary(plan, origins):
        yield from _wrap(one_line(line), width, " " * 11)


def _break_line(row: tuple[str, str, str], width: int | None) -> Iterator[tuple[str, str, str]]:
    """A row as several, where it is too long for one."""
    time, state, what = row
    indent = _QUOTE if what.startswith(_QUOTE) else what[: len(what) - len(what.lstrip())] + "  "
    for line in _wrap(what, width, indent):
        yield time, state, line
        time = state = ""


def _wrap(line: str, width: int | None, indent: str) -> list[str]:
    if width is None:
        return [line]
    kept = _CALL.sub(rf"\1{_JOINT}", line)
    broken = textwrap.wrap(kept, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    return [part.replace(_JOINT, " ") for part in broken] or [""]


def _rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """The rows of the table; a time or a state that is the same as in the row above is left out."""
    above: tuple[str, str] | None = None
    for step, text in _lines_by_step(plan.steps):
        time, state = exact(step.t), step.state
        for number, line in enumerate(text):
            same_time = above is not None and (above[0] == time or number > 0)
            same_state = above == (time, state)
            yield "" if same_time else time, "" if same_state else state, line
            above = time, state


def _lines_by_step(steps: tuple[Step, ...]) -> Iterator[tuple[Step, list[str]]]:
    """The lines of each step. The entry into a state is implied by what happens there, and shown if nothing does."""
    entered: Step | None = None
    programs: list[str] = []
    for step in steps:
        if step.kind is Kind.STATE:
            if entered is not None:
                yield entered, ["passes"]
            entered = step if step.facts["is"] not in ("states", "flow") else entered
            if step.facts["is"] == "final":
                yield step, [f"ends: {step.facts['outcome']}"]
                entered = None
            continue
        if entered is not None and step.state == entered.state:
            entered = None
        if step.kind is Kind.PROCESS and not step.facts["lasts"]:
            programs += step.facts["programs"]
            continue
        yield step, _SAID[step.kind](step, "".join(f"{program}, " for program in programs))
        programs = []
    if entered is not None:
        yield entered, ["rests"]


# --- one step -----------------------------------------------------------------------------------------------


def _performance(step: Step, before: str) -> list[str]:
    facts = step.facts
    called = step.kind is Kind.REQUEST
    undone = f"  (undoes {facts['undo']})" if called and "undo" in facts else ""
    does = facts["call" if called else "action"]
    said = f"{_pace(facts)}{before}{does}{_name(facts)}{_poll(facts)}{_end(facts)}{undone}"
    return [said, *_messages(facts), *_possible_errors(facts)]


def _process(step: Step, before: str) -> list[str]:
    exits = step.facts["outcome"] == "exited"
    end = " → exits after 1m" if exits else "" if step.facts["outcome"] == "ready" else _end(step.facts)
    return [f"starts {', '.join(step.facts['programs'])}{_name(step.facts)}{end}", *_possible_errors(step.facts)]


def _activity_end(step: Step, before: str) -> list[str]:
    programs = ", ".join(step.facts["programs"])
    if "why" in step.facts:
        return [f"{programs} is gone{_name(step.facts)}: {step.facts['why']}"]
    return [f"ends {programs}"]


def _tell(step: Step, before: str) -> list[str]:
    return [f"{_pace(step.facts)}tells the operator{_end(step.facts)}", *_messages(step.facts)]


def _question(step: Step, before: str) -> list[str]:
    from retake_flow.run.answers import describe_fields

    facts = step.facts
    asked = facts["schema"]
    ways = asked.get("decisions", {"": asked})
    said = [f"asks a person{_name(facts)}", *_quote(facts["message"])]
    for decision, fields in ways.items():
        needed = set(fields["required"])
        declared = {name: {**each, "optional": name not in needed} for name, each in fields["properties"].items()}
        said += [f"{_INDENT}◦ {decision}"] if decision else []
        said += [
            f"{_INDENT}{'  ' if decision else '◦ '}{name}: {meaning}" for name, meaning in describe_fields(declared)
        ]
    times = [("reminds after", facts.get("remind")), ("waits for", facts.get("timeout"))]
    limits = ", ".join(f"{what} {exact(value)}" for what, value in times if value is not None)
    said += [_INDENT + limits] if limits else []
    return [*said, f"→ {_answer(facts['answered'])}"]


def _answer(answered: Mapping[str, Any] | None) -> str:
    if answered is None:
        return "nobody answers"
    told = {name: value for name, value in answered.get("fields", {}).items() if value != placeholder(name)}
    fields = ", ".join(f"{name}: {_value(value)}" for name, value in told.items())
    return " ".join(part for part in (answered["decision"], fields) if part) or "answered"


def _timer(step: Step, before: str) -> list[str]:
    facts = step.facts
    said = {
        "wait": f"waits until {facts['until']}" if "until" in facts else f"waits {exact(facts['after'])}",
        "timeout": f"timeout after {exact(facts['after'])}",
        "remind": "reminds of the question",
        "escalate": "somebody else is asked too",
    }
    return [said.get(facts["purpose"], facts["purpose"]) + _name(facts)]


def _event(step: Step, before: str) -> list[str]:
    return [f"event {step.facts['event']}{_name(step.facts)}"]


def _repetition(step: Step, before: str) -> list[str]:
    facts = step.facts
    if facts["times"] is None:
        return ["… and so on"]
    states = " → ".join(state.rpartition("/")[2] for state in facts["states"])
    until = f" until {exact(facts['until'])}" if facts["until"] > step.t else ""
    return [f"… {facts['times']} times more{until}{': ' * bool(states)}{states}"]


_SAID: Mapping[Kind, Callable[[Step, str], list[str]]] = {
    Kind.REQUEST: _performance,
    Kind.PROCESS: _process,
    Kind.ENDED: _activity_end,
    Kind.ACTION: _performance,
    Kind.TELL: _tell,
    Kind.SCENE: lambda step, before: [f"shows the scene {step.facts['scene']}"],
    Kind.QUESTION: _question,
    Kind.TIMER: _timer,
    Kind.RETRY: lambda step, before: [f"tries again after {exact(step.facts['after'])}"],
    Kind.EVENT: _event,
    Kind.REPEATED: _repetition,
}


# --- parts of a line ----------------------------------------------------------------------------------------


def _name(facts: Mapping[str, Any]) -> str:
    return f" ({facts['activity'].rpartition(':')[2]})" if "activity" in facts else ""


def _pace(facts: Mapping[str, Any]) -> str:
    if "every" not in facts:
        return f"after {exact(facts['delay'])}: " if "delay" in facts else ""
    delayed = facts.get("delay")
    quiet = f", {exact(facts['quiet'])} when idle" if "quiet" in facts else ""
    first = f", first after {exact(delayed)}" if delayed and delayed != facts["every"] else ""
    return f"every {exact(facts['every'])}{quiet}{first}: "


def _possible_errors(facts: Mapping[str, Any]) -> list[str]:
    """The calls that are made only in some cases."""
    return [f"{_INDENT}{when}: {call}" for call, when in facts.get("may", {}).items()]


def _poll(facts: Mapping[str, Any]) -> str:
    if "poll" not in facts:
        return ""
    poll = facts["poll"]
    limit = f" for {_span(poll['timeout'])} at most" if "timeout" in poll else ""
    return f", every {_span(poll['every'])} until {poll['until']}{limit}"


def _span(time: float | str) -> str:
    """A duration, or the expression that gives it only in a run."""
    return time if isinstance(time, str) else exact(time)


def _end(facts: Mapping[str, Any]) -> str:
    if "outcome" not in facts:
        return ""
    if "message" in facts:
        return f" → {facts['outcome']}: {facts['message']}"
    told = [f"{name}: {_value(value)}" for name, value in facts.get("result", {}).items()]
    outcome = [] if facts["outcome"] == "done" else [facts["outcome"] or "does not end by itself"]
    return f" → {', '.join(outcome + told)}" if outcome or told else ""


def _messages(facts: Mapping[str, Any]) -> list[str]:
    return _quote(facts.get("says", ""))


def _quote(text: str) -> list[str]:
    return [_QUOTE + line for line in text.splitlines()]


def _value(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- summary ---------------------------------------------------------------------------------------


def _summary(plan: Plan, origins: Mapping[str, str]) -> Iterator[str]:
    after = f" after {exact(plan.t)}" if plan.t else ""
    if plan.ended is not None:
        yield f"It ends {plan.ended}{after}{': ' if plan.reason else '.'}{plan.reason}"
    else:
        further = f" It continues with {', '.join(plan.expects)}." if plan.expects else " The plan goes no further."
        yield f"It is in {plan.state}{after}: {plan.reason}.{further}"
    calls = [step.facts["call"] for step in plan.of(Kind.REQUEST)]
    programs = [program for step in plan.of(Kind.PROCESS) for program in step.facts["programs"]]
    questions = [step.facts.get("activity", step.state) for step in plan.of(Kind.QUESTION)]
    for what, named in (("Calls", calls), ("Programs", programs), ("Questions", questions)):
        yield f"{what:<11}{', '.join(dict.fromkeys(named)) or 'none'}"
    yield from _retries(plan)
    if origins:
        told = "; ".join(f"{name} from {origin}" for name, origin in origins.items())
        yield f"{'Inputs':<11}{told}; the plan uses samples or defaults for them"


def _retries(plan: Plan) -> Iterator[str]:
    """The number of retries by what fails. Restarted programs are reported where they are listed."""
    often: dict[int, dict[str, None]] = {}
    for step in plan.steps:
        if "retry" in step.facts and not step.facts.get("lasts"):
            name = step.facts.get("activity", step.state).rpartition(":")[2].rpartition("/")[2]
            often.setdefault(step.facts["retry"]["max"], {})[name] = None
    said = [f"{', '.join(names)} {count}" for count, names in sorted(often.items()) if count]
    if said:
        yield f"{'Retries':<11}{'; '.join(said)}"
