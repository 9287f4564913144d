"""SARIF output: problems as a SARIF 2.1.0 log (OASIS), which editors and code hosts read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from retake_flow import __version__
from retake_flow.cli.render.github_annotations import relative

if TYPE_CHECKING:
    from retake_flow.flow.diagnostics import Problem

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def log(problems: Iterable[Problem]) -> dict[str, Any]:
    """The log of one check of flows, with all codes as its rules."""
    from retake_flow.flow.diagnostics import CODES

    order = {code: index for index, code in enumerate(CODES)}
    driver = {"name": "retake-flow", "version": __version__, "rules": [_rule(code) for code in CODES]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, order[problem.code]) for problem in problems],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    from retake_flow.flow.diagnostics import ADVICE, CODES

    title = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": title[0].upper() + title[1:]},
        "help": {"text": f"`retake-flow check --explain {code}` says more."},
        "defaultConfiguration": {"level": "warning" if code in ADVICE else "error"},
    }


def _result(problem: Problem, index: int) -> dict[str, Any]:
    place = problem.position
    location = {
        "artifactLocation": {"uri": _uri(place.file)},
        "region": {"startLine": place.line, "startColumn": place.column},
    }
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": problem.severity,
        "message": {"text": f"{problem.message} ({problem.hint})" if problem.hint else problem.message},
        "locations": [{"physicalLocation": location}],
    }


def _uri(file: str) -> str:
    """A file as a reference relative to the current folder; absolute for a file elsewhere."""
    path = relative(file)
    return Path(path).as_uri() if Path(path).is_absolute() else quote(os.fsencode(path))
