"""Results of mocked actions. An action that the scenario does not mention succeeds.

A place is an action (`retake.verification_status`), or a state or an activity that performs one (`verification`,
`pushing:encoder`, `encoder`), by the end of its name.
"""

from __future__ import annotations

from pytest_bdd import given

from retake_flow.testing.gherkin.cells import Table, pairs, rows
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.trial import Trial


@given(Wording("{place} gives"))
def gives(trial: Trial, place: str, datatable: Table) -> None:
    """Sets an action's results: a row of names, then a row for each performance; the last row repeats."""
    trial.answers.gives(place, rows(datatable))


@given(Wording('{place} ends with "{outcome}"'))
def ends(trial: Trial, place: str, outcome: str, datatable: Table | None = None) -> None:
    """Sets the outcome of every performance; a table can set the result, a name and a value per row."""
    trial.answers.gives(place, [pairs(datatable or [])], outcome=outcome)


@given(Wording('{place} ends with "{outcome}" {count} time(s)'))
def ends_first(trial: Trial, place: str, outcome: str, count: int, datatable: Table | None = None) -> None:
    """The same for the first performances only."""
    trial.answers.gives(place, [pairs(datatable or [])], outcome=outcome, times=count)


@given(Wording('{place} fails with "{error}"'))
def fails(trial: Trial, place: str, error: str) -> None:
    """Every performance fails: `unavailable` is routed as `error.unavailable`."""
    trial.answers.fails(place, error)


@given(Wording('{place} fails with "{error}" {count} time(s)'))
def fails_first(trial: Trial, place: str, error: str, count: int) -> None:
    """The first performances fail."""
    trial.answers.fails(place, error, times=count)


@given(Wording("{place} takes {time}"))
def takes(trial: Trial, place: str, time: float) -> None:
    """Sets how long an action takes; the default is no time."""
    trial.answers.takes(place, time)


@given(Wording("{place} never answers"))
def never(trial: Trial, place: str) -> None:
    """The action does not end until its state is left."""
    trial.answers.never(place)


@given(Wording("{service} exits after {time}"))
def exits(trial: Trial, service: str, time: float) -> None:
    """The service ends by itself, this long after each start."""
    trial.answers.exits(service, time)
