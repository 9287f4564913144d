"""The sound and the picture of a recording, measured with ffmpeg and ffprobe."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path

from flow_processes import waited

#: Below this nobody hears anything (mean level of a window, in dB of full scale).
SILENT = -60.0
#: Above this it is heard well.
HEARD = -35.0
#: Seconds without a picture that a loaded machine may cost a recording; an encoder that hangs is given up after them.
LONGEST_STALL = 5.0
#: Times of half a second without a picture that a loaded machine may cost a recording whose encoder is left alone.
MOST_STALLS = 10
_WINDOW = 22050  # samples: half a second


def levels(recording: Path) -> list[tuple[float, float]]:
    """The mean level of the sound, in dB, with the second at which it begins: one for each half second."""
    measure = (
        f"asetnsamples={_WINDOW},astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-"
    )
    said = _ran("ffmpeg", "-v", "error", "-i", str(recording), "-vn", "-af", measure, "-f", "null", "-")
    found = re.findall(r"pts_time:([-\d.]+)\n\S+RMS_level=(\S+)", said)
    return [(float(at), float(level)) for at, level in found]


def heard(recording: Path) -> tuple[float, float]:
    """From which second to which something is heard well.

    Raises:
        AssertionError: Nothing is, anywhere.
    """
    loud = [at for at, level in levels(recording) if level > HEARD]
    assert loud, levels(recording)
    return loud[0], loud[-1]


def stalls(recording: Path) -> list[float]:
    """The times of half a second and more without a picture, in seconds."""
    return [gap for gap in _gaps(recording, "v", 1.0) if gap >= 0.5]


def longest_gap(recording: Path, stream: str, after: float = 1.0) -> float:
    """The longest time between two packets of the video (`v`) or the sound (`a`), in seconds.

    Args:
        recording: The file.
        stream: Which of both.
        after: From which second on: while ffmpeg connects to the ingest, it takes no picture.
    """
    return max(_gaps(recording, stream, after))


def _gaps(recording: Path, stream: str, after: float) -> list[float]:
    said = _ran(
        *("ffprobe", "-v", "error", "-select_streams", stream),
        *("-show_entries", "packet=pts_time", "-of", "csv=p=0", str(recording)),
    )
    times = [at for at in sorted(float(line.strip(",")) for line in said.split()) if at >= after]
    return [later - earlier for earlier, later in pairwise(times)]


def _ran(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def last_time(recording: Path) -> float:
    """Up to which second an FLV recording goes that is still being written."""
    with recording.open("rb") as file:
        file.seek(0, 2)
        end = file.tell()
        while end > 13:  # the header, and the size of no tag before the first
            file.seek(end - 4)
            size = int.from_bytes(file.read(4), "big")
            if 11 <= size <= end - 13:
                file.seek(end - 4 - size)
                tag = file.read(11)
                if tag[0] in (8, 9, 18) and int.from_bytes(tag[1:4], "big") == size - 11:
                    return (int.from_bytes(tag[4:7], "big") + (tag[7] << 24)) / 1000
            end -= 1  # in the middle of what is being written
    return 0.0


def await_more(recording: Path, seconds: float) -> None:
    """Wait until an FLV recording that is still being written has so many seconds more than now."""
    wanted = last_time(recording) + seconds
    waited(lambda: last_time(recording) >= wanted, f"{seconds:g} s more of {recording}")
