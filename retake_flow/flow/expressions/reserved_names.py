"""Names that expressions may begin with."""

from __future__ import annotations

from typing import Final

#: The values.
ROOTS: Final = ("inputs", "outputs", "vars", "visits", "activities", "result", "event", "run", "now")
#: The only function: whether a state is active. Its path must be a literal, so that it can be checked.
ACTIVE: Final = "in"
