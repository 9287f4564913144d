"""`retake-flow simulate`: runs a flow on a virtual clock, driven by a script."""

from __future__ import annotations

import argparse
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import BinaryIO

from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli import flow_file, terminal
from retake_flow.cli.arguments import pairs
from retake_flow.cli.flow_commands.parsers import STANDARD_INPUT
from retake_flow.errors import UsageError
from retake_flow.flow.load.inputs import resolve
from retake_flow.flow.model import Flow
from retake_flow.settings import Settings
from retake_flow.whatif.plan.samples import with_samples
from retake_flow.whatif.simulate.mocks import Mocks, read
from retake_flow.whatif.simulate.simulation import Simulation

_LARGEST = 64 << 20  # bytes of a script in a file
_LONGEST_LINE = 1 << 20
#: Mistakes that do not prevent a simulation: a script may raise any event, and so reach any state.
TOLERATED = frozenset({"RF051", "RF060", "RF061"})


def simulate(args: argparse.Namespace) -> int:
    """Run a script. The exit code is 0 when every line could be carried out, and 2 when not."""
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
    """Close a simulation at its end or at the first Ctrl-C; a second Ctrl-C is ignored."""

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
    return Mocks() if file is None else read(flow_file.content_of(file), file, flow, CATALOGUE)


def _open_script(name: str) -> AbstractContextManager[BinaryIO]:
    """The script, open for reading."""
    if name == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    return io.BytesIO(flow_file.content_of(name, _LARGEST))
