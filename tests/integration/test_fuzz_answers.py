"""Hostile answers in small: no run ends, the loop goes on, and nothing fills the memory."""

from __future__ import annotations

import json

import pytest
from benchmark import run_benchmark

pytestmark = pytest.mark.real


@pytest.mark.parametrize("seed", [1, 1207])
def test_hostile_answers_end_no_run(seed: int) -> None:
    """A few hundred to the clients and to a run on air, over real sockets."""
    # Where tests go on side by side, a whole second is the least that proves a block.
    done = run_benchmark("fuzz_answers", "--seed", str(seed), "--count", "500", "--block", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["answers"] + found["events"] >= 500
    assert found["answers"] >= 100
    assert found["events"] >= 100
    assert found["memory_mib"] < 150
    assert found["kept"] < 1_000_000
