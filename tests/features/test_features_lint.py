"""What pytest-bdd lets pass in silence: scenarios that hide each other, steps that are never awaited or never used."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd.parser import Feature, Step
from pytest_bdd.steps import step_function_context_registry

from retake_flow.testing.gherkin.features import duplicates, read
from retake_flow.testing.gherkin.phrases import Phrases

_ROOT = Path(__file__).resolve().parents[2]
_FEATURES = sorted((_ROOT / "features").rglob("*.feature"))
# Not those that pytest-bdd brings itself.
_STEPS = [c for c in step_function_context_registry.values() if not c.step_func.__module__.startswith("pytest_bdd")]


def _read(file: Path) -> Feature:
    return read(file, Phrases([]))


@pytest.mark.parametrize("file", _FEATURES, ids=[file.name for file in _FEATURES])
def test_every_scenario_is_played_and_could_fail(file: Path) -> None:
    """No scenario hides another of its name, and each has a When and a Then: else the feature is refused."""
    assert _read(file).scenarios


def test_no_two_features_share_a_scenario() -> None:
    """A scenario is named once over all features, so that a failure names one place."""
    assert list(duplicates([_read(file) for file in _FEATURES])) == []


def test_no_step_is_a_coroutine() -> None:
    """An async step would never be awaited and always pass, so there is none."""
    assert len(_STEPS) > 20
    assert [
        context.step_func.__name__
        for context in _STEPS
        if inspect.iscoroutinefunction(context.step_func) or inspect.isasyncgenfunction(context.step_func)
    ] == []


def test_every_step_is_used() -> None:
    """A step that no scenario uses is not tested, so there is none."""
    texts = {step.name for file in _FEATURES for step in _steps(_read(file))}
    unused = [context.parser.name for context in _STEPS if not any(context.parser.is_matching(text) for text in texts)]
    assert unused == []


def _steps(feature: Feature) -> Iterator[Step]:
    for template in feature.scenarios.values():
        examples = [context for table in template.examples for context in table.as_contexts()]
        for context in examples or [{}]:
            yield from template.render(context).steps
