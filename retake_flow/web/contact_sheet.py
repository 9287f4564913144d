"""Contact sheet: the picture with frames of a recording that an ended rehearsal leaves in its folder."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from retake_flow.run.run import Run

_LARGEST: Final = 8 << 20  # bytes


def contact_sheet(run: Run) -> Path | None:
    """The newest contact sheet of a run; None when it has none."""
    if not (run.ended and run.rehearsal):
        return None
    found: list[tuple[float, Path]] = []
    for path in Path(run.rehearsal).glob("recordings/*.png"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST:
            found.append((status.st_mtime, path))
    return max(found)[1] if found else None
