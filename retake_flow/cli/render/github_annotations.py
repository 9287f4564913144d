"""GitHub annotations: problems as workflow commands, one a line, which GitHub shows beside the line at fault.

The form is GitHub's (Workflow commands for GitHub Actions): `::error file=F,line=1,col=2,title=T::MESSAGE`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from retake_flow.sanitize import strip_controls

if TYPE_CHECKING:
    from retake_flow.flow.diagnostics import Problem


def command(problem: Problem) -> str:
    """The line for a problem."""
    place = problem.position
    properties = {"file": relative(place.file), "line": place.line, "col": place.column, "title": problem.code}
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    said = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    return f"::{problem.severity} {listed}::{_message(said)}"


def relative(file: str) -> str:
    """A file relative to the current folder, with slashes; a file elsewhere has its full path."""
    path, here = Path(os.path.abspath(file)), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def _message(text: str) -> str:
    return strip_controls(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
