"""Host checks: programs, limits, memory and the reaping of orphans on this machine, and the places where a run writes.

A place is tested by writing there; nothing stays.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from retake_flow import os_errors
from retake_flow.api import credentials
from retake_flow.errors import HostError, ProcessFailed
from retake_flow.settings import Settings
from retake_flow.store.opening import describe_server
from retake_flow.studio import programs
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.wiring import preflight
from retake_flow.wiring.diagnosis.finding import Finding, Status, attempt

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
ROOM: Final = 1024 * _MIB


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
    done = await starts.run(ProcessSpec(("sh", "-c", "sleep 0.01 & echo $!")), timeout=30.0)
    if done.status != 0:
        raise done.lasting or ProcessFailed(f"no orphan was left behind for the test: {done.ending}")
    orphan = int(done.stdout)
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


async def examine_places(settings: Settings) -> list[Finding]:
    """Every place where a run writes, one after the other, since some are inside others."""
    recordings = partial(_folder, "recordings", settings.state_folder / "rehearsals", "rehearsals")
    trials: dict[str, Callable[[], Finding]] = {
        "state": partial(_state, settings),
        "store": partial(_store, settings),
        "recordings": recordings,
        "credentials": partial(_account, settings),
        "working_folder": _working_folder,
    }
    found = [await attempt(check, partial(asyncio.to_thread, trial)) for check, trial in trials.items()]
    cache = partial(_folder, "cache", settings.cache_folder, "what is known already")
    return [*found, await attempt("cache", partial(asyncio.to_thread, cache), "warning")]


def _state(settings: Settings) -> Finding:
    settings.require_home()
    with temporarily_created(settings.state_folder) as folder, tempfile.TemporaryDirectory(dir=folder) as trial:
        # Where files cannot be locked, as on some network shares, only SQLite itself notices.
        try:
            with closing(sqlite3.connect(Path(trial) / "trial.sqlite")) as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("CREATE TABLE trial (id INTEGER)")
        except sqlite3.Error as error:
            raise HostError(
                f"{settings.state_folder} cannot hold a database: {error}",
                hint="export RETAKE_FLOW_STATE=/a/folder/on/a/local/disk",
            ) from None
        return _room("state", settings.state_folder, "runs are kept there")


def _store(settings: Settings) -> Finding:
    settings.require_home()
    place = settings.store.removeprefix("sqlite:///")
    if "://" in place:
        return Finding("store", "ok", f"runs are kept in {describe_server(place)}, which answers")
    file = Path(place)
    if not file.exists():
        with temporarily_created(file.parent):
            return Finding("store", "ok", f"runs will be kept in {file}")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=5.0)) as database:
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise HostError(
            f"runs cannot be kept in {file}: {error}", hint="export RETAKE_FLOW_STATE=/a/folder/that/can/be/written"
        ) from None
    return Finding("store", "ok", f"runs are kept in {file}")


def _folder(check: str, folder: Path, what: str) -> Finding:
    with temporarily_created(folder):
        return _room(check, folder, f"{what} are kept there" if what.endswith("s") else f"{what} is kept there")


def _working_folder() -> Finding:
    preflight.require_working_folder()
    return _room("working_folder", Path(tempfile.gettempdir()), "temporary files are kept there")


def _account(settings: Settings) -> Finding:
    found = credentials.load(settings.credentials, settings.access_token)
    if found is None:
        with temporarily_created(settings.credentials.parent):
            message = f"none yet in {settings.credentials}; the first run registers the agent"
            return Finding("credentials", "ok", message)
    name = found.agent_name or "an agent without a known name"
    source = "RETAKE_ACCESS_TOKEN" if found.from_environment else str(settings.credentials)
    said = f"{name}, from {source}{_mode(settings.credentials)}"
    if found.unusable:
        return Finding("credentials", "warning", f"{said}; the file is not used: {found.unusable}")
    try:
        with _writable(settings.credentials):
            return Finding("credentials", "ok", said)
    except HostError as error:
        lost = "later details from retake.tv are remembered for one run only"
        return Finding("credentials", "warning", f"{said}; {lost}: {error.message}", error.hint)


@contextmanager
def _writable(file: Path) -> Iterator[None]:
    """Check that a file can be written, in place or by replacing it."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_APPEND))
    except OSError:
        with temporarily_created(file.parent):
            pass
    yield


def _mode(file: Path) -> str:
    with suppress(OSError):
        return f", mode {file.stat().st_mode & 0o777:04o}"
    return ""


def _room(check: str, folder: Path, what: str) -> Finding:
    """The free space where a folder is, or would be."""
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    free = shutil.disk_usage(there).free
    if free < ROOM:
        message = f"{folder}: {what}, and only {free // _MIB} MiB are free"
        return Finding(check, "warning", message, f"make room: df -h {there}")
    return Finding(check, "ok", f"{folder}: {what}; {free // _MIB} MiB are free")


@contextmanager
def temporarily_created(folder: Path) -> Iterator[Path]:
    """A folder that was tested for writing. Whatever had to be created for the test is removed again.

    Raises:
        HostError: The folder cannot be created or written.
    """
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    doing = f"the folder {folder} cannot be made"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        preflight.require_folder(folder, "it cannot be written there")
        yield folder
    except OSError as error:
        message = f"{doing}: {error.strerror or error}"
        raise os_errors.host_error(error, doing) or HostError(message, hint="name another place") from None
    finally:
        for each in new:
            with suppress(OSError):
                each.rmdir()
