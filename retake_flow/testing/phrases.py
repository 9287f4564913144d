"""People's own wordings: each stands for a step, or for several, one a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from retake_flow.flow.model import Flow
from retake_flow.flow.problems import Position
from retake_flow.flow.source import Source, decode, parse
from retake_flow.testing.flaws import Flaw, Flawed

#: What is put in the places of a wording to find out what it may stand for.
SAMPLES = ("1", "1s", "some", "a/b", "some.thing", "/", "POST /some")
_KEYWORD = re.compile(r"(?:(Given|When|Then)|And|But)\s+(.*)")
_PLACE = re.compile(r"\{(\w+)\}")

#: The kind of a step, `given`, `when` or `then`, and its text.
Line = tuple[str, str]


@dataclass(frozen=True)
class Phrase:
    """One wording.

    Attributes:
        wording: With `{places}`, whose texts are carried over.
        lines: What it stands for: steps, with or without a keyword.
        position: Where it is written.
    """

    wording: str
    lines: tuple[str, ...]
    position: Position

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        parts = re.split(r"(\{\w+\})", self.wording)
        pattern, named = "", set[str]()
        for part in parts:
            name = part[1:-1] if _PLACE.fullmatch(part) else ""
            pattern += f"(?P<{name}>.+?)" if name and name not in named else ".+?" if name else re.escape(part)
            named.add(name)
        return re.compile(pattern)

    @property
    def places(self) -> list[str]:
        """The names of its places."""
        return _PLACE.findall(self.wording)

    def steps(self, kind: str, text: str) -> list[Line] | None:
        """The steps that a step stands for; None when it is not worded so.

        Args:
            kind: What the step is; so are those it stands for that have no keyword of their own.
            text: How it is worded.
        """
        match = self._regex.fullmatch(text)
        return None if match is None else self._filled(kind, match.groupdict())

    def samples(self, line: str) -> list[str]:
        """One of its lines, without a keyword, with something in its places."""
        bare = _KEYWORD.sub(r"\2", line)
        return [_PLACE.sub(sample, bare) for sample in SAMPLES]

    def _filled(self, kind: str, values: Mapping[str, str]) -> list[Line]:
        found = []
        for line in self.lines:
            match = _KEYWORD.fullmatch(line)
            kind = (match[1] or kind).lower() if match else kind
            bare = match[2] if match else line
            found.append((kind, _PLACE.sub(lambda place: values[place[1]], bare)))
        return found


class Phrases:
    """All wordings that hold for the scenarios of a flow."""

    def __init__(self, phrases: list[Phrase]) -> None:
        """Take them in any order."""
        self.phrases = phrases

    def expanded(self, kind: str, text: str) -> list[Line]:
        """The steps that a step stands for; itself when it is no phrase."""
        for phrase in self.phrases:
            lines = phrase.steps(kind, text)
            if lines is not None:
                return [step for line in lines for step in self.expanded(*line)]
        return [(kind, text)]

    def flaws(self, is_step: Callable[[str], bool], near: Callable[[str], str]) -> Iterator[Flaw]:
        """What is wrong with them; one that is wrong is not to be expanded.

        Args:
            is_step: Whether a text is a step, of any kind.
            near: A hint for a text that is none.
        """
        seen: dict[str, Phrase] = {}
        for phrase in self.phrases:
            shape = _PLACE.sub("{}", phrase.wording)
            if shape in seen:
                yield Flaw(phrase.position, f"the phrase {phrase.wording!r} stands at {seen[shape].position} already")
            seen[shape] = phrase
            if any(is_step(sample) for sample in phrase.samples(phrase.wording)):
                yield Flaw(phrase.position, f"{phrase.wording!r} is a step already", "word it otherwise")
            yield from self._unknown(phrase, is_step, near)
            way = self._circle(phrase, ())
            if way:
                yield Flaw(phrase.position, f"the phrase stands for itself: {' → '.join(way)}")

    def _unknown(self, phrase: Phrase, is_step: Callable[[str], bool], near: Callable[[str], str]) -> Iterator[Flaw]:
        if len(set(phrase.places)) < len(phrase.places):
            yield Flaw(phrase.position, f"a place stands twice in {phrase.wording!r}", "give each a name of its own")
        for line in phrase.lines:
            for place in _PLACE.findall(line):
                if place not in phrase.places:
                    hint = f"its places are: {', '.join(phrase.places) or 'none'}"
                    yield Flaw(phrase.position, f"{phrase.wording!r} has no place {{{place}}}", hint)
            if not self._inner(phrase, line) and not any(map(is_step, phrase.samples(line))):
                message = f"{phrase.wording!r} stands for {line!r}, which is no step"
                yield Flaw(phrase.position, message, near(_KEYWORD.sub(r"\2", line)))

    def _inner(self, phrase: Phrase, line: str) -> list[Phrase]:
        """The phrases that a line of a phrase is."""
        return [each for each in self.phrases if any(each.steps("", text) is not None for text in phrase.samples(line))]

    def _circle(self, phrase: Phrase, way: tuple[str, ...]) -> tuple[str, ...]:
        """The way from a phrase back to itself, when there is one."""
        if phrase.wording in way:
            return (*way, phrase.wording) if phrase.wording == way[0] else ()
        inner = (each for line in phrase.lines for each in self._inner(phrase, line))
        return next(filter(None, (self._circle(each, (*way, phrase.wording)) for each in inner)), ())


def of_flow(flow: Flow) -> list[Phrase]:
    """The phrases that stand in a flow."""
    source = parse(flow.text, flow.file)
    return [_phrase(source, ("phrases", wording), text) for wording, text in flow.phrases.items()]


def of_file(file: Path) -> list[Phrase]:
    """The phrases in a YAML file: a mapping from wordings to what they stand for.

    Raises:
        Flawed: It cannot be read, or holds something else.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Flawed([Flaw(Position(str(file), 1, 1), f"{file} cannot be read: {error.strerror}")]) from None
    text, problems = decode(content, str(file))
    source = parse(text, str(file)) if not problems else Source(str(file), text, problems=problems)
    if source.problems:
        raise Flawed(Flaw(problem.position, problem.message, problem.hint) for problem in source.problems)
    if not isinstance(source.data, dict):
        message = "a mapping is expected, from wordings to the steps they stand for"
        raise Flawed([Flaw(source.value(()), message)])
    for wording, step in source.data.items():
        if not (isinstance(step, str) and step.strip() and wording.strip()):
            raise Flawed([Flaw(source.value((wording,)), f"{wording!r} must stand for a step, written as a text")])
    return [_phrase(source, (wording,), step) for wording, step in source.data.items()]


def _phrase(source: Source, path: tuple[str, ...], text: str) -> Phrase:
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    return Phrase(path[-1].strip(), lines, source.key(path))
