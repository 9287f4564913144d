"""Verdicts: how a scenario ended and why, in words for people."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from retake_flow.errors import RetakeFlowError
from retake_flow.run.records import Record, masked
from retake_flow.sanitize import cut, one_line
from retake_flow.testing.gherkin.lint import display_path
from retake_flow.testing.runs.observed import Unmet, seconds

Outcome = Literal["passed", "failed", "skipped"]
Standing = Literal["passed", "failed", "not played"]

#: How much of the journal is shown.
LAST_RECORDS: Final = 12
_LONGEST: Final = 160
_DETAILS: Final = ("outcome", "kind", "message", "reason", "name", "purpose", "attempt", "audience")


@dataclass(frozen=True, slots=True)
class PlayedStep:
    """A step that was played.

    Attributes:
        text: Its text in the file, with its keyword.
        stands_for: The step that a phrase expands to; "" if it is not a phrase.
        table: The rows of its table.
    """

    line: int
    text: str
    standing: Standing
    stands_for: str = ""
    table: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a scenario failed.

    Attributes:
        expected: What its step expects, if that was not met.
        got: What was found instead.
        message: Any other error.
    """

    expected: str = ""
    got: str = ""
    message: str = ""
    hint: str = ""

    def lines(self) -> Iterator[str]:
        """The words for people."""
        for name, text in (("expected", self.expected), ("got", self.got), ("", self.message), ("hint", self.hint)):
            if text:
                first, *more = text.splitlines() or [""]
                yield f"{name}: {first}" if name else first
                yield from (f"  {line}" for line in more)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a scenario ended.

    Attributes:
        journal: The last lines of the run's journal.
        output: The output of its steps.
    """

    scenario: str
    feature: str
    file: str
    line: int
    outcome: Outcome
    steps: tuple[PlayedStep, ...] = ()
    failure: Failure | None = None
    journal: tuple[str, ...] = ()
    output: str = ""

    def explanation(self) -> Iterator[str]:
        """The scenario with the failed step marked, the expected and the actual value, and the journal's last lines."""
        yield f"Scenario: {one_line(self.scenario)}  ({one_line(self.file)}:{self.line})"
        for step in self.steps:
            mark = {"passed": "ok", "failed": "->", "not played": ""}[step.standing]
            where = f"  ({one_line(self.file)}:{step.line})" if step.standing == "failed" else ""
            yield f"  {mark:>2} {step.text}{where}"
            yield from (f"       {line}" for line in step.table)
            if step.standing == "failed" and step.stands_for:
                yield f"       which is: {step.stands_for}"
        if self.failure is not None:
            yield from (f"     {line}" for line in self.failure.lines())
        if self.journal:
            yield "     the journal's last lines:"
            yield from (f"     {line}" for line in self.journal)
        if self.output:
            yield "     its steps printed:"
            yield from (f"       {line}" for line in self.output.splitlines())

    def as_json(self) -> dict[str, Any]:
        """The verdict as JSON data."""
        failed = next((step for step in self.steps if step.standing == "failed"), None)
        failure = None
        if self.failure is not None:
            failure = {
                "step": failed.text if failed else "",
                "line": failed.line if failed else self.line,
                "expected": self.failure.expected,
                "got": self.failure.got,
                "message": self.failure.message,
                "hint": self.failure.hint,
                "journal": list(self.journal),
            }
        described: dict[str, Any] = masked(
            {
                "scenario": self.scenario,
                "feature": self.feature,
                "file": self.file,
                "line": self.line,
                "outcome": self.outcome,
                "failure": failure,
            }
        )
        return described


def failure(error: BaseException) -> Failure:
    """Why a step failed, without a traceback."""
    match error:
        case Unmet():
            return Failure(error.expected, error.got)
        case RetakeFlowError():
            return Failure(message=error.message, hint=error.hint)
        case pytest.FixtureLookupError(argname="rehearsed"):
            return Failure(
                message="this step checks a rehearsed run, and this scenario has none",
                hint="`When the agent goes live` rehearses it; `retake-flow test --steps` lists steps for mocked runs",
            )
        case pytest.FixtureLookupError():
            return Failure(message=f"the step needs the fixture {error.argname!r}, and there is none")
        case AssertionError():
            return Failure(message=f"{str(error).strip() or 'an assertion failed'}\nat {_where(error)}")
        case _:
            return Failure(message=f"{type(error).__name__}: {error}\nat {_where(error)}")


def _where(error: BaseException) -> str:
    """The place in a Python file where an error was raised; the innermost place in a step's own code, if any."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename.startswith("/")]
    frame = (own or frames)[-1]
    return f"{display_path(Path(frame.filename))}:{frame.lineno}"


def last_lines(journal: Sequence[Record]) -> tuple[str, ...]:
    """The last records of a journal, a line each: virtual seconds, the record, its place and its result."""
    skipped = [f"{'…':>12}"] if len(journal) > LAST_RECORDS else []
    return (*skipped, *map(_line, journal[-LAST_RECORDS:]))


def _line(record: Record) -> str:
    place = record.get("state") or record.get("activity") or record.get("gate") or record.get("place") or ""
    details = [str(record[key]) for key in _DETAILS if record.get(key) not in (None, "", 1)]
    if record.get("result"):
        details.append(json.dumps(record["result"], ensure_ascii=False))
    text = " ".join(f"{record['event']:<16}  {place}  {'  '.join(details)}".split("\n")).rstrip()
    return f"{seconds(record):>10.3f} s  {cut(text, _LONGEST)}"
