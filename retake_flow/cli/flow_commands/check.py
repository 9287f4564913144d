"""`retake-flow check`: finds all mistakes in flows before anything runs."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retake_flow import printable
from retake_flow.cli import flow_file, terminal
from retake_flow.errors import UsageError
from retake_flow.settings import Settings

if TYPE_CHECKING:
    from retake_flow.flow.diagnostics import Problem

_MOST_SHOWN = 200  # mistakes of one flow that people are shown


def check(args: argparse.Namespace) -> int:
    """Check flows. The exit code is 0 when all of them can run, even with warnings, and 3 when one cannot.

    Raises:
        UsageError: A flow does not exist; the others are checked first.
    """
    args.json = args.format == "json"
    if args.explain is not None:
        return _explain(args.explain, args.json)
    if not args.flows:
        raise UsageError("name the flows to check", hint="retake-flow check go-live.yaml")

    settings = Settings.from_environment()
    bad = False
    everything: list[Problem] = []
    absent: list[UsageError] = []
    for name in args.flows:
        try:
            found = flow_file.problems(name, settings, args.allow_outside)
        except UsageError as error:
            absent.append(error)
            continue
        bad = bad or bool(_errors(found))
        everything += found
        if args.format in ("text", "json"):
            (_as_json if args.json else _as_text)(name, found)
    if args.format not in ("text", "json"):
        _as_annotations(args.format, dict.fromkeys(everything))
    if absent:
        raise UsageError("; ".join(error.message for error in absent), hint=absent[0].hint)
    return 3 if bad else 0


def _as_text(name: str, found: Sequence[Problem]) -> None:
    for problem in found[:_MOST_SHOWN]:
        terminal.say(printable.text(str(problem)))
    if len(found) > _MOST_SHOWN:
        terminal.say(f"… and {len(found) - _MOST_SHOWN} more; --json lists all of them")
    mistakes, warnings = len(_errors(found)), len(found) - len(_errors(found))
    said = [terminal.counted(mistakes, "mistake")] if mistakes else [] if warnings else ["no mistakes"]
    said += [terminal.counted(warnings, "warning")] if warnings else []
    terminal.say(printable.line(f"{name}: {', '.join(said)}"))


def _errors(found: Sequence[Problem]) -> Sequence[Problem]:
    if not found:
        return ()  # avoids an import, which takes most of the time for a flow that already passed
    from retake_flow.flow.diagnostics import errors

    return errors(found)


def _as_json(name: str, found: Sequence[Problem]) -> None:
    valid, flow = not _errors(found), shlex.quote(name)
    codes = dict.fromkeys(problem.code for problem in found)
    run = [f"retake-flow run {flow} --rehearse --detach --json"] if valid else []
    terminal.emit(
        {"flow": name, "valid": valid, "problems": [_problem_as_json(problem) for problem in found]}
        | {"next": [*run, *(f"retake-flow check --explain {code} --json" for code in codes)]}
    )


def _problem_as_json(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.position.file,
        "line": problem.position.line,
        "column": problem.position.column,
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        **({"path": problem.path} if problem.path else {}),
    }


def _as_annotations(form: str, found: Sequence[Problem] | dict[Problem, None]) -> None:
    """The output for other programs. A problem that several flows share appears once."""
    from retake_flow.cli.flow_commands import problem_reports

    if form == "sarif":
        terminal.emit(problem_reports.sarif_log(found))
    else:
        for problem in found:
            terminal.say(problem_reports.github_annotation(problem))


def _explain(code: str, as_json: bool) -> int:
    from retake_flow.cli.flow_commands.problem_reports import explanation

    explained = explanation(code)
    terminal.tell({**explained, "next": []}, ["{code}: {title}\n\n{text}".format(**explained)], as_json=as_json)
    return 0
