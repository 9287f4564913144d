"""Garbage collection: rare while a command starts and checks, and as usual while it drives a run."""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_RARE = 500_000  # new objects between two collections; a resume creates 230,000


def postpone() -> None:
    """Collect rarely: starting and checking keep most objects, so that collections take long and free little."""
    gc.set_threshold(_RARE)


def settle() -> None:
    """Collect as usual from now on, but skip the present objects, which stay until the end."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
