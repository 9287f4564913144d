"""The fuzz of hostile flows, in short, and the fuzz itself: it finds and names broken promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmark import BENCHMARKS, run_benchmark


def test_a_hundred_hostile_flows_break_no_promise(tmp_path: Path) -> None:
    """Nothing hangs, nothing is a defect, nothing of other files is shown, and memory stays small."""
    ran = run_benchmark("fuzz", "--answers", "0", "--seed", "7", "--count", "120", "--keep", str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '"broken": 0' in ran.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "instead", "said"),
    [
        ("check", "while True: pass", "hang"),
        ("check", "raise KeyError('x')", "defect"),
        ("check", "print(open('../outside/private.yaml').read())", "foreign"),
        ("check", "print('\\x1b[31m')", "foreign"),
        ("check", "held.append(bytearray(400 << 20))", "memory"),
    ],
)
def test_a_broken_promise_is_named_and_kept(tmp_path: Path, name: str, instead: str, said: str) -> None:
    """A command that hangs, fails, leaks or grows ends the fuzz with 1, with the seed, the number and the files."""
    program = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
sys.argv[0] = __file__
held = []
from retake_flow.cli.flow_commands import {name}
def broken(args):
    {instead}
    return 0
{name}.{name} = broken
import fuzz
fuzz.__file__ = __file__
sys.exit(fuzz.main(sys.argv[1:]))
"""
    script = tmp_path / "broken.py"
    script.write_text(program, encoding="utf-8")
    command = [sys.executable, str(script), "--answers", "0", "--only", "3", "--keep", str(tmp_path / "kept")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"1/3 {said}" in ran.stdout
    assert (tmp_path / "kept" / "1-3" / "flow.yaml").is_file()
