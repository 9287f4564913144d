"""Users' phrases: each maps a wording to a step, or to several, one a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from retake_flow import plain_file
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.model import Flow
from retake_flow.flow.text.yaml_source import Source, parse
from retake_flow.sanitize import one_line
from retake_flow.testing.gherkin.lint import Flaw, Flawed

#: The text that fills the places of a wording to find out what it may expand to.
SAMPLES = ("1", "1s", "some", "a/b", "some.thing", "/", "POST /some")
#: The most steps that a step may expand to, and the greatest length of one.
MOST_STEPS: Final = 1_000
LONGEST_STEP: Final = 1_000
_MOST_LINES: Final = 1_000
_LONGEST_LINE: Final = 500
_KEYWORD = re.compile(r"(?:(Given|When|Then)|And|But)\s+(.*)")
_PLACE = re.compile(r"\{(\w+)\}")

#: The kind of a step, `given`, `when` or `then`, and its text.
Line = tuple[str, str]


@dataclass(frozen=True)
class Phrase:
    """One phrase.

    Attributes:
        wording: Its wording with `{places}`, whose texts are carried over.
        lines: Its steps, with or without a keyword.
        position: Its place in the file.
    """

    wording: str
    lines: tuple[str, ...]
    position: Position

    @cached_property
    def _regex(self) -> Any:
        """The wording for RE2, which is linear in the text; each place is a group."""
        import re2

        parts = re.split(r"(\{\w+\})", self.wording)
        return re2.compile("".join("(.+?)" if _PLACE.fullmatch(part) else re2.escape(part) for part in parts))

    @property
    def places(self) -> list[str]:
        """The names of its places."""
        return _PLACE.findall(self.wording)

    def steps(self, kind: str, text: str) -> list[Line] | None:
        """The steps that a step expands to; None if it does not match the wording.

        Args:
            kind: The kind of the step; expanded steps without a keyword get the same kind.
            text: The text of the step.
        """
        match = self._regex.fullmatch(text)
        return None if match is None else self._fill(kind, dict(zip(self.places, match.groups(), strict=True)))

    def samples(self, line: str) -> list[str]:
        """Samples of one of its lines, without a keyword and with its places filled in."""
        bare = _KEYWORD.sub(r"\2", line)
        return [_PLACE.sub(sample, bare) for sample in SAMPLES]

    def _fill(self, kind: str, values: Mapping[str, str]) -> list[Line]:
        found = []
        for line in self.lines:
            match = _KEYWORD.fullmatch(line)
            kind = (match[1] or kind).lower() if match else kind
            bare = match[2] if match else line
            found.append((kind, _PLACE.sub(lambda place: values[place[1]], bare)))
        return found


class Phrases:
    """All phrases for the scenarios of a flow."""

    def __init__(self, phrases: list[Phrase]) -> None:
        """Take phrases in any order."""
        self.phrases = phrases

    def expand(self, kind: str, text: str) -> list[Line]:
        """The steps that a step expands to; the step itself if it is not a phrase.

        Raises:
            Flawed: There are too many steps, or one is too long.
        """
        found: list[Line] = []
        waiting, tries = [(kind, text)], 0
        while waiting:
            step = waiting.pop()
            tries += 1
            meant = ((each, lines) for each in self.phrases if (lines := each.steps(*step)) is not None)
            phrase, lines = next(meant, (None, []))
            if phrase is None:
                found.append(step)
                continue
            waiting += reversed(lines)
            if tries > MOST_STEPS or any(len(line) > LONGEST_STEP for _, line in lines):
                message = f"{phrase.wording!r} stands for more than {MOST_STEPS} steps, or for one of more than "
                raise Flawed([Flaw(phrase.position, f"{message}{LONGEST_STEP} characters")])
        return found

    def flaws(self, is_step: Callable[[str], bool], near: Callable[[str], str]) -> Iterator[Flaw]:
        """The mistakes in the phrases; a phrase with a mistake must not be expanded.

        Args:
            is_step: Whether a text is a step, of any kind.
            near: A hint for a text that is not a step.
        """
        if too_many := _too_many(self.phrases):
            yield too_many
            return
        inner = self._inner_of_all()
        circles = _circles(inner)
        seen: dict[str, Phrase] = {}
        for number, phrase in enumerate(self.phrases):
            shape = _PLACE.sub("{}", phrase.wording)
            if shape in seen:
                yield Flaw(
                    phrase.position, f"the phrase {phrase.wording!r} is already defined at {seen[shape].position}"
                )
            seen[shape] = phrase
            if any(is_step(sample) for sample in phrase.samples(phrase.wording)):
                yield Flaw(phrase.position, f"{phrase.wording!r} is already a step", "word it otherwise")
            yield from self._unknown_places(phrase, inner[number], is_step, near)
            if number in circles:
                way = " → ".join(self.phrases[each].wording for each in circles[number])
                yield Flaw(phrase.position, f"the phrase contains itself: {way}")

    def _unknown_places(
        self, phrase: Phrase, inner: list[list[int]], is_step: Callable[[str], bool], near: Callable[[str], str]
    ) -> Iterator[Flaw]:
        if len(set(phrase.places)) < len(phrase.places):
            yield Flaw(
                phrase.position, f"a placeholder appears twice in {phrase.wording!r}", "give each a name of its own"
            )
        for line, phrases in zip(phrase.lines, inner, strict=True):
            for place in _PLACE.findall(line):
                if place not in phrase.places:
                    hint = f"its places are: {', '.join(phrase.places) or 'none'}"
                    yield Flaw(phrase.position, f"{phrase.wording!r} has no placeholder {{{place}}}", hint)
            if not phrases and not any(map(is_step, phrase.samples(line))):
                message = f"{phrase.wording!r} stands for {line!r}, which is no step"
                yield Flaw(phrase.position, message, near(_KEYWORD.sub(r"\2", line)))

    def _inner_of_all(self) -> list[list[list[int]]]:
        """The phrases that each line of each phrase matches, by number."""

        def inner(samples: list[str]) -> list[int]:
            return [n for n, each in enumerate(self.phrases) if any(each.steps("", t) is not None for t in samples)]

        return [[inner(phrase.samples(line)) for line in phrase.lines] for phrase in self.phrases]


def _circles(inner: list[list[list[int]]]) -> dict[int, list[int]]:
    """The shortest cycle from each phrase back to itself, if there is one."""
    leads = [list(dict.fromkeys(each for line in lines for each in line)) for lines in inner]
    found = {}
    for start in range(len(leads)):
        before: dict[int, int] = {}
        reached = [start]
        for each in reached:  # it grows
            for following in leads[each]:
                if following not in before:
                    before[following] = each
                    reached.append(following)
        if start in before:
            way = [start, before[start]]
            while way[-1] != start:
                way.append(before[way[-1]])
            found[start] = way[::-1]
    return found


def _too_many(phrases: list[Phrase]) -> Flaw | None:
    """The mistake of phrases that are too many or too long to be checked quickly."""
    lines = 0
    for phrase in phrases:
        lines += 1 + len(phrase.lines)
        if lines > _MOST_LINES:
            return Flaw(phrase.position, f"the phrases have more than {_MOST_LINES} lines together")
        if max(map(len, (phrase.wording, *phrase.lines))) > _LONGEST_LINE:
            return Flaw(phrase.position, f"a line of the phrase has more than {_LONGEST_LINE} characters")
    return None


def of_flow(flow: Flow) -> list[Phrase]:
    """The phrases of a flow."""
    source = parse(flow.text, flow.file)
    return [_phrase(source, ("phrases", wording), text) for wording, text in flow.phrases.items()]


def of_file(file: Path) -> list[Phrase]:
    """The phrases in a YAML file: a mapping from wordings to steps.

    Raises:
        Flawed: The file cannot be read, or has other content.
    """
    try:
        content = plain_file.read(file)
    except OSError as error:
        message = f"{one_line(str(file))} cannot be read: {error.strerror}"
        raise Flawed([Flaw(Position(str(file), 1, 1), message)]) from None
    source = parse(content, str(file))
    if source.problems:
        raise Flawed(Flaw(problem.position, problem.message, problem.hint) for problem in source.problems)
    if not isinstance(source.data, dict):
        message = "a mapping is expected, from wordings to the steps they stand for"
        raise Flawed([Flaw(source.value(()), message)])
    for wording, step in source.data.items():
        if not (isinstance(step, str) and step.strip() and wording.strip()):
            raise Flawed([Flaw(source.value((wording,)), f"{wording!r} must expand to a step, written as a string")])
    return [_phrase(source, (wording,), step) for wording, step in source.data.items()]


def _phrase(source: Source, path: tuple[str, ...], text: str) -> Phrase:
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    return Phrase(path[-1].strip(), lines, source.key(path))
