"""Host checks: programs, limits, memory, and the reaping of orphans on this machine."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from retake_flow import os_errors
from retake_flow.studio import programs
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process_spec import ProcessSpec
from retake_flow.wiring.diagnosis.finding import Finding, Status

_MIB: Final = 1 << 20
#: The rough use of a stream, with room to spare.
FILES: Final = 256
PROCESSES: Final = 64
MEMORY: Final = 512 * _MIB
SHARED_MEMORY: Final = 16 * _MIB
_REAPED_WITHIN = 2.0  # seconds

#: Limits that end a program when it reaches them, and how to lift them.
_ENDING: Final = (
    (resource.RLIMIT_CPU, "seconds of processor time", "ulimit -t unlimited"),
    (resource.RLIMIT_FSIZE, "bytes in a file", os_errors.FILE_SIZE),
    (resource.RLIMIT_AS, "bytes of address space", "ulimit -v unlimited"),
)


def found_programs(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether each program of a stream is installed."""
    for program in programs.PROGRAMS:
        place = programs.find(program.name, environment)
        if place is not None:
            yield Finding(program.name, "ok", f"{program.purpose}: {place}")
        else:
            hint = f"run: {programs.install_command([program])}"
            status: Status = "missing" if program.required else "warning"
            yield Finding(program.name, status, f"{program.purpose}: not installed", hint)


def orphan_killer(environment: Mapping[str, str]) -> Finding:
    """Whether programs end with this process when it is killed."""
    place = programs.find("setpriv", environment)
    if place is not None and place.resolve().name != "busybox":
        return Finding("setpriv", "ok", f"programs end with a run that is killed: {place}")
    said = "programs end with a run that is killed; without setpriv each takes a moment longer to start"
    return Finding("setpriv", "ok", said, f"run: {programs.install_command(())} util-linux")


def limits() -> Finding:
    """The limits of this process."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 <= files < FILES:
        return Finding("limits", "missing", f"only {files} files may be open, and a stream opens {FILES}",
                       os_errors.OPEN_FILES)  # fmt: skip
    left = _processes_left()
    if left is not None and left < PROCESSES:
        return Finding(
            "limits", "missing", f"only {left} more processes may run, and a stream runs {PROCESSES}",
            os_errors.PROCESSES,
        )  # fmt: skip
    for limit, unit, hint in _ENDING:
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            return Finding("limits", "warning", f"programs are ended after {most} {unit}", hint)
    return Finding("limits", "ok", f"{files} files may be open, and enough processes may run")


def memory() -> Finding:
    """The memory available to this process."""
    left = psutil.virtual_memory().available
    most, used = _cgroup("memory.max"), _cgroup("memory.current")
    if most is not None and used is not None:
        left = min(left, most - used)
    said = f"{max(left, 0) // _MIB} MiB are free"
    if left < MEMORY:
        return Finding("memory", "warning", f"only {said}; a stream uses {MEMORY // _MIB}", os_errors.MEMORY)
    return Finding("memory", "ok", said)


def shared_memory(folder: Path = Path("/dev/shm")) -> Finding:
    """Whether programs can share memory, as browsers do."""
    hint = "mount -t tmpfs -o size=256m tmpfs /dev/shm (docker run --shm-size 256m)"
    try:
        left = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("shared_memory", "warning", f"{folder} cannot be used: {error.strerror}", hint)
    if not os.access(folder, os.W_OK):
        return Finding("shared_memory", "warning", f"{folder} cannot be written", f"run: sudo chmod 1777 {folder}")
    status: Status = "ok" if left >= SHARED_MEMORY else "warning"
    return Finding("shared_memory", status, f"{left // _MIB} MiB in {folder}", "" if status == "ok" else hint)


async def init(starts: Launcher) -> Finding:
    """Whether orphaned processes are reaped here, tested by leaving one behind."""
    done = await starts.run(ProcessSpec(("sh", "-c", "sleep 0.01 & echo $!")), timeout=5.0)
    orphan = int(done.stdout or b"0")
    if os.getpid() == 1 or await _is_reaped(orphan):  # as the first process, a run reaps them itself
        return Finding("init", "ok", "ended processes are reaped")
    name = "process 1"
    with suppress(psutil.Error):
        name = f"process 1 ({psutil.Process(1).name()})"
    return Finding(
        "init", "warning", f"{name} does not reap orphans, so each leaves an entry in the process table",
        "docker run --init, or tini as the first process",
    )  # fmt: skip


async def _is_reaped(pid: int) -> bool:
    deadline = asyncio.get_running_loop().time() + _REAPED_WITHIN
    while psutil.pid_exists(pid):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


def _processes_left() -> int | None:
    """How many more processes may run; None when no limit is known."""
    lefts = []
    most = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if most != resource.RLIM_INFINITY and os.geteuid() != 0:  # root is never limited by it
        lefts.append(most - sum(1 for each in psutil.process_iter(["uids"]) if _is_own(each)))
    allowed, there = _cgroup("pids.max"), _cgroup("pids.current")
    if allowed is not None and there is not None:
        lefts.append(allowed - there)
    return min(lefts, default=None)


def _is_own(process: psutil.Process) -> bool:
    uids = process.info["uids"]
    return uids is not None and uids.real == os.getuid()


def _cgroup(name: str) -> int | None:
    """A limit or a usage figure of this container; None when there is none."""
    with suppress(OSError, ValueError, IndexError):
        group = Path("/proc/self/cgroup").read_text().strip().splitlines()[-1].split(":", 2)[2]
        for folder in (Path("/sys/fs/cgroup") / group.lstrip("/"), Path("/sys/fs/cgroup")):
            if (folder / name).exists():
                return int((folder / name).read_text())
    return None
