"""Sample actions for retake-flow."""

from __future__ import annotations

import random
from typing import Literal, TypedDict

from retake_flow.plugins import action


class Drawn(TypedDict):
    """What a draw gives."""

    winner: str
    entries: int


@action(idempotency="safe")
def draw(names: list[str], seed: int | None = None) -> tuple[Literal["drawn", "nobody"], Drawn]:
    """Draw one of the names.

    Args:
        names: Who takes part.
        seed: The same seed draws the same name.
    """
    if not names:
        return "nobody", {"winner": "", "entries": 0}
    return "drawn", {"winner": random.Random(seed).choice(names), "entries": len(names)}
