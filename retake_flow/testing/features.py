"""Feature files: read, with people's own phrases replaced by the steps they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.gherkin_parser import GherkinDocument, get_gherkin_document
from pytest_bdd.gherkin_parser import Scenario as Written
from pytest_bdd.parser import Feature, FeatureParser, ScenarioTemplate, Step

from retake_flow.flow.problems import Position
from retake_flow.testing.flaws import Flaw, Flawed, place
from retake_flow.testing.phrases import Phrases

_ENCODING = "utf-8-sig"  # some editors begin with a byte order mark


def read(file: Path, phrases: Phrases) -> Feature:
    """A feature, its phrases expanded.

    Raises:
        Flawed: It is no Gherkin, or has scenarios that would not be played, or could not fail.
    """
    try:
        document = get_gherkin_document(str(file), _ENCODING)
        feature = FeatureParser(str(file.parent), file.name, _ENCODING).parse()
    except GherkinParseError as error:
        raise Flawed(
            [Flaw(place(file, error.line), error.message, f"the line is: {error.line_content.strip()}")]
        ) from None
    except UnicodeDecodeError:
        raise Flawed([Flaw(place(file, 1), "this is not UTF-8 text")]) from None
    except (KeyError, TypeError):  # how an empty file shows
        raise Flawed([Flaw(place(file, 1), "there is no feature in it", "begin with `Feature: …`")]) from None
    _expand(feature, phrases)
    flaws = [*_hidden(document, file), *(flaw for each in feature.scenarios.values() for flaw in _idle(each, file))]
    if flaws:
        raise Flawed(flaws)
    return feature


def twice(features: list[Feature]) -> Iterator[Flaw]:
    """The scenarios that have the name of another one, over all features."""
    seen: dict[str, Position] = {}
    for feature in features:
        for scenario in feature.scenarios.values():
            position = place(Path(feature.filename), scenario.line_number)
            if scenario.name in seen:
                yield _same(scenario.name, position, seen[scenario.name])
            seen.setdefault(scenario.name, position)


def _same(name: str, position: Position, first: Position) -> Flaw:
    return Flaw(position, f"there is a scenario {name!r} at {first} already", "give each a name of its own")


def _written(document: GherkinDocument) -> Iterator[Written]:
    for child in document.feature.children:
        inside = child.rule.children if child.rule else [child]
        yield from (each.scenario for each in inside if each.scenario)


def _hidden(document: GherkinDocument, file: Path) -> Iterator[Flaw]:
    """The scenarios that would silently not be played."""
    seen: dict[str, Position] = {}
    for scenario in _written(document):
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
        scenario._steps = [each for step in scenario._steps for each in _expanded(step, phrases)]
    backgrounds = [feature.background, *(s.rule.background for s in feature.scenarios.values() if s.rule)]
    for background in filter(None, dict.fromkeys(backgrounds)):
        background.steps = [each for step in background.steps for each in _expanded(step, phrases)]


def _expanded(step: Step, phrases: Phrases) -> list[Step]:
    lines = phrases.expanded(step.type, step.name)
    if lines == [(step.type, step.name)]:
        return [step]
    found = [Step(text, kind, step.indent, step.line_number, step.keyword) for kind, text in lines]
    found[-1].datatable, found[-1].docstring = step.datatable, step.docstring
    for each in found:
        each.scenario, each.background = step.scenario, step.background
    return found
