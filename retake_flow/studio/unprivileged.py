"""Unprivileged: the user that runs what shows foreign content when we are root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

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


def let_in(folder: Path) -> Path:
    """Let this user, and nobody else, pass through a folder of ours without listing it."""
    owner = user()
    if owner is not None:
        os.chown(folder, -1, owner)
        folder.chmod(0o710)
    return folder
