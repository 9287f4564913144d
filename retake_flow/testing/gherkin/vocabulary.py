"""Wordings of steps: the types of their places, how they are shown, and the nearest ones to a mistyped step."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pytest_bdd import parsers
from pytest_bdd.steps import StepFunctionContext

from retake_flow.errors import UsageError
from retake_flow.flow import duration
from retake_flow.testing.gherkin.cells import parse

_NEAREST: Final = 3
_HIGHEST_COUNT: Final = 10_000
_LONGEST: Final = 10 * 366 * 86400.0  # seconds


def _seconds(text: str) -> float:
    try:
        return duration.seconds(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(str(error)) from None


_NAME: Final = r"[\w./:]+"
#: The types of places in a wording, and how their values are read.
_PLACES: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "place": (_NAME, str),
    "state": (r"[\w/]+", str),
    "outcome": (r"[\w.]+", str),
    "event": (r"[\w.]+", str),
    "end": (r"\w+", str),
    "error": (r"\w+", str),
    "service": (_NAME, str),
    "question": (_NAME, str),
    "decision": (r"\w+", str),
    "input": (r"\w+", str),
    "variable": (r"\w+", str),
    "who": (r"[\w-]+(?: [\w-]+)*", str),
    "words": (r".+", str),
    "value": (r".+", parse),
    "time": (r"[0-9][\w.]*", _seconds),
    "part": ("display|sound|window manager|content window|page|terminal|player|encoder|screenshot", str),
    "after": (r"[0-9]+(?:\.[0-9]+)?", float),
    "count": (r"[0-9]+", int),
    "times": (r"[0-9]+", int),
}


class Wording(parsers.StepParser):
    """A wording with places, `{state}`, and optional parts, `time(s)`."""

    def __init__(self, name: str) -> None:
        """Take the wording.

        Raises:
            KeyError: It has a place of unknown type.
        """
        super().__init__(name)
        self._places = re.findall(r"\{(\w+)\}", name)
        parts = re.split(r"(\{\w+\}|\([^)]*\))", name)
        self._regex = re.compile("".join(map(self._pattern, parts)))

    def parse_arguments(self, name: str) -> dict[str, Any] | None:
        """The values in its places."""
        match = self._regex.fullmatch(name)
        if match is None:
            return None
        return {place: _PLACES[place][1](match[place]) for place in self._places}

    def is_matching(self, name: str) -> bool:
        """Whether a step has this wording."""
        return self._regex.fullmatch(name) is not None

    @staticmethod
    def _pattern(part: str) -> str:
        if part.startswith("{"):
            return f"(?P<{part[1:-1]}>{_PLACES[part[1:-1]][0]})"
        return f"(?:{re.escape(part[1:-1])})?" if part.startswith("(") else re.escape(part)


def require_playable(values: Mapping[str, Any]) -> None:
    """Require that the numbers of a step are small enough to play.

    Raises:
        UsageError: One is larger, or not a number at all, such as `nan`.
    """
    for name, value in values.items():
        if name == "value" or isinstance(value, bool):
            continue  # it is compared with what the run has
        if isinstance(value, int) and abs(value) > _HIGHEST_COUNT:
            raise UsageError("the count is too large", hint=f"write a number up to {_HIGHEST_COUNT}")
        if isinstance(value, float) and not abs(value) <= _LONGEST:
            raise UsageError("the time is too long", hint="write seconds, up to ten years")


def readable(parser: parsers.StepParser) -> str:
    """A wording in readable form, even if it is a regular expression."""
    text = parser.name
    if isinstance(parser, parsers.re):
        text = text.replace(r"\w\w", "th")
        text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)\??", r"{\1}", text)
        text = re.sub(r"\(\?:([^()]*)\)\?", r"(\1)", text).replace("\\", "")
        return re.sub(r"(\w)\?", r"(\1)", text)
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", text)


def nearest(text: str, kind: str, known: Iterable[StepFunctionContext]) -> Iterator[str]:
    """The wordings nearest to an unknown step, the nearest first.

    Args:
        text: The step.
        kind: `given`, `when` or `then`.
        known: All steps.
    """
    wordings = {readable(context.parser): context.type for context in known}
    plain = {_without_values(wording): wording for wording in wordings}
    near = difflib.get_close_matches(_without_values(text), plain, n=_NEAREST, cutoff=0.4)
    for wording in sorted((plain[word] for word in near), key=lambda each: wordings[each] not in (kind, None)):
        yield f"{(wordings[wording] or kind).capitalize()} {wording}"


def _without_values(text: str) -> str:
    """The words of a step without its values."""
    text = re.sub(r'"[^"]*"|\{\w+\}|[\w]+[./][\w./]+|\d[\w.]*', "_", text)
    return re.sub(r"[()]", "", text).lower()
