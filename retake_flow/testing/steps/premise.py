"""Every scenario: the flow and its inputs, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd import given, parsers

from retake_flow.errors import UsageError
from retake_flow.flow.text.locate import Folders
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.gherkin.suite import PREMISE, SUBJECT
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.observed import Observed, Subject
from retake_flow.testing.runs.rehearsed import open_flow
from retake_flow.testing.runs.trial import Premise, Trial
from retake_flow.testing.steps.tables import rows

_read = cache(open_flow)


@pytest.fixture
def premise(request: pytest.FixtureRequest) -> Premise:
    """What the scenario begins with: the flow under test; else go-live.yaml, half a minute on air."""
    begun = request.config.stash.get(PREMISE, None)
    return begun() if begun else Premise(_read("go-live.yaml"), {"max_duration": "30s"})


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Subject:
    """The run that the scenario is about, once there is one."""
    subject = Subject()
    request.node.stash[SUBJECT] = subject
    return subject


@pytest.fixture
def observed(subject: Subject) -> Observed:
    """The run that the scenario looks at."""
    if subject.of is None:
        raise UsageError("nothing was run yet", hint="write `When the flow is run`, or `When the agent goes live`")
    return subject.of


@pytest.fixture
def trial(premise: Premise) -> Iterator[Trial]:
    """The run whose actions are mocked; created once the flow is known."""
    trial = Trial(premise)
    yield trial
    trial.close()


@given(parsers.parse("the flow {file}"))
def flow(premise: Premise, request: pytest.FixtureRequest, file: str) -> None:
    """Another flow, by its path relative to the flow under test, or by its shipped name."""
    begun = request.config.stash.get(PREMISE, None)
    tested = begun().flow if begun else None
    premise.flow = _read(file, Folders.beside(tested.file, tested.sources.allowed) if tested else None)


@given("this flow")
def written_flow(premise: Premise, tmp_path: Path, docstring: str) -> None:
    """A flow written in the scenario between triple quotes; its inputs are reset."""
    file = tmp_path / "flow.yaml"
    file.write_text(docstring, encoding="utf-8")
    premise.flow = open_flow(str(file))
    premise.inputs.clear()


@given(Wording("the input {input} is {value}"))
def one_input(premise: Premise, input: str, value: Any) -> None:
    """Like `--set`."""
    premise.inputs[input] = value


@given("the inputs")
def inputs(premise: Premise, datatable: Table) -> None:
    """Like `--set`: a table with the columns `name` and `value`."""
    premise.inputs |= {row["name"]: row["value"] for row in rows(datatable)}


@given("there are no inputs")
def no_inputs(premise: Premise) -> None:
    """For a flow without inputs."""
    premise.inputs.clear()
