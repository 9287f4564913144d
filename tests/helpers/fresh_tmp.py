"""An empty /tmp for the programs of a mount namespace."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote

_TMP = Path("/tmp")
_NEEDED = (Path(__file__).parents[2], Path(sys.prefix), Path(sys.base_prefix))


def mounting(*, read_only: bool = False) -> str:
    """The shell command that mounts it; this project and its Python stay in reach when they are in /tmp."""
    inside = [place for place in _NEEDED if _TMP in place.parents]
    kept = [place for place in inside if not any(other in place.parents for other in inside)]
    steps = ["mount -t tmpfs tmpfs /tmp"]
    if kept:
        steps.insert(0, "mount -t tmpfs tmpfs /mnt")
    for number, place in enumerate(dict.fromkeys(kept)):
        held, back = f"/mnt/{number}", quote(str(place))
        steps.insert(1, f"mkdir {held} && mount --bind {back} {held}")
        steps.append(f"mkdir -p {back} && mount --bind {held} {back}")
    return " && ".join([*steps, *(["mount -o remount,ro /tmp"] if read_only else [])])
