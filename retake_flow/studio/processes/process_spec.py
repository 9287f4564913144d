"""Process specification: a program to start, as data: its command line and limits."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from retake_flow.errors import RetakeFlowError
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import Secret

#: How many bytes are read a second from programs of the operator, so that a flood of output costs the stream nothing.
PACE: Final = 64 * 1024.0


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A program to start.

    Attributes:
        argv: The command line; secrets in it are revealed to the program only.
        wrapper: Words before the command line: a program that becomes the one to start, such as with another user.
        environment: Variables in addition to those that every program has.
        variables: Names of variables that are passed on from our environment.
        renamed: Variables that are passed on under another name: the name in the program, and ours.
        folder: The working folder, or None for the current one.
        shares_memory: Whether it may create System V shared memory. Programs that capture a display must not.
        fed: Whether it reads data from standard input; otherwise its standard input is empty.
        detached: Whether it keeps running while we are stopped (SIGSTOP, a suspended container), whatever it writes:
            its output goes into files in memory instead of pipes that would fill up.
        pace: How many bytes of its outputs are read a second; if it writes more, it has to wait. None for all.
        ready_within: The time until it has to be ready, in seconds.
        stop_signal: The signal that asks it to end.
        grace: The time to end after being asked, in seconds; then it is killed.
        hint: What the operator can do when it does not start.
        diagnose: Finds in its last lines why it ended before it was ready; None when they do not say.
    """

    argv: tuple[str | Secret, ...]
    wrapper: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Sequence[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    shares_memory: bool = True
    fed: bool = False
    detached: bool = False
    pace: float | None = None
    ready_within: float = 20.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 3.0
    hint: str = ""
    diagnose: Callable[[Sequence[str]], RetakeFlowError | None] = lambda lines: None

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return Path(str(self.argv[0])).name

    def command(self) -> list[str]:
        """The command line with its secrets revealed, only for starting the program."""
        return [*self.wrapper, *(part.reveal() if isinstance(part, Secret) else part for part in self.argv)]
