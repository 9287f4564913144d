"""Which process drives a run, and whether it still lives."""

from __future__ import annotations

import os

from retake_flow.ports.runs import Holder

#: How far two readings of one process's start may lie apart, in seconds: it is reckoned from the machine's clock,
#: which may have been set meanwhile.
TOLERANCE = 2.0


def this_process() -> Holder:
    """The process we are, as the holder of a run."""
    import psutil

    return Holder(_host(), os.getpid(), psutil.Process().create_time())


def alive(holder: Holder) -> bool:
    """Whether a holder lives, as far as one can know here: of another host's processes nobody knows, so they do."""
    import psutil

    if holder.host != _host():
        return True
    try:
        process = psutil.Process(holder.pid)
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return not dead and abs(process.create_time() - holder.started) <= TOLERANCE
    except psutil.NoSuchProcess:
        return False


def _host() -> str:
    return os.uname().nodename
