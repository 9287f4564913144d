"""Run ids: a name, and when the run began. Programs bear the id, so it is unique on the machine."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Final

#: The lengths of what follows the name in an id: `-20261129-201422-5b67c3`, and what an older version wrote.
DATED: Final = (23, 21)


def unique(name: str) -> str:
    """A new id for a run that begins now."""
    return f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def name_of(run: str) -> str:
    """The name in an id; "" when it has none."""
    found = re.fullmatch(r"(.+)-\d{8}-\d{6}-(?:[0-9a-f]{6}|[0-9a-f]{4})", run, re.DOTALL)
    return found[1] if found else ""
