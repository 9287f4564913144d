"""Every benchmark still works. What it measures in a second means nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmark import BENCHMARKS, run_benchmark

_QUICK = ("chat", "engine", "fleet_model", "resume", "runs", "startup", "store")
_PROGRAMS = ("go_live", "healing", "on_air", "page", "screen", "screen_healing")
#: Each of these has a test of its own, at length.
_TESTED_ELSEWHERE = ("chaos", "fleet", "fuzz", "fuzz_answers")
_HELPERS = ("hostile_server",)


def test_no_benchmark_is_left_out() -> None:
    """A new one needs a quick mode, or a test of its own."""
    scripts = {path.stem for path in BENCHMARKS.glob("*.py") if "def main(" in path.read_text(encoding="utf-8")}
    assert scripts == {*_QUICK, *_PROGRAMS, *_TESTED_ELSEWHERE, *_HELPERS}


@pytest.mark.parametrize("name", [*_QUICK, *(pytest.param(name, marks=pytest.mark.real) for name in _PROGRAMS)])
def test_a_benchmark_works(name: str, tmp_path: Path) -> None:
    """It ends without an error, with a table and its figures as JSON."""
    done = run_benchmark(name, "--quick", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["benchmark"]
