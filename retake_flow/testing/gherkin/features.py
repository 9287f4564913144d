"""Reads feature files, and replaces users' phrases by their steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.gherkin_parser import GherkinDocument, get_gherkin_document
from pytest_bdd.gherkin_parser import Scenario as Written
from pytest_bdd.parser import Feature, FeatureParser, ScenarioTemplate, Step

from retake_flow import plain_file
from retake_flow.flow.diagnostics import Position
from retake_flow.testing.gherkin.lint import Flaw, Flawed, place
from retake_flow.testing.gherkin.phrases import Phrases

_ENCODING = "utf-8-sig"  # some editors begin with a byte order mark
_LARGEST: Final = 256 << 10  # bytes
_LONGEST_LINE: Final = 2_000
_MOST_PLACES: Final = 50
_MOST_FILLED: Final = 20_000_000  # characters of all examples together, each as long as the file


def read(file: Path, phrases: Phrases) -> Feature:
    """A feature with its phrases expanded.

    Raises:
        Flawed: It is not Gherkin, or has scenarios that would not be played or could not fail.
    """
    content = _content(file)
    if flaws := list(_oversized_line(content, file)):
        raise Flawed(flaws)
    try:
        document = get_gherkin_document(str(file), _ENCODING)
        feature = FeatureParser(str(file.parent), file.name, _ENCODING).parse()
    except GherkinParseError as error:
        raise Flawed(
            [Flaw(place(file, error.line), error.message, f"the line is: {error.line_content.strip()}")]
        ) from None
    except (KeyError, TypeError):  # how an empty file shows
        raise Flawed([Flaw(place(file, 1), "the file has no feature", "begin with `Feature: …`")]) from None
    if flaws := list(_oversized_outlines(feature, len(content), file)):
        raise Flawed(flaws)
    _expand(feature, phrases)
    flaws = [
        *_skipped(document, file),
        *(flaw for each in feature.scenarios.values() for flaw in _idle(each, file)),
    ]
    if flaws:
        raise Flawed(flaws)
    return feature


def _content(file: Path) -> str:
    """The text of a feature file.

    Raises:
        Flawed: It cannot be read, or is not text.
    """
    try:
        return plain_file.read(file, _LARGEST).decode(_ENCODING)
    except OSError as error:
        raise Flawed([Flaw(place(file, 1), f"the file cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise Flawed([Flaw(place(file, 1), "this is not UTF-8 text")]) from None


def _oversized_line(content: str, file: Path) -> Iterator[Flaw]:
    """The first line that would be slow to match and fill in."""
    for number, line in enumerate(content.splitlines(), 1):
        if len(line) > _LONGEST_LINE:
            yield Flaw(place(file, number), f"the line has more than {_LONGEST_LINE} characters")
            return
        if line.count("<") > _MOST_PLACES:
            yield Flaw(place(file, number), f"the line has more than {_MOST_PLACES} `<`")
            return


def _oversized_outlines(feature: Feature, size: int, file: Path) -> Iterator[Flaw]:
    """The outlines whose examples make them too large to be played."""
    for scenario in feature.scenarios.values():
        rows = sum(len(examples.examples) for examples in scenario.examples)
        if rows * size > _MOST_FILLED:
            hint = "put the outline into a file of its own, or take fewer examples"
            yield Flaw(place(file, scenario.line_number), f"{rows} examples are too many in a file of this size", hint)


def duplicates(features: list[Feature]) -> Iterator[Flaw]:
    """The scenarios with the name of another scenario, over all features."""
    seen: dict[str, Position] = {}
    for feature in features:
        for scenario in feature.scenarios.values():
            position = place(Path(feature.filename), scenario.line_number)
            if scenario.name in seen:
                yield _same(scenario.name, position, seen[scenario.name])
            seen.setdefault(scenario.name, position)


def _same(name: str, position: Position, first: Position) -> Flaw:
    return Flaw(position, f"the scenario {name!r} already exists at {first}", "give each a name of its own")


def _scenarios(document: GherkinDocument) -> Iterator[Written]:
    for child in document.feature.children:
        inside = child.rule.children if child.rule else [child]
        yield from (each.scenario for each in inside if each.scenario)


def _skipped(document: GherkinDocument, file: Path) -> Iterator[Flaw]:
    """The scenarios that would silently be skipped."""
    seen: dict[str, Position] = {}
    for scenario in _scenarios(document):
        position = place(file, scenario.location.line, scenario.location.column)
        if not scenario.name:
            yield Flaw(position, "the scenario has no name")
        elif scenario.name in seen:
            yield _same(scenario.name, position, seen[scenario.name])
        seen[scenario.name] = position
        outlined = scenario.keyword.strip() in ("Scenario Outline", "Scenario Template")
        if outlined and not any(examples.table_body for examples in scenario.examples):
            yield Flaw(position, f"the outline {scenario.name!r} has no examples", "add a table `Examples:`")


def _idle(scenario: ScenarioTemplate, file: Path) -> Iterator[Flaw]:
    kinds = {step.type for step in scenario.steps}
    position = place(file, scenario.line_number)
    for kind, hint in (("when", "say what happens"), ("then", "say what is expected, or it could not fail")):
        if kind not in kinds:
            yield Flaw(position, f"the scenario {scenario.name!r} has no `{kind.capitalize()}`", hint)


def _expand(feature: Feature, phrases: Phrases) -> None:
    for scenario in feature.scenarios.values():
        scenario._steps = [each for step in scenario._steps for each in _expand_step(step, phrases)]
    backgrounds = [feature.background, *(s.rule.background for s in feature.scenarios.values() if s.rule)]
    for background in filter(None, dict.fromkeys(backgrounds)):
        background.steps = [each for step in background.steps for each in _expand_step(step, phrases)]


def _expand_step(step: Step, phrases: Phrases) -> list[Step]:
    lines = phrases.expand(step.type, step.name)
    if lines == [(step.type, step.name)]:
        return [step]
    found = [Step(text, kind, step.indent, step.line_number, step.keyword) for kind, text in lines]
    found[-1].datatable, found[-1].docstring = step.datatable, step.docstring
    for each in found:
        each.scenario, each.background = step.scenario, step.background
    return found
