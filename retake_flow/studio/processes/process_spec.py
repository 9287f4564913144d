"""What to start, as data: a command line with its limits."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from retake_flow.errors import RetakeFlowError
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import Secret


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A program as it is to be started.

    Attributes:
        argv: The command line; a secret in it is revealed to the program only.
        environment: Variables on top of those that every program has.
        variables: Names of variables that it has as well, as they are set for us.
        folder: The working folder, or None for the current one.
        shares_memory: Whether it may make System V shared memory, as what takes pictures of a display must not.
        fed: Whether it reads what is written to it; otherwise its standard input is empty.
        detached: Whether it goes on while we are stopped (SIGSTOP, a suspended container), whatever it writes: its
            output goes into files in memory instead of pipes that are full one day.
        ready_within: How long it may take until it is ready, in seconds.
        stop_signal: What asks it to end.
        grace: How long it may take to end after being asked, in seconds; then it is killed.
        hint: What a person can do when it does not start.
        diagnose: Tells from its last lines why it ended before it was ready; None when they say nothing special.
    """

    argv: tuple[str | Secret, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Sequence[str] = ()
    folder: Path | None = None
    shares_memory: bool = True
    fed: bool = False
    detached: bool = False
    ready_within: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 3.0
    hint: str = ""
    diagnose: Callable[[Sequence[str]], RetakeFlowError | None] = lambda lines: None

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return Path(str(self.argv[0])).name

    def command(self) -> list[str]:
        """The command line with its secrets revealed, for starting the program and for nothing else."""
        return [part.reveal() if isinstance(part, Secret) else part for part in self.argv]
