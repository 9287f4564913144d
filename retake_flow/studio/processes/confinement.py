"""Confinement: a prefix to a program's command that ends the program with us and keeps it from sharing memory.

ffmpeg's x11grab and Imlib2 (scrot) make the display write its picture into System V shared memory that every user of
the machine may read (mode 0777). Neither has an option against this, and ffmpeg cannot use a server without the
extension. So the kernel refuses them such memory, and the picture comes over the display's socket, as for any program
without shared memory. For 1280x720 at 30 frames a second that takes a fiftieth of a processor more.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Mapping
from typing import Final

from retake_flow.studio import programs

#: By machine name: the kernel's AUDIT_ARCH number, and the number of the system call shmget.
_SHMGET: Final = {
    "x86_64": (0xC000003E, 29),
    "aarch64": (0xC00000B7, 194),
    "riscv64": (0xC00000F3, 194),
    "loongarch64": (0xC0000102, 194),
}

_START: Final = """\
import ctypes, os, sys
parent, refused, *command = sys.argv[1:]
prctl = ctypes.CDLL(None).prctl
prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() != int(parent):
    sys.exit(137)
if refused:
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]
    code = bytes.fromhex(refused)
    prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, without which only root may refuse itself anything
    prctl(22, 2, ctypes.byref(Program(len(code) // 8, code)), 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
try:
    os.execvp(command[0], command)
except OSError as error:
    sys.exit(f"failed to execute {command[0]}: {error.strerror}")
"""


def prefix(environment: Mapping[str, str], *, shares_memory: bool) -> tuple[str, ...]:
    """The prefix to put before a command; the process id stays the program's.

    The program is killed when the thread that started it ends, so the event loop has to run on the main thread.

    Args:
        environment: The variables with the PATH of programs.
        shares_memory: Whether it may create System V shared memory. It always may if the kernel cannot refuse it.
    """
    setpriv = programs.find("setpriv", environment)
    if shares_memory and setpriv is not None and setpriv.resolve().name != "busybox":
        return (str(setpriv), "--pdeathsig", "KILL")
    # In Python this takes some 10 ms longer to start.
    refused = "" if shares_memory else _refusal().hex()
    return (sys.executable, "-I", "-S", "-c", _START, str(os.getpid()), refused)


def _refusal() -> bytes:
    """A filter for the kernel (seccomp(2)) that makes shmget fail with EPERM; empty on an unknown machine."""
    if os.uname().machine not in _SHMGET:
        return b""
    machine, shmget = _SHMGET[os.uname().machine]
    return b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 4),  # load the architecture that the system call is for
            (0x15, 0, 3, machine),  # allow it if it is another one
            (0x20, 0, 0, 0),  # load its number
            (0x15, 0, 1, shmget),  # allow it if it is another one
            (0x06, 0, 0, 0x00050001),  # SECCOMP_RET_ERRNO with EPERM
            (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        )
    )
