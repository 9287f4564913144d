"""Problem explanations: the sections of the problems page, by code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
# In a wheel the page is inside the package; in a checkout it is beside it.
_PAGES = (_PACKAGE / "_shipped" / "docs" / "problems.md", _PACKAGE.parent / "docs" / "problems.md")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A section of the page: the meaning of a code, flows that have the problem, and how to fix it."""

    code: str
    title: str
    text: str


def explanation(code: str) -> Explanation:
    """The explanation of a code.

    Raises:
        UsageError: The code does not exist.
    """
    from retake_flow.errors import UsageError
    from retake_flow.flow.diagnostics import CODES, did_you_mean

    wanted = code.strip().upper()
    if wanted not in CODES:
        raise UsageError(f"there is no code {code[:20]!r}", hint=did_you_mean(wanted, CODES))
    page = next(page for page in _PAGES if page.is_file()).read_text(encoding="utf-8")
    found = re.search(rf"^## {wanted} .*?\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    return Explanation(wanted, CODES[wanted], found[1].strip() if found else "")
