"""The image of a worker: it has all that a stream needs, and streams as an ordinary user."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import image
import pytest

from retake_flow.studio.programs import PROGRAMS

CONTAINERFILE = image.ROOT / "Containerfile"
REHEARSED = ("run", "go-live.yaml", "--rehearse", "--for", "2s", "--json")
BUILDER = shlex.split(os.environ.get("RETAKE_FLOW_BUILDER", ""))


def test_the_image_has_all_programs() -> None:
    """Those that a stream may need are installed, Chromium only on request; the worker is no root."""
    built = image.read(CONTAINERFILE)
    assert {program.package for program in PROGRAMS} - built.packages == {"chromium"}
    assert {"fonts-dejavu-core", "ca-certificates"} <= built.packages
    assert "$CHROMIUM" in CONTAINERFILE.read_text()
    assert built.user == "10001:10001"
    assert built.entry == ["retake-flow"]
    ignored = (image.ROOT / ".containerignore").read_text().splitlines()
    assert ignored[1] == "**", "files that are not named stay out"
    assert all((image.ROOT / line[1:]).exists() for line in ignored if line.startswith("!"))


def _overlay() -> bool:
    made = ["unshare", "--mount", "--pid", "--fork", "true"]
    return os.geteuid() == 0 and subprocess.run(made, check=False, capture_output=True).returncode == 0


@pytest.mark.real
@pytest.mark.skipif(not _overlay(), reason="only root makes a chroot with mounts of its own")
@pytest.mark.skipif(
    subprocess.run(["/usr/bin/python3", "-c", "import ensurepip, venv"], check=False, capture_output=True).returncode,
    reason="the system's Python makes no virtual environments here",
)
def test_the_image_streams(tmp_path: Path) -> None:
    """Built by its own steps, it rehearses a stream as its user, and leaves nothing behind."""
    built = image.read(CONTAINERFILE)
    done = image.run(built, tmp_path, *REHEARSED, RETAKE_FLOW_STAGE="off")
    if "mount: " in done.stderr:
        pytest.skip(f"this machine refuses an overlay: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    has_streamed(done.stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
@pytest.mark.skipif(not BUILDER, reason="RETAKE_FLOW_BUILDER names no builder, such as `buildah --storage-driver vfs`")
def test_a_builder_builds_it() -> None:
    """From the base image, with packages of the net, which takes minutes; as its user, it rehearses a stream."""
    name = f"localhost/retake-flow-test-{os.getpid()}"
    builder("build", "--isolation", "chroot", "--pull=false", "--tag", name, str(image.ROOT))
    try:
        container = builder("from", "--pull-never", name).strip()
        try:
            has_streamed(builder("run", "--isolation", "chroot", container, "--", "retake-flow", *REHEARSED))
        finally:
            builder("rm", container)
    finally:
        builder("rmi", name)


def builder(*arguments: str) -> str:
    """Run a command of Buildah; gives its output."""
    done = subprocess.run([*BUILDER, *arguments], capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return done.stdout


def has_streamed(said: str) -> None:
    """Make sure that a rehearsal went well, by its records."""
    records = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert any(record.get("event") == "run_ended" and record["outcome"] == "completed" for record in records)
    [report] = [record for record in records if record.get("event") == "rehearsal_report"]
    assert report["broken_rules"] == []
