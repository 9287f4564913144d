"""Unprivileged: the user that runs programs with foreign content when we are root."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from retake_flow.errors import HostError

#: A user and group without a name, from the range that distributions reserve, so that no other program has it.
#: Unlike larger numbers it exists even in a container with a user namespace.
RESERVED: Final = 65533


def user() -> int | None:
    """The id of the user and of its group; None when it is our own."""
    return RESERVED if os.geteuid() == 0 else None


def wrapper() -> tuple[str, ...]:
    """Words before a command line that start it as this user, and end it with us."""
    owner = user()
    if owner is None:
        return ()
    # The signal is lost with the change of the user, so it is set again.
    return ("setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups", "--pdeathsig", "KILL")


def give(path: Path) -> Path:
    """Give a file or folder to this user."""
    owner = user()
    if owner is not None:
        os.chown(path, owner, owner)
    return path


def require_reach(folder: Path) -> None:
    """Make sure that this user can reach a folder.

    Raises:
        HostError: A folder above it lets only its owner in.
    """
    if user() is None:
        return
    for above in folder.resolve().parents:
        found = above.stat()
        if not (found.st_mode & stat.S_IXOTH or (found.st_gid == RESERVED and found.st_mode & stat.S_IXGRP)):
            raise HostError(
                f"{above} lets only its owner in, and Chromium runs as another user than root",
                hint="export TMPDIR=/tmp, or a folder that everybody may pass through",
            )


def let_in(folder: Path) -> Path:
    """Let only this user pass through a folder of this process, without listing it."""
    owner = user()
    if owner is not None:
        os.chown(folder, -1, owner)
        folder.chmod(0o710)
    return folder
