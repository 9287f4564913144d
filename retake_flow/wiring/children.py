"""Children: finds the programs of a run by the mark in their environment, and takes a picture of its display."""

from __future__ import annotations

from typing import Final

from retake_flow.errors import RetakeFlowError
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.display import checked_size
from retake_flow.studio.processes import stragglers
from retake_flow.studio.processes.launcher import RUN_VARIABLE, Launcher
from retake_flow.studio.processes.launcher import sweep as sweep
from retake_flow.studio.processes.process import ProcessSpec

_WITHIN: Final = 10.0
_LARGEST: Final = 2 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Child:
    """A program of a run.

    Attributes:
        pid: Its process id.
        name: The program, without its arguments, which may hold a stream key.
        started: When it was started, in seconds since the epoch.
    """

    pid: int
    name: str
    started: float


def find_marked(marker: str) -> list[Child]:
    """The living processes of this user that a run started, the oldest first, without this process."""
    import psutil

    found: list[Child] = []
    me = psutil.Process()
    for process in stragglers.find_marked({RUN_VARIABLE: marker}):
        try:
            if process != me and process.status() != psutil.STATUS_ZOMBIE:
                found.append(Child(process.pid, process.name(), process.create_time()))
        except psutil.Error:
            continue  # it has ended meanwhile
    return sorted(found, key=lambda child: (child.started, child.pid))


async def take_picture(launcher: Launcher, run: str, width: int = 960) -> bytes | None:
    """The display of a run as a JPEG, no wider than so many pixels.

    None when it has no display on this machine, or shows nothing in time.
    """
    display = _display_of(run)
    if display is None:
        return None
    name, size, authority = display
    command = (
        *("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin"),
        *("-f", "x11grab", "-draw_mouse", "0", "-video_size", checked_size(size), "-i", name),
        *("-frames:v", "1", "-vf", f"scale='min({width},iw)':-2", "-q:v", "5", "-f", "mjpeg", "-"),
    )
    spec = ProcessSpec(argv=command, environment={"DISPLAY": name, "XAUTHORITY": authority}, shares_memory=False)
    try:
        done = await launcher.run(spec, _WITHIN)
    except RetakeFlowError:
        return None
    return done.stdout if done.status == 0 and 0 < len(done.stdout) <= _LARGEST else None


def _display_of(run: str) -> tuple[str, str, str] | None:
    """The name, the size and the cookie file of a run's display, from the arguments of its server."""
    import psutil

    for process in stragglers.find_marked({RUN_VARIABLE: run}):
        try:
            match process.cmdline():
                case [program, name, "-screen", _, screen, "-auth", authority, *_] if program.endswith("Xvfb"):
                    return name, screen.rpartition("x")[0], authority
        except psutil.Error:
            continue
    return None
