"""What the doctor finds, as far as no program is started."""

from __future__ import annotations

import asyncio
import os
import re
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest

from retake_flow.api.client import Connectivity
from retake_flow.errors import HostError, NotReady
from retake_flow.settings import Settings
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process, ProcessSpec
from retake_flow.wiring.diagnosis import examination, host, stream
from retake_flow.wiring.diagnosis.finding import Finding, attempt


class Memory(NamedTuple):
    """What psutil tells of memory."""

    available: int


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        (0.4, "ok", "+0.4 s"),
        (-1.9, "ok", "-1.9 s"),
        (75.0, "warning", "75 s ahead of retake.tv's"),
        (-7200.0, "warning", "7200 s behind retake.tv's"),
        (None, "skipped", "sends no time"),
    ],
)
def test_the_difference_of_clocks(ahead: float | None, status: str, words: str) -> None:
    """A second or two is what the header leaves open; more is told with the command that sets the clock."""
    found = examination.clock(Connectivity(200, 0.1, "2.1.2", ahead, ""))
    assert (found.status, words in found.message) == (status, True)
    assert ("timedatectl" in found.hint) is (status == "warning")


def test_a_trial_that_fails_is_a_finding() -> None:
    """An error tells itself, a defect does not hide the others, and a cancellation is none."""

    async def failing(error: BaseException) -> Finding:
        raise error

    found = asyncio.run(attempt("x", lambda: failing(HostError("no room", hint="df -h"))))
    assert (found.status, found.message, found.hint) == ("missing", "no room", "df -h")
    found = asyncio.run(attempt("x", lambda: failing(ValueError("odd")), "warning"))
    assert (found.status, found.message) == ("warning", "the check failed: ValueError: odd")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(attempt("x", lambda: failing(asyncio.CancelledError())))


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the machine, or of the container where that has less."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(4 << 30))
    monkeypatch.setattr(host, "_cgroup", lambda name: None)
    assert host.memory().status == "ok"
    monkeypatch.setattr(host, "_cgroup", {"memory.max": 300 << 20, "memory.current": 100 << 20}.get)
    assert (host.memory().status, host.memory().message) == ("warning", "only 200 MiB are free; a stream uses 512")
    assert "--memory 1g" in host.memory().hint


def test_a_container_with_few_processes_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs could not be started in the middle of a stream."""
    monkeypatch.setattr(host, "_cgroup", {"pids.max": 100, "pids.current": 70}.get)
    found = host.limits()
    assert (found.status, "30 more processes" in found.message) == ("missing", True)
    assert "--pids-limit" in found.hint


@pytest.mark.parametrize("limit", [resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS])
def test_a_limit_that_ends_programs_is_a_warning(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """The limit is named with the command that lifts it."""
    real = resource.getrlimit
    monkeypatch.setattr(host, "_cgroup", lambda name: None)
    monkeypatch.setattr(resource, "getrlimit", lambda asked: (4096, 4096) if asked == limit else real(asked))
    found = host.limits()
    assert (found.status, "after 4096" in found.message) == ("warning", True)
    assert "unlimited" in found.hint


def test_shared_memory_that_cannot_be_used_is_a_warning(tmp_path: Path) -> None:
    """As in containers without it."""
    assert host.shared_memory(tmp_path).status == "ok"
    found = host.shared_memory(tmp_path / "nowhere")
    assert (found.status, "No such file" in found.message) == ("warning", True)
    assert "--shm-size" in found.hint


def test_a_folder_that_is_made_for_a_trial_is_gone_after_it(tmp_path: Path) -> None:
    """With all that had to be made above it; what was there stays."""
    (tmp_path / "here").mkdir()
    with host.temporarily_created(tmp_path / "here" / "a" / "b") as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]
    assert list((tmp_path / "here").iterdir()) == []
    with host.temporarily_created(tmp_path / "here"):
        pass
    assert (tmp_path / "here").is_dir()


def test_without_chromium_the_stage_is_missing_and_not_the_studio(tmp_path: Path) -> None:
    """The studio's programs need no browser: streams show their log."""
    starts = SimpleNamespace(environment={"PATH": str(tmp_path)})
    found = asyncio.run(stream.examine_page(starts, SimpleNamespace()))  # type: ignore[arg-type]
    assert (found.status, "since the stage needs Chromium" in found.message) == ("skipped", True)


def test_a_defect_in_one_place_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a folder on the way that may not be read: `Path.exists` raises then."""

    def fail(_settings: Settings) -> Finding:
        raise PermissionError(13, "Permission denied", "/locked/runs.sqlite")

    monkeypatch.setattr(host, "_store", fail)
    settings = Settings.from_environment({"HOME": str(tmp_path), "RETAKE_FLOW_STATE": str(tmp_path)})
    found = {each.check: each for each in asyncio.run(host.examine_places(settings))}
    assert [*found] == ["state", "store", "recordings", "credentials", "working_folder", "cache"]
    assert (found["store"].status, "Permission denied" in found["store"].message) == ("missing", True)


def test_a_store_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """It is opened for writing, and nothing is written; what is no database is named."""
    settings = Settings.from_environment({"HOME": str(tmp_path), "RETAKE_FLOW_STATE": str(tmp_path)})
    (tmp_path / "runs.sqlite").write_bytes(b"no database at all" * 100)
    before = (tmp_path / "runs.sqlite").read_bytes()
    [store] = [found for found in asyncio.run(host.examine_places(settings)) if found.check == "store"]
    assert (store.status, "not a database" in store.message) == ("missing", True)
    assert (tmp_path / "runs.sqlite").read_bytes() == before
    (tmp_path / "runs.sqlite").write_bytes(b"")
    [store] = [found for found in asyncio.run(host.examine_places(settings)) if found.check == "store"]
    assert (store.status, store.message) == ("ok", f"runs are kept in {tmp_path / 'runs.sqlite'}")
    assert (tmp_path / "runs.sqlite").read_bytes() == b""
    assert [file.name for file in tmp_path.iterdir()] == ["runs.sqlite"]


@pytest.mark.parametrize(
    ("name", "script", "check"),
    [
        ("ffmpeg", "exec sleep 600", lambda starts: stream._sending(starts, "rtmps")),
        ("fc-list", "exec sleep 600", stream._scripts),
        ("fc-list", "exit 1", stream._scripts),
        ("sh", "exec sleep 600", host.init),
        ("sh", "exit 1", host.init),
    ],
)
def test_a_check_that_did_not_come_to_its_end_is_not_ok(
    tmp_path: Path, name: str, script: str, check: Callable[[Launcher], Awaitable[Finding]]
) -> None:
    """A program that hangs or fails shows nothing about the machine."""
    (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
    (tmp_path / name).chmod(0o755)

    async def tried() -> Finding:
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        starts = examination.BoundedLauncher(f"doctor-{tmp_path.name}", path, within=0.5 if "sleep" in script else 60.0)
        return await attempt("x", lambda: check(starts))

    found = asyncio.run(tried())
    said = f"{name} (did not finish within|was not tried)" if "sleep" in script else f"{name} ended with status 1"
    assert (found.status, bool(re.search(said, found.message))) == ("missing", True), found


def test_hanging_programs_share_a_time_limit() -> None:
    """A caller that gives up after a minute still gets findings about all; they do not say that a program is broken."""
    idle = ProcessSpec(("sleep", "600"))

    async def late(_: Process) -> None:
        await asyncio.Event().wait()

    async def tried() -> None:
        starts = examination.BoundedLauncher("doctor-test", {"PATH": os.environ["PATH"]}, within=0.5)
        with pytest.raises(NotReady, match=r"sleep did not finish within 0\.\d s") as found:
            await starts.run(idle, timeout=600.0)
        assert "--within" in found.value.hint
        with pytest.raises(NotReady, match=r"sleep was not tried, since the time") as found:
            async with starts.process(idle, late):
                raise AssertionError("it was ready")
        assert "--within" in found.value.hint

    async def hung() -> None:
        starts = examination.BoundedLauncher("doctor-test", {"PATH": os.environ["PATH"]}, within=3600.0)
        with pytest.raises(NotReady) as found:
            await starts.run(idle, timeout=0.1)
        assert found.value.hint == ""  # more time would not have helped

    asyncio.run(hung())
    asyncio.run(tried())
