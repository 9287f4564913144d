"""Garbage collection: postponed while a command starts and checks, as usual while it drives a run."""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_RARE = 200_000  # new objects between two searches for cycles


def postpone() -> None:
    """Search seldom: starting and checking make much and drop little, and a search takes longer the more there is."""
    gc.set_threshold(_RARE)


def settle() -> None:
    """Search as usual from now on, but not in what is there now, which stays until the end."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
