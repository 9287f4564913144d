"""Problem reports: problems as SARIF and as annotations for GitHub, and the explanations of their codes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from retake_flow import __version__
from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import ADVICE, CODES, Problem, did_you_mean
from retake_flow.sanitize import strip_controls

_PACKAGE = Path(__file__).resolve().parents[2]
# In a wheel the page is inside the package; in a checkout it is next to it.
_PAGES = (_PACKAGE / "_shipped" / "docs" / "problems.md", _PACKAGE.parent / "docs" / "problems.md")
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif_log(problems: Iterable[Problem]) -> dict[str, Any]:
    """The SARIF 2.1.0 log (OASIS) of one check of flows, with all codes as its rules."""
    order = {code: index for index, code in enumerate(CODES)}
    driver = {"name": "retake-flow", "version": __version__, "rules": [_rule(code) for code in CODES]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, order[problem.code]) for problem in problems],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    title = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": title[0].upper() + title[1:]},
        "help": {"text": f"`retake-flow check --explain {code}` explains it."},
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
    path = _relative(file)
    return Path(path).as_uri() if Path(path).is_absolute() else quote(os.fsencode(path))


def github_annotation(problem: Problem) -> str:
    """A problem as a workflow command, which GitHub Actions shows next to the line at fault.

    The form is GitHub's: `::error file=F,line=1,col=2,title=T::MESSAGE`.
    """
    place = problem.position
    properties = {"file": _relative(place.file), "line": place.line, "col": place.column, "title": problem.code}
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    said = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    return f"::{problem.severity} {listed}::{_message(said)}"


def _relative(file: str) -> str:
    """A file relative to the current folder, with slashes; a file elsewhere has its full path."""
    path, here = Path(os.path.abspath(file)), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def _message(text: str) -> str:
    return strip_controls(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def explanation(code: str) -> dict[str, str]:
    """The `code`, `title` and `text` of a section of the problems page: what it means, examples, and how to fix it.

    Raises:
        UsageError: The code does not exist.
    """
    wanted = code.strip().upper()
    if wanted not in CODES:
        raise UsageError(f"there is no code {code[:20]!r}", hint=did_you_mean(wanted, CODES))
    page = next(page for page in _PAGES if page.is_file()).read_text(encoding="utf-8")
    found = re.search(rf"^## {wanted} .*?\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    return {"code": wanted, "title": CODES[wanted], "text": found[1].strip() if found else ""}
