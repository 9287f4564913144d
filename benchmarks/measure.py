"""Runs of the same thing side by side, and the tables that show them as ratios."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager


def quick(description: str) -> bool:
    """Whether the benchmark is only to show, within a few seconds, that it still works (`--quick`)."""
    parser = argparse.ArgumentParser(description=description)
    add_quick(parser)
    return bool(parser.parse_args().quick)


def add_quick(parser: argparse.ArgumentParser) -> None:
    """Declare `--quick`."""
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds, to see that it works; the figures are poor"
    )


def alternating(works: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """The median of what each work measures, taken in turn so that a busy moment touches all alike."""
    figures: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, measured in zip(works, figures, strict=True):
            measured.append(work())
    return [statistics.median(measured) for measured in figures]


@contextmanager
def installed() -> Iterator[dict[str, str]]:
    """The environment of programs that keep their bytecode, as installed ones do; this tree stays without any."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        yield {**kept, "PYTHONPYCACHEPREFIX": folder}


def seconds_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Callable[[], float]:
    """Measures a command as a whole process."""

    def measure() -> float:
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        return time.perf_counter() - begun

    return measure


def show(title: str, rows: Sequence[tuple[str, str, str]], figures: dict[str, object]) -> None:
    """Print a table of name, figure and ratio, and the same as one JSON line."""
    print(f"\n{title}")
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, figure, ratio in rows:
        print(f"  {name:<{widths[0]}}  {figure:>{widths[1]}}  {ratio:>{widths[2]}}")
    print(json.dumps({"benchmark": title, **figures}))
