"""The units for systemd, as an operator would install them for an agent."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "docs" / "systemd"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_an_instance_for_an_agent_is_valid(tmp_path: Path) -> None:
    """Systemd finds nothing wrong with the service and the timer of an agent."""
    bin_folder = tmp_path / ".local" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "retake-flow").symlink_to("/bin/true")
    for kind in ("service", "timer"):
        text = (UNITS / f"retake-flow@.{kind}").read_text()
        (tmp_path / f"retake-flow@owl.{kind}").write_text(text.replace("%h", str(tmp_path)))
    instances = [str(tmp_path / f"retake-flow@owl.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *instances],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_a_worker_is_valid(tmp_path: Path) -> None:
    """Systemd finds nothing wrong with the unit of a worker, whose runs outlive it and whose end hands them over."""
    text = (UNITS / "retake-flow-worker@.service").read_text()
    assert "/opt/retake-flow/bin/retake-flow" in text
    text = text.replace("/opt/retake-flow/bin/retake-flow", "/bin/true").replace("User=retake", "User=daemon")
    (tmp_path / "retake-flow-worker@a.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "retake-flow-worker@a.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("KillMode=process", "OOMPolicy=continue", "LoadCredential=agents:/etc/retake-flow/agents"):
        assert f"\n{line}\n" in text


def test_an_instance_without_settings_does_not_start() -> None:
    """Otherwise it would go on with its agent's runs under whatever credentials are in the default place."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNITS / "retake-flow@.service")
    assert unit["Service"]["EnvironmentFile"] == "%h/.config/retake-flow/%i.env"
    assert set(unit["Service"]["SuccessExitStatus"].split()) == {"5", "130"}
