"""Programs: those that the studio needs, how to install them, and which of their failures only the operator can fix."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from retake_flow import os_errors
from retake_flow.errors import HostError, MissingProgram
from retake_flow.quick_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the studio.

    Attributes:
        required: Whether a stream is impossible without it.
        when_used: Whether a flow that uses it cannot run without it.
    """

    name: str
    package: str
    purpose: str
    required: bool = True
    when_used: bool = True


# The required packages are those of the guide's one-time set-up (section 4).
PROGRAMS = (
    Program("Xvfb", "xvfb", "the virtual display"),
    Program("openbox", "openbox", "the window manager on the display"),
    Program("xterm", "xterm", "the content window that shows the stream log"),
    Program("ffmpeg", "ffmpeg", "the encoder"),
    Program("ffprobe", "ffmpeg", "the check of a recording"),
    Program("scrot", "scrot", "the screenshots for thumbnails"),
    Program("pulseaudio", "pulseaudio", "the sound, without which a stream is silent", required=False, when_used=False),
    Program("paplay", "pulseaudio-utils", "what plays speech", required=False, when_used=False),
    Program("espeak-ng", "espeak-ng", "the voice, unless another is set", required=False, when_used=False),
    Program("mpv", "mpv", "films, slides and music on stream", required=False),
    Program("chromium", "chromium", "web pages on stream", required=False),
)


def command_in(folder: Path, command: Sequence[str]) -> tuple[str, ...]:
    """A command line; a program whose name has a `/` is looked up from a folder."""
    name, *arguments = command
    return (str((folder / name).absolute()) if "/" in name else name, *arguments)


def find(name: str, environment: Mapping[str, str]) -> Path | None:
    """The path of a program on the environment's PATH, or None."""
    place = shutil.which(name, path=environment.get("PATH", os.defpath))
    return Path(place) if place else None


def missing(environment: Mapping[str, str], *, required: bool = True) -> list[Program]:
    """The programs that are not installed: either those that a stream needs, or the others."""
    sought = (program for program in PROGRAMS if program.required is required)
    return [program for program in sought if find(program.name, environment) is None]


def install_command(programs: Iterable[Program]) -> str:
    """The exact command with which an operator installs `programs`.

    The command is only shown and never run: system packages are the operator's step (platform.md, rule 8).
    """
    packages = list(dict.fromkeys(program.package for program in programs))
    return " ".join([*([] if os.geteuid() == 0 else ["sudo"]), "apt install", *packages])


def require(name: str, environment: Mapping[str, str]) -> Path:
    """The path of a program.

    Raises:
        MissingProgram: It is not installed; the hint is the command that installs it. Or it is no program.
    """
    place = find(name, environment)
    if place is not None:
        return place
    if "/" in name:
        raise _no_program(Path(name))
    known = [program for program in PROGRAMS if program.name == name]
    if not known:
        raise MissingProgram(f"{name} is not installed", hint="install it, or add its folder to PATH")
    raise MissingProgram(f"{name} is not installed; it is {known[0].purpose}", hint=f"run: {install_command(known)}")


def _no_program(place: Path) -> MissingProgram:
    if place.is_dir():
        return MissingProgram(f"{place} is a folder, not a program")
    if place.exists():
        return MissingProgram(f"{place} may not be executed", hint=f"run: chmod +x {shlex.quote(str(place))}")
    return MissingProgram(f"there is no program {place}", hint="a name with a / begins at the flow's file")


@dataclass(frozen=True, slots=True)
class _Sign:
    """A sign of a permanent failure in a program's output.

    Attributes:
        pattern: A pattern of one of its last lines.
        message: In words for a person: `{name}` is the program, `{0}` the pattern's first group.
        hint: How to fix it: `{path}` is the program's path, `{apt}` the command that installs a package.
    """

    pattern: str
    message: str
    hint: str
    kind: type[HostError | MissingProgram] = HostError


#: Messages of an ffmpeg built without a part; the words differ a little from version to version.
_FFMPEG: Final = tuple(
    _Sign(pattern, f"this ffmpeg {lacks}", "{complete}", MissingProgram)
    for pattern, lacks in (
        (r"Unknown input format:? '?(\w+)", "cannot read from {0}"),
        (r"Unknown encoder '?(\w+)", "has no encoder {0}"),
        (r"Requested output format '?(\w+)'? is not", "cannot write {0}"),
        (r"No such filter:? '?(\w+)", "has no filter {0}"),
        (r"(?i)protocol not found", "cannot send to rtmp:// and rtmps:// addresses"),
        (r"Unrecognized option '?([\w-]+)", "does not know the option -{0}; 4.4 or newer is needed"),
    )
)

_XVFB: Final = (
    _Sign(
        r"(?i)could not (?:create|write pid to) lock file in (\S+)",
        "Xvfb cannot write {0}",
        "let everybody write in /tmp, and make room there: sudo chmod 1777 /tmp; df -h /tmp",
    ),
    _Sign(
        r"(xkbcomp|virtual core keyboard|compile keymap)",
        "Xvfb has no keyboard map ({0})",
        "run: {apt} x11-xkb-utils xkb-data",
    ),
    _Sign(r"could not open default font '(\w+)'", "Xvfb has no font {0}", "run: {apt} xfonts-base"),
)

_NO_FONT: Final = "no font is installed, so there are no letters on stream"
_A_FONT: Final = "run: {apt} fonts-dejavu-core"

_XTERM: Final = (
    _Sign(r"(cannot match normal font|no non-zero height|cannot load font|unable to open font)", _NO_FONT, _A_FONT),
    _Sign(
        r"(not enough ptys|get_pty|/dev/ptmx)",
        "there is no pseudo terminal for the content window",
        "run: mount -t devpts devpts /dev/pts",
    ),
)

_CHROMIUM: Final = (
    _Sign(
        r"(No usable sandbox|Failed to move to new namespace|Running as root without)",
        "this machine does not let Chromium confine its pages",
        "run: {apt} chromium-sandbox; or allow user namespaces (docker run --security-opt seccomp=unconfined); "
        "only where all pages are your own: export RETAKE_FLOW_SANDBOX=off",
    ),
    _Sign(
        r"setpriv: (.*failed.*)",
        "Chromium cannot be started as another user: {0}",
        "start retake-flow as a user that is not root",
    ),
)

_ANY: Final = (
    _Sign(
        r"error while loading shared libraries: ([^\s:]+)",
        "{name} cannot start: the library {0} is missing or broken",
        "run: {apt} --reinstall {package}",
    ),
    _Sign(
        r"([Ee]xec format error|cannot execute binary)", "{name} is for another kind of machine", "run: {apt} {package}"
    ),
    _Sign(r"failed to execute \S+: (Permission denied)", "{name} may not be executed", "run: sudo chmod a+rx {path}"),
    _Sign(r"(No space left on device|Disk quota exceeded)", "{name} cannot write: {0}", "make room: df -h /tmp"),
    _Sign(
        r"(Read-only file system)",
        "{name} cannot write: {0}",
        "let it write in /tmp and TMPDIR (docker run --tmpfs /tmp)",
    ),
    _Sign(r"(Too many open files)", "{name} may not open so many files", os_errors.OPEN_FILES),
    _Sign(
        r"([Cc]annot allocate memory|[Oo]ut of memory|malloc of size|std::bad_alloc)",
        "{name} gets no memory",
        os_errors.MEMORY,
    ),
)

_OWN: Final = {"ffmpeg": _FFMPEG, "Xvfb": _XVFB, "xterm": _XTERM, "chromium": _CHROMIUM}

_SIGNALS: Final = {
    signal.SIGILL: ("{name} uses instructions that this processor does not have", "run: {apt} --reinstall {package}"),
    signal.SIGSYS: ("{name} was forbidden a system call", "docker run --security-opt seccomp=unconfined"),
    signal.SIGXFSZ: ("{name} reached the limit for the size of a file", os_errors.FILE_SIZE),
    signal.SIGXCPU: ("{name} reached the limit for processor time", "ulimit -t unlimited"),
}


def lasting_failure(
    name: str, status: int, lines: Sequence[str], environment: Mapping[str, str]
) -> HostError | MissingProgram | None:
    """Why a program failed, if a retry cannot help; None if one may help.

    The status is negative for the signal that killed it; `environment` has the PATH of the program.
    """
    killed = next((words for number, words in _SIGNALS.items() if status == -number), None)
    if killed is not None:
        return _error(HostError, *killed, name, environment)
    for sign in (*_OWN.get(name, ()), *_ANY):
        for line in lines:
            if seen := re.search(sign.pattern, line):
                return _error(sign.kind, sign.message, sign.hint, name, environment, *seen.groups())
    return None


def no_font() -> HostError:
    """The error of a machine without fonts, which cannot show text on stream."""
    return HostError(_NO_FONT, hint=_A_FONT.format(apt=install_command(())))


def _error(
    kind: type[HostError | MissingProgram],
    message: str,
    hint: str,
    name: str,
    environment: Mapping[str, str],
    *groups: str,
) -> HostError | MissingProgram:
    known = next((program for program in PROGRAMS if program.name == name), None)
    path = str(find(name, environment) or name)
    words = {
        "name": name,
        "path": path,
        "package": known.package if known else name,
        "apt": install_command(()),
        "complete": _complete(path),
    }
    return kind(message.format(*groups, **words), hint=hint.format(**words))


def _complete(path: str) -> str:
    """How to install an ffmpeg with all parts, such as Debian's."""
    install = f"{install_command(())} ffmpeg"
    if path == "/usr/bin/ffmpeg":
        return f"install Debian's, which has everything: {install}"
    return f"{path} comes first in PATH; use Debian's: {install} && export PATH=/usr/bin:$PATH"
