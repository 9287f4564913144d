"""Writable places: tests the places where a run writes by writing there. Nothing stays."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from retake_flow import os_errors
from retake_flow.api import credentials
from retake_flow.errors import HostError, RetakeFlowError
from retake_flow.settings import Settings
from retake_flow.store.opening import reached
from retake_flow.wiring import preflight
from retake_flow.wiring.diagnosis.finding import Finding, Status, failure

_MIB: Final = 1 << 20
ROOM: Final = 1024 * _MIB


def examine(settings: Settings) -> Iterator[Finding]:
    """Every place where a run writes."""
    yield _attempt("state", lambda: _state(settings))
    yield _attempt("store", lambda: _store(settings))
    yield _attempt("recordings", lambda: _folder("recordings", settings.state_folder / "rehearsals", "rehearsals"))
    yield _attempt("credentials", lambda: _account(settings))
    yield _attempt("working_folder", _working_folder)
    yield _attempt("cache", lambda: _folder("cache", settings.cache_folder, "what is known already"), "warning")


def _attempt(check: str, trial: Callable[[], Finding], status: Status = "missing") -> Finding:
    try:
        return trial()
    except RetakeFlowError as error:
        return failure(check, error, status)


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
        return Finding("store", "ok", f"runs are kept in {reached(place)}, which answers")
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
        lost = "what retake.tv tells later is remembered for one run only"
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
