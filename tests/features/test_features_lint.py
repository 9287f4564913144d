"""What pytest-bdd lets pass in silence: scenarios that hide each other, steps that are never awaited or never used."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path

import pytest
from pytest_bdd.steps import step_function_context_registry

_ROOT = Path(__file__).resolve().parents[2]
_FEATURES = sorted((_ROOT / "features").rglob("*.feature"))
# Not those that pytest-bdd brings itself.
_STEPS = [c for c in step_function_context_registry.values() if not c.step_func.__module__.startswith("pytest_bdd")]


def _scenarios(feature: Path) -> dict[str, list[str]]:
    """The lines of each scenario by its title; the same title twice shows as one with a number."""
    found: dict[str, list[str]] = {}
    for line in map(str.strip, feature.read_text(encoding="utf-8").splitlines()):
        match = re.match(r"(?:Scenario(?: Outline| Template)?|Example):\s*(.*)", line)
        if match:
            title = match[1]
            while title in found:
                title += " (again)"
            found[title] = []
        elif found:
            found[next(reversed(found))].append(line)
    return found


@pytest.mark.parametrize("feature", _FEATURES, ids=[feature.name for feature in _FEATURES])
def test_no_scenario_hides_another(feature: Path) -> None:
    """Of two scenarios with one name the first would silently not run, so each name is there once in a feature."""
    titles = _scenarios(feature)
    assert titles
    assert [title for title in titles if title.endswith("(again)") or not title] == []


def test_no_two_features_share_a_scenario() -> None:
    """A scenario is named once over all features, so that a failure names one place."""
    counted = Counter(title for feature in _FEATURES for title in _scenarios(feature))
    assert [title for title, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("feature", _FEATURES, ids=[feature.name for feature in _FEATURES])
def test_every_scenario_acts_and_looks(feature: Path) -> None:
    """A scenario without a When or a Then could not fail."""
    for title, lines in _scenarios(feature).items():
        said = {line.split(" ", 1)[0] for line in lines if line}
        assert {"When", "Then"} <= said, title


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
    texts = [_example_filled(line) for feature in _FEATURES for line in _steps(feature)]
    unused = [context.parser.name for context in _STEPS if not any(context.parser.is_matching(text) for text in texts)]
    assert unused == []


def _steps(feature: Path) -> list[str]:
    text = feature.read_text(encoding="utf-8")
    return re.findall(r"^\s*(?:Given|When|Then|And|But) (.+?)\s*$", text, re.M)


def _example_filled(step: str) -> str:
    """A step of an outline with something in each place: what is needed there is known from its name."""
    words = {"after": "1", "latency": "1", "call": "POST /agent/rtmp", "fault": "status 500", "count": "2"}
    words |= {"status": "404", "trouble": "fails"}
    return re.sub(r"<(\w+)>", lambda match: words.get(match[1], match[1]), step)
