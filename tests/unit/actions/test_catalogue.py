"""What is declared and what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from retake_flow import errors
from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.action_spec import Idempotency
from retake_flow.flow.load.functions import BUILT_IN
from retake_flow.studio.programs import PROGRAMS


def _kinds(base: type[Any]) -> set[str]:
    return {base.kind}.union(*(_kinds(child) for child in base.__subclasses__()))


def test_every_action_is_declared_and_done(play, owl):
    """What a flow may name can be performed, and what can be performed a flow may name."""

    async def scene(s):
        return set(s.performer.tasks), set(s.performer.services)

    tasks, services = play(scene, saved=owl)
    assert tasks == {name for name, spec in CATALOGUE.items() if not spec.service}
    assert services == {name for name, spec in CATALOGUE.items() if spec.service}


def test_what_is_looked_up_is_declared_so(play, owl):
    """Only an action that is to be looked up after a crash has a way to be; a session has none, so it is in doubt."""

    async def scene(s):
        return set(s.performer.checks)

    looked_up = {name for name, spec in CATALOGUE.items() if spec.idempotency is Idempotency.VERIFY}
    assert play(scene, saved=owl) == looked_up - {"retake.start_stream"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_declared_errors_exist(name):
    """Every kind of error that an action declares is one that the program has."""
    assert set(CATALOGUE[name].errors) <= _kinds(errors.RetakeFlowError)


@pytest.mark.parametrize("name", CATALOGUE)
def test_declared_programs_are_known_to_the_doctor(name):
    """Every program that an action starts is one whose package is known."""
    assert set(CATALOGUE[name].programs) <= {program.name for program in PROGRAMS}


@pytest.mark.parametrize("name", CATALOGUE)
def test_declarations_say_what_an_action_does(name):
    """Every action has a sentence, and its secrets and optional inputs are among what it declares."""
    spec = CATALOGUE[name]
    assert spec.summary.endswith(".")
    assert spec.secrets <= set(spec.result)
    assert spec.optional <= set(spec.inputs)


def _patterns(place: str, schema: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All schemas with a pattern inside a schema, with their places; one that must not fit is its owner's."""
    if isinstance(schema, Mapping):
        if "pattern" in schema or "not" in schema:
            yield place, schema
        for name, inner in schema.items():
            yield from () if name == "not" else _patterns(f"{place}.{name}", inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from _patterns(place, inner)


def test_no_regular_expression_is_shown_to_people() -> None:
    """What does not fit a pattern is told in words that say what would."""
    found = [each for spec in CATALOGUE.values() for each in _patterns(spec.name, spec.inputs)]
    assert len(found) > 10
    assert [place for place, schema in found if not schema.get("errorMessage")] == []


def test_no_plugin_is_sought_among_what_is_built_in() -> None:
    """The loader knows the groups of the catalogue."""
    assert {name.partition(".")[0] for name in CATALOGUE} == BUILT_IN
