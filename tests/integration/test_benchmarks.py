"""Every benchmark still works. What it measures in a second means nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import postgres_server
import pytest
from benchmark import BENCHMARKS, run_benchmark

_QUICK = ("chat", "engine", "fleet_model", "resume", "runs", "startup", "store")
_PROGRAMS = ("go_live", "healing", "on_air", "page", "screen", "screen_healing")
#: Each of these has a test of its own, at length.
_TESTED_ELSEWHERE = ("chaos", "fleet", "fuzz", "fuzz_answers")
#: These measure real outages: one scene of them, whose bounds a busy machine may break.
_OUTAGES = {"store_away": (), "store_outages": ("--only", "stopped")}
_HELPERS = ("hostile_server",)


def test_no_benchmark_is_left_out() -> None:
    """A new one needs a quick mode, or a test of its own."""
    scripts = {path.stem for path in BENCHMARKS.glob("*.py") if _is_script(path)}
    assert scripts == {*_QUICK, *_PROGRAMS, *_TESTED_ELSEWHERE, *_OUTAGES, *_HELPERS}


def _is_script(path: Path) -> bool:
    return '__name__ == "__main__"' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*_QUICK, *(pytest.param(name, marks=pytest.mark.real) for name in _PROGRAMS)])
def test_a_benchmark_works(name: str, tmp_path: Path) -> None:
    """It ends without an error, with a table and its figures as JSON."""
    done = run_benchmark(name, "--quick", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["benchmark"]


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces")
@pytest.mark.skipif(postgres_server.binaries() is None, reason="PostgreSQL's programs are not installed")
@pytest.mark.parametrize("name", _OUTAGES)
def test_a_benchmark_of_outages_works(name: str, tmp_path: Path) -> None:
    """It ends with its figures and without an error."""
    done = run_benchmark(name, "--quick", *_OUTAGES[name], folder=tmp_path)
    assert "Traceback" not in done.stderr, done.stdout + done.stderr
    assert done.stdout.splitlines()
