"""A wheel built from this tree works by itself, in an empty folder, with no checkout near."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from retake_flow import __version__

pytestmark = pytest.mark.real

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs the installed program in an empty home and folder, and returns its output."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    build = [*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", folder, _ROOT]
    subprocess.run(build, check=True, timeout=600)
    environment = folder / "venv"
    venv.create(environment, symlinks=True)
    # The dependencies are this environment's. A path listed so does not bring its own .pth files: no editable install.
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", environment / "bin/python", "install", *offline, wheel], check=True, timeout=600)
    home = folder / "home"
    home.mkdir()

    def run(*arguments: str, code: int = 0) -> str:
        variables = {"HOME": str(home), "PATH": f"{environment / 'bin'}:/usr/bin:/bin:/usr/local/bin", "TERM": "dumb"}
        done = subprocess.run(
            arguments, capture_output=True, text=True, cwd=home, env=variables, timeout=600, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    assert Path(run("python", "-c", "import retake_flow; print(retake_flow.__file__)").strip()).is_relative_to(site)
    return run


def test_the_installed_program_has_all_that_it_reads(installed: Callable[..., str]) -> None:
    """Shipped flows, rules, schemas, explanations of problems and pages are in the wheel."""
    shared = "import sys, pathlib; print(*(p.name for p in pathlib.Path(sys.prefix, 'share/retake-flow').rglob('*.*')))"
    files = {"retake-flow-worker@.service", "retake-flow@.timer", "worker-role.sql", "worker.yaml", "retake-flow.json"}
    assert files <= set(installed("python", "-c", shared).split())
    assert installed("retake-flow", "--version").strip() == f"retake-flow {__version__}"
    installed("retake-flow", "init", "nightowl")
    installed("retake-flow", "check", "nightowl.yaml", "go-live.yaml", "heartbeat.yaml")
    assert "RF001" in installed("retake-flow", "check", "--explain", "RF001")
    assert "stateDiagram" in installed("retake-flow", "graph", "nightowl.yaml")
    assert "confirm_live" in installed("retake-flow", "plan", "nightowl.yaml")
    page = "from retake_flow.stage import PAGE; print(*sorted(file.name for file in PAGE.iterdir()))"
    assert installed("python", "-c", page).split() == ["index.html", "stage.css", "stage.js"]
    said = installed("retake-flow", "run", "nightowl.yaml", "--rehearse", "--for", "3s", "--json")
    assert '"outcome": "completed"' in said.splitlines()[-1]
