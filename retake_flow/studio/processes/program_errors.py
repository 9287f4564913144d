"""Program errors: finds in a program's last lines a failure that only the operator can fix."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from typing import Final

from retake_flow import os_errors
from retake_flow.errors import HostError, MissingProgram
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio import programs


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


def lasting(
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
    return HostError(_NO_FONT, hint=_A_FONT.format(apt=programs.install_command(())))


def _error(
    kind: type[HostError | MissingProgram],
    message: str,
    hint: str,
    name: str,
    environment: Mapping[str, str],
    *groups: str,
) -> HostError | MissingProgram:
    known = next((program for program in programs.PROGRAMS if program.name == name), None)
    path = str(programs.find(name, environment) or name)
    words = {
        "name": name,
        "path": path,
        "package": known.package if known else name,
        "apt": programs.install_command(()),
        "complete": _complete(path),
    }
    return kind(message.format(*groups, **words), hint=hint.format(**words))


def _complete(path: str) -> str:
    """How to install an ffmpeg with all parts, such as Debian's."""
    install = f"{programs.install_command(())} ffmpeg"
    if path == "/usr/bin/ffmpeg":
        return f"install Debian's, which has everything: {install}"
    return f"{path} comes first in PATH; use Debian's: {install} && export PATH=/usr/bin:$PATH"
