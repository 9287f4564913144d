"""Errors of requests to a run: another process drives it, it has ended, or it expects no such event.

Actions never raise them, so flows do not route on their kinds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from retake_flow.errors import RetakeFlowError, StoreAway


class EventRefused(RetakeFlowError):
    """Nobody expects this event now."""

    kind, fault, exit_code = "event", "operator", 2


class EventNotNow(EventRefused):
    """The flow takes this event, but not where the run is now."""

    kind, exit_code = "not_now", 1


class Fenced(RetakeFlowError):
    """Another process has taken this run over."""

    kind, fault, exit_code = "fenced", "operator", 5
    hint = "watch it with `retake-flow watch`; nothing is lost"


class LeaseExpired(StoreAway):
    """The run's lease could not be renewed, so that others may take the run soon.

    Attributes:
        undo_within: For how many more seconds undos cannot touch what another process starts.
    """

    kind = "lease_expired"

    def __init__(self, message: str, *, hint: str, undo_within: float) -> None:
        super().__init__(message, hint=hint)
        self.undo_within = undo_within


class HostUnknown(RetakeFlowError):
    """There is no such host."""

    kind, fault, exit_code = "host_unknown", "operator", 2

    def __init__(self, host: str, known: Sequence[str]) -> None:
        there = f"the hosts are {', '.join(known)}" if known else "no worker runs; `retake-flow worker` starts one"
        super().__init__(f"there is no host {host!r}", hint=there)


class HostTaken(RetakeFlowError):
    """Another process is the worker of this host."""

    kind, fault, exit_code = "host_taken", "operator", 5

    def __init__(self, host: str, pid: int, *, near: bool) -> None:
        there = "on this machine" if near else "on another machine"
        hint = "end that one, or give this one another name with --name"
        super().__init__(f"{host} has a worker already: process {pid} {there}", hint=hint)


class RunHeld(RetakeFlowError):
    """Another process drives this run.

    Attributes:
        host: Where that process is.
        pid: Its process id there.

    Args:
        certain: Whether that process is known to be alive.
        free_in: Seconds after which any process may take the run if that one is dead; None when that is known sooner.
    """

    kind, fault, exit_code = "held", "operator", 5

    def __init__(
        self, run: str, *, host: str, pid: int, certain: bool = True, free_in: float | None = None, hint: str = ""
    ) -> None:
        message = f"{run} is driven by process {pid} on {host}"
        usual = f"end it with `retake-flow stop {run}`, or watch it with `retake-flow watch {run}`"
        if not certain:
            message += ", and it is not known here whether it is alive"
            hint = hint or f"when that host or container is gone: `retake-flow resume {run} --force`"
        elif free_in is not None:
            hint = hint or f"{usual}; if its host is gone, anybody may take the run in {free_in:.0f} s"
        super().__init__(message, hint=hint or usual)
        self.host = host
        self.pid = pid


class RunsHeld(RetakeFlowError):
    """Processes drive these runs."""

    kind, fault, exit_code = "runs_held", "operator", 5
    hint = "end them with `retake-flow stop RUN`, or wait until they wait for a person, then try again"

    def __init__(self, held: Mapping[str, tuple[str, int]]) -> None:
        told = [f"{run} (process {pid} on {host})" for run, (host, pid) in held.items()]
        super().__init__(f"processes drive runs: {', '.join(told)}")


class RunMoved(RetakeFlowError):
    """The run was moved to another store."""

    kind, fault, exit_code = "moved", "operator", 5

    def __init__(self, run: str, place: str) -> None:
        back = f"or take it back here, if it continues nowhere else: `retake-flow resume {run} --force`"
        super().__init__(f"{run} was moved to {place}", hint=f"name that store with RETAKE_FLOW_STORE; {back}")


class RunUnknown(RetakeFlowError):
    """There is no such run."""

    kind, fault, exit_code = "run_unknown", "operator", 2
    hint = "`retake-flow runs` lists them"


class RunUnheard(RetakeFlowError):
    """No process takes requests for this run."""

    kind, fault = "unheard", "operator"


class RunBusy(RunUnheard):
    """A process drives the run, and has not taken the request yet; it may still do."""


class RunEnded(RunUnheard):
    """The run has ended, so nothing can be asked of it."""

    kind = "ended"


class GateUnknown(RetakeFlowError):
    """The question is not open."""

    kind, fault, exit_code = "gate_unknown", "operator", 2
    hint = "`retake-flow gates` lists what is asked"


class AlreadyAnswered(RetakeFlowError):
    """Another person has answered this question.

    Attributes:
        by: Who was first.
        at: When, in seconds since the epoch.
        channel: How: `terminal`, `command`, …
    """

    kind, fault = "already_answered", "operator"

    def __init__(self, gate: str, *, by: str, at: float, channel: str) -> None:
        when = time.strftime("%Y-%m-%d at %H:%M:%S", time.gmtime(at))
        super().__init__(f"{gate} was already answered by {by} on {when} UTC ({channel})")
        self.by = by
        self.at = at
        self.channel = channel


class AnswerInvalid(RetakeFlowError):
    """The answer does not fit the question."""

    kind, fault, exit_code = "answer_invalid", "operator", 2
    hint = "`retake-flow gates` shows what is asked"


class AnswerWaiting(RetakeFlowError):
    """A question that is about to be closed has an answer, which has to be taken first."""

    kind = "answer_waiting"
