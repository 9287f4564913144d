"""Run text: renders stored runs in words for people and as JSON data for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from retake_flow import printable
from retake_flow.ports.runs import Holder, OpenGate
from retake_flow.run.answers import as_record, commands, describe_fields
from retake_flow.run.records import masked, timestamp
from retake_flow.wiring.storing import is_alive, this_process

_DAY = 86400
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def since(seconds: float) -> str:
    """A time span as a single number: `8s`, `3m`, `2h`, `5d`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def moment(at: float) -> str:
    """A local date and time."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def describe_due(at: float, now: float) -> str:
    """Say when something is due: `due in 3m (12:30:00)`, `overdue for 3m`."""
    if at < now:
        return f"overdue for {since(now - at)}"
    soon = f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"
    return f"due in {since(at - now)} ({soon if at - now < _DAY else moment(at)})"


def process(holder: Holder | None, ended: bool) -> str:
    """Which process drives a run: `pid 12`, `pid 12@host, lease 30s` elsewhere, `died`, or `-` for none."""
    if holder is None or ended:
        return "-"

    if holder.has_moved:
        return "moved"
    if not is_alive(holder):
        return "died"
    us = this_process()
    here = holder.host == us.host and holder.where in ("", us.where)
    lease = f", lease {max(0.0, holder.lease):.0f}s" if holder.lease is not None and not here else ""
    return f"pid {holder.pid}" + ("" if here else f"@{holder.host}{lease}")


def holder_data(holder: Holder | None) -> dict[str, Any] | None:
    """The process that drives a run, and whether it is alive, as JSON data."""
    if holder is None:
        return None
    lease = None if holder.lease is None else round(holder.lease, 1)
    alive = is_alive(holder) and not holder.has_moved
    return {"host": holder.host, "pid": holder.pid, "alive": alive, "lease_seconds_left": lease}


def gate_data(asked: OpenGate) -> dict[str, Any]:
    """An open question as JSON data."""
    if asked.damage:
        again = [f"retake-flow resume {asked.run} --detach --json"]  # in the form that the run uses
        return {"run": asked.run, "flow": asked.flow, "gate": asked.gate.id, "damage": asked.damage, "next": again}
    opened_at = timestamp(asked.gate.opened_at)
    question = {"due": None, **as_record(asked.run, asked.gate), "opened_at": opened_at}
    about = {"run": asked.run, "flow": asked.flow, **question, "next": commands(asked.run, asked.gate)}
    data: dict[str, Any] = masked(about)
    return data


def gate_lines(asked: OpenGate, now: float) -> list[str]:
    """An open question for people: the question, the possible answers, and the command that answers it."""
    gate = asked.gate
    if asked.damage:
        return [printable.line(asked.damage)]
    due = f", {describe_due(gate.due, now)}" if gate.due is not None else ""
    lines = [f"{gate.id}  asked of {gate.audience} {since(now - gate.opened_at)} ago{due}"]
    lines += [f"    {line}" for line in gate.message.splitlines()]
    for decision, fields in gate.decisions.items() or [("", gate.fields)]:
        lines += [f"  decision {decision}"] if decision else []
        lines += [f"    {name}: {meaning}" for name, meaning in describe_fields(fields)]
    lines += [f"  answer: {command}" for command in commands(asked.run, gate)]
    return [printable.text(line).replace("\n", " ") for line in lines]
