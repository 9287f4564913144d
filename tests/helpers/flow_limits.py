"""Runs hostile expressions in a process of their own, so that one that hangs or grows fails its test and no other."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence

_MEMORY = 600 << 20  # bytes of address space, of which Python itself takes the most
_PROGRAM = """
import json, sys, time
from retake_flow.errors import ExpressionError
from retake_flow.flow.expressions.expression import Expression, Template
from retake_flow.flow.diagnostics import Position

deep = []
for _ in range(5000):
    deep = [deep]
names = {"vars": {}, "inputs": {
    "text": 'ab \\\\"\\0' * 200_000, "line": "x" * 65_536, "words": "a b " * 16_000, "quotes": '"' * 30_000,
    "numbers": [1] * 20_000, "colliding": [(2**61 - 1) * i for i in range(20_000)], "rows": [["x", "y"]] * 20_000,
    "wide": [[1.5] * 10] * 100_000, "deep": deep, "keys": {str(i): i for i in range(60_000)}, "huge": 10**4000,
    "digits": "9" * 100_000, "lists": [[1]] * 8_000,
}}
def peak():  # in KiB; what getrusage tells begins with what the process had that has forked us
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

for text in json.load(sys.stdin):
    began = time.process_time()
    try:
        value = (Template if "{{" in text else Expression)(text, Position("f", 1, 1)).value(names)
        said = f"{type(value).__name__}: {str(value)[:40]}"
    except ExpressionError as error:
        said = f"refused: {error.message}"
    print(json.dumps([said, time.process_time() - began, peak() // 1024]))
"""


def evaluated(texts: Sequence[str]) -> list[tuple[str, float, int]]:
    """What came of each expression, the seconds of the processor it took, and the MiB that were used until then.

    Raises:
        TimeoutExpired: One hangs.
    """
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY)),
    )
    return [tuple(json.loads(line)) for line in ran.stdout.splitlines()]
