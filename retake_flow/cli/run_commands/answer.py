"""`retake-flow answer` and `gates`: answer a question of a run from any terminal or program, and list the open ones."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NoReturn

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.cli.arguments import json_object
from retake_flow.errors import UsageError
from retake_flow.monitor.answering import GivenAnswer, store_answer, wait_until_taken
from retake_flow.monitor.brief import next_for
from retake_flow.monitor.requests import why_undriven
from retake_flow.monitor.run_text import gate_data, gate_lines
from retake_flow.run.records import masked, timestamp
from retake_flow.settings import Settings
from retake_flow.wiring.storing import named_run, open_store, this_user

STANDARD_INPUT = "-"
_MARK = "\ufeff"  # the byte order mark that some editors and shells write before a text


def answer(args: argparse.Namespace) -> int:
    """Answer a gate. The first valid answer wins."""
    said = parse_words(args.words)  # before the store is opened: standard input may take its time
    with named_run(args.run) as (store, run):
        gate, answer = store_answer(store, run, said, args.decision, args.by or this_user())
        taken = wait_until_taken(store, run, gate, args.within)
        undriven = "" if taken else why_undriven(store, run)  # having taken it, it may have ended
        data = {
            "run": run,
            "gate": gate.id,
            "answered": True,
            "effect": "done" if taken else "queued",
            "decision": answer.decision,
            "by": answer.by,
            "channel": answer.channel,
            "at": timestamp(answer.at),
            "driven": not undriven,
            "submitted": store.load(run).submitted,
            "next": next_for(store, run),
        }
    _report(data, undriven, args.json)
    return 0


def _report(data: dict[str, Any], undriven: str, as_json: bool) -> None:
    if as_json:
        terminal.emit(masked(data))
        return
    run = printable.line(data["run"])
    waits = "; the run has not taken it yet" if data["driven"] and data["effect"] == "queued" else ""
    if undriven and data["submitted"]:
        waits, undriven = "; a worker continues it", ""
    terminal.say(f"answered {printable.line(data['gate'])} of {run}{waits}")
    if undriven:
        terminal.say(printable.line(undriven))


def parse_words(words: Sequence[str]) -> GivenAnswer:
    """Read the words after the run: the gate, `name=value`, and `-` for standard input.

    Raises:
        UsageError: The words are invalid, or standard input does not hold a JSON object.
    """
    found = GivenAnswer()
    for word in words:
        name, equals, value = word.partition("=")
        if word == STANDARD_INPUT:
            found.document = _document() if found.document is None else found.document
            found.channel = "stdin"
        elif equals and name in found.fields:
            raise UsageError(f"the field {name!r} is given twice")
        elif equals:
            found.fields[name] = value
        elif found.gate:
            raise UsageError(
                f"{found.gate!r} and {word!r} cannot both be the gate",
                hint="a field is written NAME=VALUE; put quotation marks around a value with spaces",
            )
        else:
            found.gate = word
    return found


def _document() -> dict[str, Any]:
    return json_object("standard input", lambda: sys.stdin.read().removeprefix(_MARK), _refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise UsageError(f"standard input: not JSON: {name} is not a JSON number")


def gates(args: argparse.Namespace) -> int:
    """List open questions, the oldest first."""
    with closing(open_store(Settings.from_environment())) as store:
        found = store.open_gates(store.find(args.run) if args.run else None)
    for asked in found:
        if args.json:
            terminal.emit(gate_data(asked))
        else:
            terminal.say(f"{printable.line(asked.run)}  {printable.line(asked.flow)}")
            for line in (*(f"  {line}" for line in gate_lines(asked, time.time())), ""):
                terminal.say(line)
    if not found and not args.json:
        terminal.say("no open questions")
    return 0
