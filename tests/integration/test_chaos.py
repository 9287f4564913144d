"""Chaos on air: the stream keeps its promises through any trouble."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmark import run_benchmark
from wall_clock import needed

pytestmark = [pytest.mark.real, needed]


def test_chaos_costs_no_key_and_no_message_and_leaves_nothing(tmp_path: Path) -> None:
    """Several draws in a minute: no key and no message twice, none lost, nothing left, and no question."""
    done = run_benchmark("chaos", "--seconds", "50", "--every", "7", "--seed", "403", "--keep", str(tmp_path))
    print(done.stderr, done.stdout)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert sum(found["happened"].values()) >= 3, found  # a slow machine takes its time for each
    assert found["keys"]["reused"] == 0
    assert (found["messages"]["missed"], found["messages"]["twice"], found["said_twice"]) == (0, 0, [])
    assert (found["left"], found["broken_rules"], found["questions"]) == ([], [], [])
    assert found["exit"] == 130
    assert found["on_air"] > 0
