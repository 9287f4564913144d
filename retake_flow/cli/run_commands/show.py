"""`retake-flow show`: shows the state of a run, what it waits for and what belongs to it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from retake_flow import printable
from retake_flow.cli import table, terminal
from retake_flow.monitor.brief import next_commands
from retake_flow.monitor.journal_text import clock, lines
from retake_flow.monitor.run_status import RunStatus
from retake_flow.monitor.run_text import describe_due, gate_lines, moment, process, since
from retake_flow.run.records import masked, parse_timestamp
from retake_flow.wiring.storing import named_run

_LAST = 10


def show(args: argparse.Namespace) -> int:
    """Show a run."""
    with named_run(args.run) as (store, run):
        found = RunStatus(store, run)
    if args.journal:
        for record in found.journal:
            terminal.emit(masked(record))
    else:
        terminal.tell({**found.data(last=_LAST), "next": next_commands(found)}, _lines(found), as_json=args.json)
    return 0


def _lines(found: RunStatus) -> list[str]:
    """The lines about a run for people."""
    head = [_head(found)]
    head += table.table([("  " + name, value) for name, value in _facts(found)])
    return [
        printable.line(head[0]),
        *map(printable.text, head[1:]),
        *_question_lines(found),
        *_process_lines(found),
        *_last(found),
    ]


def _head(found: RunStatus) -> str:
    stored, run = found.stored, found.stored.run
    file = Path(stored.flow_file).name or run.flow
    agent = f" for {stored.agent}" if stored.agent else ""
    return f"{run.id} of {file}{agent}{', a rehearsal' if run.rehearsal else ''}"


def _account(found: RunStatus) -> str:
    identity = found.stored.run.identity
    known = [identity.user_db_id, f"token from {identity.source}" if identity.fingerprint else "", identity.platform]
    return ", ".join(filter(None, known))


def _facts(found: RunStatus) -> list[tuple[str, str]]:
    run, stored, now = found.stored.run, found.stored, time.time()
    state = run.state or "none yet"
    if found.entry_record is not None:
        entered = parse_timestamp(found.entry_record["t"])
        state += f", since {moment(entered)} ({since(found.age_of_state)})"
    vitals = found.figures.vitals
    ended = f"{run.outcome}{f': {run.reason}' if run.reason else ''}" if run.has_ended else ""
    facts = [
        ("phase", run.phase.value),
        ("state", state),
        ("ended", ended),
        ("on air", vitals.on_air(found.now)),
        ("stream", vitals.stream(found.now)),
        ("scene", found.scene),
        ("viewers", vitals.viewers if vitals.on_air(found.now) else ""),
        ("encoder", vitals.encoder(found.now)),
        ("process", process(stored.holder, run.has_ended)),
        ("began", f"{moment(stored.created)} ({since(now - stored.created)} ago)"),
        ("written", f"{moment(stored.updated)} ({since(now - stored.updated)} ago)"),
        ("account", _account(found)),
        ("flow", f"{stored.flow_file or '-'} ({run.digest[:12]})"),
        ("epoch", str(stored.epoch)),
        ("rehearsal", run.rehearsal),
    ]
    return [(name, printable.line(value)) for name, value in facts if value]


def _question_lines(found: RunStatus) -> list[str]:
    lines = [f"  {line}" for asked in found.gates for line in gate_lines(asked, time.time())]
    lines += [
        f"  {printable.line(gate)}  is answered; the run takes the answer when it is resumed" for gate in found.answered
    ]
    return ["", "waits for an answer", *lines] if lines else []


def _process_lines(found: RunStatus) -> list[str]:
    """Tables of timers, activities, pending undos and programs, each with a title."""
    run, now = found.stored.run, time.time()
    owed = "not taken back" if run.has_ended else "pending undos"
    tables: dict[str, list[tuple[str, ...]]] = {
        "timers": [(place, purpose, describe_due(due, now)) for (place, purpose), due in found.timers],
        "activities": [(key, one.work.value) for key, one in found.activities.items()],
        owed: [(undo.state, undo.do) for undo in (*run.undoing, *reversed(run.undos))],
        "programs": [(f"pid {one.pid}", one.name, since(now - one.started)) for one in found.children],
    }
    lines: list[str] = []
    for title, rows in tables.items():
        if rows:
            cells = [["  " + printable.line(row[0]), *map(printable.line, row[1:])] for row in rows]
            lines += ["", title, *table.table(cells)]
    return lines


def _last(found: RunStatus) -> list[str]:
    records = [record for record in found.journal if lines(record)][-_LAST:]  # those that have a line for people
    said = [f"  {clock(record)}  {line}" for record in records for line in lines(record)]
    return ["", f"the end of its journal ({len(found.journal)} records)", *said[-_LAST:]] if said else []
