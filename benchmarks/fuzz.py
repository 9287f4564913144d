"""Hostile flows, overlays, expressions, patterns, rules and features: nothing may hang, grow or leak.

Each is looked at as `retake-flow check` and another command look at it, in a process of its own kind that is ended when
it takes too long. What breaks a promise is told with its seed and number, and its files are kept; `--only NUMBER` looks
at it again. Then hostile answers of the platform (`fuzz_answers.py`), where they are there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module, util
from pathlib import Path
from typing import Any, Final

import psutil
from measure import show
from nasty import CANARY, KINDS, OUTSIDE, RAN, VARIABLE, Case, case

#: What is promised: seconds of the processor, and MiB.
LONGEST: Final = 2.0
LONGEST_PLAYED: Final = 15.0  # where scenarios are played or tried
MOST_MEMORY: Final = 300

_ENDLESS = 60.0  # seconds by the clock without work, after which something waits for what never comes
_EACH = 250  # cases, after which a process is replaced
_SHOWN = 20  # broken promises that are told


# --- one process that looks ---------------------------------------------------------------------------------------


def _work(seed: int, folder: Path) -> None:
    """Look at the cases whose numbers come in; what was found of each goes out as a line."""
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        found = _looked_at(case(seed, int(line)), folder)
        out.write(json.dumps(found) + "\n")
        out.flush()


def _looked_at(made: Case, folder: Path) -> dict[str, Any]:
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name, text in made.files.items():
        (folder / name).write_text(text, encoding="utf-8", errors="replace")
    began, broken = time.process_time(), []
    for text in made.expressions:
        broken += _evaluated(text)
    for command in made.commands:
        broken += _commanded(command)
    if (ran := folder / RAN).exists():
        ran.unlink()
        broken.append(f"foreign: Python beside the flow has run by {made.commands}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {"seconds": time.process_time() - began, "memory": memory, "broken": broken}


def _evaluated(text: str) -> list[str]:
    from retake_flow.errors import ExpressionError
    from retake_flow.flow.diagnostics import Position
    from retake_flow.flow.expressions.expression import Expression

    names = {"inputs": {"n": 3, "t": "x\\\"" * 9_000, "l": [[1, "y"]] * 3_000, "m": {"a": {"b": 1}}}, "vars": {"x": 1},
             "outputs": {"a": {"verified": True}}, "visits": {"a": 2}, "event": {"text": "nan", "kind": "é" * 60_000},
             "result": {"verified": [2**61 - 1] * 9_000}, "now": 1e9, "in": lambda state: True}  # fmt: skip
    try:
        Expression(text, Position("f", 1, 1)).value(names)
    except ExpressionError:
        return []
    except BaseException as error:
        return [f"defect: {_where(error)} in {text[:200]!r}"]
    return []


def _commanded(command: tuple[str, ...]) -> list[str]:
    from retake_flow.cli.main import main

    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main(command)
    except SystemExit:
        pass  # the command was not understood
    except BaseException as error:
        return [f"defect: {_where(error)} of {' '.join(command)[:200]}"]
    told = bytes(said.buffer.getbuffer())
    broken = [f"foreign: {word!r} is shown by {' '.join(command)[:200]}" for word in _FOREIGN if word.encode() in told]
    if b"\x1b" in told:
        broken.append(f"foreign: an escape is printed by {' '.join(command)[:200]}")
    return broken


_FOREIGN = (CANARY, "root:x:0:0")


def _where(error: BaseException) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "retake_flow" in frame.filename]
    place = f"{ours[-1].filename.rpartition('retake_flow/')[2]}:{ours[-1].lineno}" if ours else "somewhere"
    return f"{type(error).__name__}: {str(error)[:120]} ({place})"


# --- those who have it done ---------------------------------------------------------------------------------------


class _Worker:
    """A process that looks at one case after another."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._folder = folder
        self._seed = seed
        self._looked = 0
        self._process = self._started()

    def look(self, number: int, most: float) -> dict[str, Any]:
        """What was found of a case, or that it hangs: that it takes more seconds of the processor than this."""
        if self._looked == _EACH:
            self._anew()
        self._looked += 1
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        began = moved = time.monotonic()
        before = last = self._used()
        with contextlib.suppress(BrokenPipeError):  # it died: no line comes
            process.stdin.write(f"{number}\n".encode())
            process.stdin.flush()
        while not select.select([process.stdout], [], [], 0.5)[0]:
            if (now := self._used()) > last:  # a loaded machine may give it little
                last, moved = now, time.monotonic()
            used, waited = now - before, time.monotonic() - began
            if used > 2 * most or time.monotonic() - moved > _ENDLESS:
                self._anew()
                return {
                    "seconds": used,
                    "memory": 0,
                    "broken": [f"hang: {used:.1f} s of the processor, {waited:.0f} s in all"],
                }
        line = process.stdout.readline()
        if not line:
            self._anew()
            return {"seconds": 0.0, "memory": 0, "broken": ["defect: the process died"]}
        found: dict[str, Any] = json.loads(line)
        if found["seconds"] > most:
            found["broken"].append(f"hang: {found['seconds']:.1f} s of the processor")
        if found["memory"] > MOST_MEMORY:
            found["broken"].append(f"memory: {found['memory']} MiB")
            self._anew()
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _anew(self) -> None:
        self.close()
        self._process, self._looked = self._started(), 0

    def _started(self) -> subprocess.Popen[bytes]:
        work = self._folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        (self._folder / "outside").mkdir(exist_ok=True)
        (work / OUTSIDE).write_text(f"flow: {CANARY}\n{CANARY}: {CANARY}\n", encoding="utf-8")
        environment = {
            **os.environ, VARIABLE: CANARY, "RETAKE_FLOW_CACHE": str(self._folder / "cache"), "RETAKE_FLOW_DEBUG": "1",
            "HOME": str(self._folder / "outside"),
        }  # fmt: skip
        command = [sys.executable, __file__, "--worker", str(work), "--seed", str(self._seed)]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def _used(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)


def looked_at(seed: int, numbers: Sequence[int], kept: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """What was found of each case; the files of those that break a promise are kept."""
    with tempfile.TemporaryDirectory() as folder:
        worker = _Worker(seed, Path(folder))
        try:
            for number in numbers:
                made = case(seed, number)
                found = worker.look(number, LONGEST_PLAYED if made.played else LONGEST) | {"played": made.played}
                if found["broken"]:
                    _keep(made, found["broken"], kept / f"{seed}-{number}")
                yield number, found
        finally:
            worker.close()


def _keep(made: Case, broken: list[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in made.files.items():
        (folder / name).write_text(text, encoding="utf-8", errors="replace")
    commands = [" ".join(command) for command in made.commands]
    (folder / "broken.txt").write_text("\n".join([*broken, *commands, *made.expressions]), encoding="utf-8")


def flows(seed: int, numbers: Sequence[int], kept: Path) -> dict[str, Any]:
    """Look at cases; gives the counts, and what broke a promise."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    longest, memory = {False: 0.0, True: 0.0}, 0
    for number, found in looked_at(seed, numbers, kept):
        counts[KINDS[number % len(KINDS)]] += 1
        longest[found["played"]] = max(longest[found["played"]], found["seconds"])
        memory = max(memory, found["memory"])
        for broken in found["broken"]:
            counts[broken.partition(":")[0]] += 1
            failures.append(f"{seed}/{number} {broken}")
    return {"counts": dict(counts), "longest": longest, "memory": memory, "failures": failures}


def main(arguments: Sequence[str]) -> int:
    """Look at all, print the counts; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--count", type=int, default=20_000, help="of flows, overlays, expressions, patterns, rules and features"
    )
    parser.add_argument("--from", type=int, default=0, dest="first", help="the number of the first one")
    parser.add_argument("--only", type=int, help="look at one again")
    parser.add_argument("--answers", type=int, default=5_000, help="of the platform")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "retake-flow-fuzz"))
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.worker is not None:
        _work(args.seed, args.worker)
        return 0
    numbers = range(args.first, args.first + args.count) if args.only is None else [args.only]
    found = flows(args.seed, numbers, args.keep)
    failures = list(found["failures"])
    counts = found["counts"]
    rows = [(name, str(counts.get(name, 0)), "") for name in (*KINDS, "hang", "defect", "foreign", "memory")]
    rows.append(("longest", f"{found['longest'][False]:.2f} s", f"of {LONGEST:g} s"))
    rows.append(("longest played", f"{found['longest'][True]:.2f} s", f"of {LONGEST_PLAYED:g} s"))
    rows.append(("most", f"{found['memory']} MiB", f"of {MOST_MEMORY} MiB"))
    show("fuzz", rows, {"seed": args.seed, "broken": len(failures), **counts})
    if args.only is None and args.answers and util.find_spec("fuzz_answers") is not None:
        told = import_module("fuzz_answers").answers(args.seed, args.answers)
        failures += told.pop("failures")
        show("answers", [(name, str(value), "") for name, value in told.items()], told)
    for failure in failures[:_SHOWN]:
        print(failure)
    if failures:
        print(f"{len(failures)} promises are broken; the files are in {args.keep}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
