"""`retake-flow answer`: answers a question of a run from any terminal or program."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retake_flow.cli.run_commands.given_answer import GivenAnswer
    from retake_flow.ports.runs import Runs
    from retake_flow.run.gates import Answer, Gate

_EPILOG = """\
examples:
  retake-flow answer last --decision posted tweet_url=https://x.com/owl/status/42
  retake-flow answer last prove_human --decision posted tweet_url=https://x.com/owl/status/42
  echo '{"decision": "posted", "tweet_url": "…"}' | retake-flow answer last -
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("answer", help="answer a question that a run has asked", epilog=_EPILOG)
    parser.add_argument("run", metavar="RUN", help="its id, a prefix of it, or last")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="GATE | NAME=VALUE | -",
        help="the gate, when more than one is open (its id, or the end of its place); the fields; or - to read a "
        "JSON object from standard input",
    )
    parser.add_argument(
        "--decision",
        default="",
        metavar="NAME",
        help="the decision, where the fields do not tell which of several is meant",
    )
    parser.add_argument("--by", default="", metavar="NAME", help="who answers; you by default")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=answer)


def answer(args: argparse.Namespace) -> int:
    """Answer a gate. The first valid answer wins."""
    from contextlib import closing

    from retake_flow.cli.run_commands.given_answer import parse_words
    from retake_flow.run.run import Phase
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import lives, opened, this_user

    said = parse_words(args.words)  # before the store is opened: standard input may take its time
    with closing(opened(Settings.from_environment())) as store:
        run = store.find(args.run)
        kept = store_answer(store, run, said, args.decision, args.by or this_user())
        stored = store.load(run)
        driven = lives(stored.holder) and stored.run.phase is not Phase.SUSPENDED  # the process may be about to exit
    _report(run, kept, driven, args.json)
    return 0


def store_answer(store: Runs, run: str, said: GivenAnswer, decision: str, by: str) -> tuple[Gate, Answer]:
    """Store an answer.

    Raises:
        AlreadyAnswered: Another answer came first.
        AnswerInvalid: The answer is invalid; the error lists everything that is wrong.
        GateUnknown: No question has that name, or several match it.
        RunEnded: The run has ended.
    """
    import time

    from retake_flow.cli.run_commands.requests import ending
    from retake_flow.errors import Damaged
    from retake_flow.run import answers
    from retake_flow.run.errors import RunEnded
    from retake_flow.run.gates import Answer

    before = store.load(run).run  # first: a gate that is gone by the next query is then known to be answered
    if before.ended:
        raise RunEnded(ending(before))
    asked = {one.gate.id: one for one in store.open_gates(run)}
    waiting = {name: one.gate for name, one in asked.items()}
    name, now = _match_gate(run, said.gate, waiting, before.gates) or _last_asked(store, run, said.gate), time.time()
    gate = waiting.get(name)
    if gate is not None and (damage := asked[name].damage):
        raise Damaged(damage, hint=f"`retake-flow resume {run}` writes it anew, as the run knows it")
    if gate is None:
        gate = _asked_again(store, run, name, Answer("", {}, by, said.channel, now), waiting)
    chosen, fields = said.answer_to(gate, decision)
    _hide_secrets(gate, fields)
    kept = answers.answer(gate, fields, decision=chosen, by=by, channel=said.channel, at=now)
    store.answer(run, gate.id, kept)
    return gate, kept


def _match_gate(run: str, name: str, waiting: Mapping[str, Gate], asked: Mapping[str, Gate]) -> str:
    """The id of the gate that a name means, waiting gates before answered ones; "" when none matches.

    Raises:
        GateUnknown: Several gates match, or the run asks nothing.
    """
    from retake_flow.cli.render.gate_names import matching
    from retake_flow.run.errors import GateUnknown

    found = [gate.id for gate in matching(name, {**asked, **waiting}.values())]
    found = [gate for gate in found if gate in waiting] or found
    if len(found) > 1:
        raise GateUnknown(
            f"more than one question may be meant: {', '.join(found)}", hint="write the name of one of them behind RUN"
        )
    if not found and not name:
        raise GateUnknown(f"{run} asks nothing now")
    return found[0] if found else ""


def _last_asked(store: Runs, run: str, name: str) -> str:
    """The id of the last gate in the journal that matches a name; the name itself when none matches."""
    from retake_flow.cli.render.gate_names import Past, matching

    asked = [
        Past(record["gate"])
        for _, record in store.journal(run)
        if record["event"] == "gate_opened" and "gate" in record
    ]
    found = matching(name, asked)
    return found[-1].id if found else name


def _asked_again(store: Runs, run: str, name: str, answer: Answer, waiting: Mapping[str, Gate]) -> Gate:
    """The new gate of a question beside the states that was withdrawn and asked again in the meantime.

    Raises:
        AlreadyAnswered: The gate has an answer.
        GateUnknown: It was never asked, has expired, or is closed.
    """
    from retake_flow.run.errors import GateUnknown

    again = (gate for gate in waiting.values() if ":" in gate.place and gate.place == name.rpartition(".")[0])
    try:
        _refuse(store, run, name, answer, waiting)
    except GateUnknown:
        if (gate := next(again, None)) is None:
            raise
        return gate


def _refuse(store: Runs, run: str, gate: str, answer: Answer, waiting: Mapping[str, Gate]) -> NoReturn:
    """Raise the error that says who answered a gate that is not waiting, or why it is not waiting.

    Raises:
        AlreadyAnswered: Another answer came first.
        GateUnknown: It was never asked, has expired, or is closed.
    """
    from retake_flow.run.errors import GateUnknown

    try:
        store.answer(run, gate, answer)
    except GateUnknown as error:
        raise GateUnknown(error.message, hint=f"it asks: {', '.join(waiting)}" if waiting else "") from None
    raise GateUnknown(f"{run} does not ask {gate!r}")


def _hide_secrets(gate: Gate, fields: Mapping[str, Any]) -> None:
    """Mask the secret fields in all further output, including messages about an invalid answer."""
    from retake_flow.redact import Secret

    for name in frozenset().union(*(gate.secrets_of(decision) for decision in gate.decisions or [""])):
        if name in fields:
            for form in (str(fields[name]), repr(fields[name])[1:-1]):
                Secret(form)


def _report(run: str, kept: tuple[Gate, Answer], driven: bool, as_json: bool) -> None:
    from retake_flow.cli import terminal
    from retake_flow.cli.render import printable
    from retake_flow.run.records import plain, timestamp

    gate, answer = kept
    if as_json:
        data = {"run": run, "gate": gate.id, "answered": True, "decision": answer.decision, "by": answer.by}
        rest = {"channel": answer.channel, "at": timestamp(answer.at), "driven": driven}
        terminal.emit(plain({**data, **rest}))
        return
    terminal.say(f"answered {printable.line(gate.id)} of {printable.line(run)}")
    if not driven:
        terminal.say(f"no process drives it; go on with `retake-flow resume {printable.line(run)}`")
