"""`retake-flow simulate`: runs a flow on a virtual clock, driven by a script."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from retake_flow.cli.arguments import add_allow_outside, add_json

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from retake_flow.flow.model import Flow
    from retake_flow.whatif.simulate.mocks import Mocks
    from retake_flow.whatif.simulate.simulation import Simulation

STANDARD_INPUT = "-"
_LARGEST = 64 << 20  # bytes of a script in a file
_LONGEST_LINE = 1 << 20
#: Mistakes that do not keep a script from running: it may raise any event, and so reach any state.
TOLERATED = frozenset({"RF051", "RF060", "RF061"})

_EPILOG = """\
a line of the script is one of:
  {"event": "NAME", "data": {…}}                             {"advance": "2s"}
  {"result": {"state": "…", "outcome": "done", "value": {…}}}
  {"error": {"state": "…", "type": "http", "status": 503}}
  {"answer": {"gate": "…", "decision": "…", "fields": {…}, "by": "…"}}
what it writes is described in docs/simulation.md
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("simulate", help="run a flow in virtual time, driven by a script", epilog=_EPILOG)
    parser.add_argument("flow", metavar="FLOW", help="a file, or the name of a shipped flow (go-live.yaml)")
    parser.add_argument(
        "script", nargs="?", default=STANDARD_INPUT, metavar="SCRIPT", help="JSON Lines; or - for standard input"
    )
    parser.add_argument("--mock", metavar="FILE", help="YAML or JSON: results of mocked actions and states")
    parser.add_argument("--start", action="store_true", help="also print an object for the start, before any line")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set an input of the flow")
    add_allow_outside(parser)
    add_json(parser, "one JSON object per line, which is the default anyway")
    parser.set_defaults(command=simulate)


def simulate(args: argparse.Namespace) -> int:
    """Run a script. The exit code is 0 when every line could be carried out, and 2 when not."""
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.cli import flow_file, terminal
    from retake_flow.cli.option_values import pairs
    from retake_flow.errors import UsageError
    from retake_flow.flow.load.inputs import resolve
    from retake_flow.settings import Settings
    from retake_flow.whatif.plan.samples import with_samples
    from retake_flow.whatif.simulate.simulation import Simulation

    flow = with_samples(
        flow_file.open_flow(args.flow, Settings.from_environment(), args.allow_outside, tolerated=TOLERATED)
    )
    inputs = resolve(flow, pairs(args.set))
    mocks = _mocks(args.mock, flow)
    with _open_script(args.script) as script, _interruptible(Simulation(flow, inputs, mocks, CATALOGUE)) as simulation:
        begun = simulation.start()
        if args.start:
            terminal.emit(begun)
        for number, line in enumerate(iter(lambda: script.readline(_LONGEST_LINE + 1), b""), 1):
            if len(line) > _LONGEST_LINE:
                raise UsageError(f"line {number} of the script is longer than {_LONGEST_LINE} bytes")
            if line.strip():
                terminal.emit(simulation.take(line, number))
        return 2 if simulation.refused else 0


@contextmanager
def _interruptible(simulation: Simulation) -> Iterator[Simulation]:
    """Close a simulation at its end or at the first Ctrl-C; a second Ctrl-C interrupts neither this nor the rest."""
    import signal

    def pass_over(*_: object) -> None:
        """Not SIG_IGN: where a signal is pending just then, Python prints that it is ignored."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGINT, pass_over)
        simulation.interrupt()

    usual = signal.signal(signal.SIGINT, end)
    try:
        yield simulation
    finally:
        last = signal.signal(signal.SIGINT, pass_over)
        simulation.close()
        if last is end:  # otherwise Ctrl-C was pressed, and the process ends
            signal.signal(signal.SIGINT, usual)


def _mocks(file: str | None, flow: Flow) -> Mocks:
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.cli import flow_file
    from retake_flow.whatif.simulate import mocks

    return mocks.Mocks() if file is None else mocks.read(flow_file.content_of(file), file, flow, CATALOGUE)


def _open_script(name: str) -> AbstractContextManager[BinaryIO]:
    """The script, open for reading."""
    import io
    import sys
    from contextlib import nullcontext

    from retake_flow.cli import flow_file

    if name == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    return io.BytesIO(flow_file.content_of(name, _LARGEST))
