"""Collects feature files for pytest: one test for each scenario, without a Python module."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from pytest_bdd import feature as cache
from pytest_bdd import scenario
from pytest_bdd.compat import get_fixture_names, getfixturedefs
from pytest_bdd.parser import Feature, Step
from pytest_bdd.scenario import find_fixturedefs_for_step
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from retake_flow.testing.gherkin.features import read
from retake_flow.testing.gherkin.lint import Flaw, Flawed, display_path, place
from retake_flow.testing.gherkin.phrases import LONGEST_STEP, Phrases
from retake_flow.testing.gherkin.vocabulary import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from retake_flow.flow.diagnostics import Position

_MOST_HINTS = 20  # finding the nearest step is slow
_KINDS = ("given", "when", "then")


class FeatureFile(pytest.Module):
    """A feature file; each of its scenarios is a test.

    Attributes:
        feature: The parsed feature; None if it cannot be played.
    """

    feature: Feature | None = None

    def funcnamefilter(self, name: str) -> bool:
        """Accept every scenario as a test, whatever its name."""
        return not name.startswith("__")

    def _getobj(self) -> ModuleType:
        module = ModuleType(self.path.stem)
        module.__file__ = str(self.path)
        if self.feature is not None:
            # `scenario` finds the feature that was read here, with its phrases expanded.
            cache.features[str(self.path)] = self.feature
            for name in self.feature.scenarios:
                test = scenario(str(self.path), name, features_base_dir=str(self.path.parent))(_nothing)
                setattr(module, name, test)
        return module

    def flaws(self, phrases: Phrases) -> Iterator[Flaw]:
        """Read the file and return its mistakes; after this it may be collected."""
        try:
            feature = read(self.path, phrases)
        except Flawed as error:
            yield from error.flaws
            return
        found = list(_unplayable(feature, self))
        yield from found
        if not found:
            self.feature = feature


def _nothing() -> None:
    """Do nothing: the steps do everything."""


def step_definitions(node: pytest.Collector) -> Iterator[tuple[pytest.FixtureDef[object], StepFunctionContext]]:
    """All steps available to scenarios in a file: pytest's fixtures of them, and what they are."""
    manager = node.session._fixturemanager
    for name in get_fixture_names(fixturemanager=manager):
        for definition in getfixturedefs(manager, name, node) or ():
            context = step_function_context_registry.get(definition.func)
            if context is not None:
                yield definition, context


def available_steps(node: pytest.Collector) -> list[StepFunctionContext]:
    """All steps available to scenarios in a file, without those of pytest-bdd itself."""
    contexts = (context for _, context in step_definitions(node))
    return [context for context in contexts if not context.step_func.__module__.startswith("pytest_bdd")]


def is_step(text: str, contexts: Iterable[StepFunctionContext]) -> bool:
    """Whether a text is one of the steps, of any kind."""
    return any(context.parser.is_matching(text) for context in contexts)


def near(text: str, kind: str, contexts: Iterable[StepFunctionContext]) -> str:
    """A hint for an unknown step."""
    found = "\n".join(f"  {wording}" for wording in nearest(text, kind, contexts))
    listed = "`retake-flow test --steps` lists all"
    return f"did you mean\n{found}\n{listed}" if found else listed


def _unplayable(feature: Feature, node: FeatureFile) -> Iterator[Flaw]:
    """The steps that are unknown, or would never be awaited."""
    contexts = available_steps(node)
    seen: set[tuple[int, str]] = set()
    unknown = 0
    for step in _played_steps(feature):
        if (step.line_number, step.name) in seen:
            continue
        seen.add((step.line_number, step.name))
        position = place(Path(feature.filename), step.line_number, step.indent + 1)
        if len(step.name) > LONGEST_STEP:
            yield Flaw(position, f"the step has more than {LONGEST_STEP} characters", "put a long text below it")
            continue
        definitions = list(find_fixturedefs_for_step(step, node.session._fixturemanager, node))
        if not definitions:
            unknown += 1
            hint = near(step.name, step.type, contexts) if unknown <= _MOST_HINTS else ""
            yield Flaw(position, f"there is no step {step.type.capitalize()} {step.name}", hint)
            continue
        function = step_function_context_registry[definitions[-1].func].step_func
        yield from _unfit(step, function, position)


def _unfit(step: Step, function: Callable[..., object], position: Position) -> Iterator[Flaw]:
    """Why a step's function cannot play it as written."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        code = function.__code__
        at = f"{display_path(Path(code.co_filename))}:{code.co_firstlineno}"
        message = f"the step {step.name!r} is async, so it would never be awaited, and always pass"
        yield Flaw(position, message, f"make {function.__name__} ({at}) a plain function")
    taken = inspect.signature(function).parameters
    for name, what, given in (("datatable", "table", step.datatable), ("docstring", "text", step.docstring)):
        if given is None and name in taken and taken[name].default is inspect.Parameter.empty:
            hint = "write it below the step, `| name | value |`" if what == "table" else 'write it below, between """'
            yield Flaw(position, f"the step {step.name!r} needs a {what}", hint)
        elif given is not None and name not in taken:
            yield Flaw(position, f"the step {step.name!r} takes no {what}", "it would be ignored")


def _played_steps(feature: Feature) -> Iterator[Step]:
    """All steps of all scenarios as they are played; steps of outlines once for each example."""
    for template in feature.scenarios.values():
        contexts = [context for examples in template.examples for context in examples.as_contexts()]
        for context in contexts or [{}]:
            yield from template.render(context).steps
