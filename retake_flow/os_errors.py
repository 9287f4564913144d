"""Errors of others as ours: those of the operating system come with the command that fixes them."""

from __future__ import annotations

import errno
import os
import shlex
from typing import Final

from retake_flow.errors import HostError, RetakeFlowError

OPEN_FILES: Final = "ulimit -n 4096 (systemd: LimitNOFILE=4096; docker run --ulimit nofile=4096)"
PROCESSES: Final = "ulimit -u 4096 (systemd: TasksMax=4096; docker run --pids-limit 4096)"
MEMORY: Final = "give it 1 GiB of memory (systemd: MemoryMax=1G; docker run --memory 1g); `free -m` shows what there is"
FILE_SIZE: Final = "ulimit -f unlimited (systemd: LimitFSIZE=infinity)"

#: Hints by error, independent of the operation.
_LIMITS: Final = {
    errno.EMFILE: OPEN_FILES,
    errno.ENFILE: "sysctl -w fs.file-max=1000000",
    errno.ENOMEM: MEMORY,
    errno.EFBIG: FILE_SIZE,
}
#: Hints by error, for a place.
_PLACES: Final = {
    errno.EACCES: "sudo chown {user} {place}",
    errno.EPERM: "sudo chown {user} {place}",
    errno.EROFS: "mount it so that it can be written (docker run -v FOLDER:{place}), or name another place",
    errno.ENOSPC: "make room there: df -h {place}",
    errno.EDQUOT: "make room there: df -h {place}",
    errno.EEXIST: "name a folder instead: ls -ld {place}",
    errno.ENOTDIR: "name a folder instead: ls -ld {place}",
    errno.ENAMETOOLONG: "name a shorter place",
    errno.ELOOP: "name a place that is no circle of links: ls -l {place}",
}


def host_error(error: OSError, doing: str) -> HostError | None:
    """The error of this package for an operating system error that no retry can fix; None for others.

    `doing` is what failed, such as `the working folder cannot be made`.
    """
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    hint = _LIMITS.get(error.errno or 0, "")
    if place and not hint:
        user = f"{os.geteuid()}:{os.getegid()}"
        hint = _PLACES.get(error.errno or 0, "").format(user=user, place=shlex.quote(_existing(place)))
    if not hint:
        return None
    return HostError(f"{doing}: {error.strerror}" + (f": {place}" if place else ""), hint=hint)


def as_our_error(error: Exception, doing: str) -> RetakeFlowError:
    """Any exception as one of our errors, so that a defect ends nothing but the work in which it occurred.

    `doing` is that work, such as the name of an action.
    """
    if isinstance(error, RetakeFlowError):
        return error
    if isinstance(error, OSError) and (refused := host_error(error, doing)):
        return refused
    return RetakeFlowError(f"{doing} has a defect: {type(error).__name__}: {error}")


def _existing(place: str) -> str:
    """The nearest existing folder: the place to change when something below it could not be created."""
    while not os.path.lexists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place) or "."
    return place
