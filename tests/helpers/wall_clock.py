"""A wall clock that a test sets for the programs it starts, by libfaketime; clocks that nobody can set stay real."""

from __future__ import annotations

from pathlib import Path

import pytest

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))

#: For tests that need it.
needed = pytest.mark.skipif(not _LIBRARIES, reason="libfaketime is not installed: apt install faketime")


class WallClock:
    """The wall clock of programs that are started with `variables`; it runs as fast as the real one.

    Args:
        folder: Where the file is that says how far it is off.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "faketime"
        self.set(0)

    def set(self, off: float) -> None:
        """Set it, to so many seconds from the real one; programs see it within a second."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{off:+.0f}s\n")
        new.replace(self._file)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of programs that go by it."""
        return {
            "LD_PRELOAD": str(_LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
