"""Leading a run whose actions are mocked: nothing happens but what is said, and what follows from it."""

from __future__ import annotations

from pytest_bdd import when

from retake_flow.testing.gherkin.cells import Table, pairs
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.trial import Trial


@when("the flow is run")
def run(trial: Trial, subject: Subject) -> None:
    """It begins, and everything happens that needs no time."""
    subject.of = trial
    trial.begin()


@when(Wording("{time} pass(es)"))
def passes(trial: Trial, time: float) -> None:
    """Virtual time passes, and what is due in it happens."""
    trial.apply({"advance": time})


@when(Wording('it goes on until "{state}"'))
def until(trial: Trial, state: str) -> None:
    """Time passes until a state is active: its path, or the end of it."""
    trial.until(state)


@when("it goes on to its end")
def to_the_end(trial: Trial) -> None:
    """Time passes until the run has ended."""
    trial.to_the_end()


@when(Wording("the event {event} comes"))
@when(Wording("the event {event} comes with"))
def event(trial: Trial, event: str, datatable: Table | None = None) -> None:
    """Something happens outside that the flow takes; a table says what it brings, a name and a value a line."""
    trial.apply({"event": event, "data": pairs(datatable or [])})


@when(Wording("{who} answers {question}"))
def answers(trial: Trial, who: str, question: str, datatable: Table | None = None) -> None:
    """Somebody answers a question; a table says the fields, a name and a value a line."""
    trial.apply({"answer": {"gate": question, "fields": pairs(datatable or []), "by": who}})


@when(Wording('{who} answers {question} with "{decision}"'))
def decides(trial: Trial, who: str, question: str, decision: str, datatable: Table | None = None) -> None:
    """Somebody answers a question with one of its decisions."""
    said = {"gate": question, "decision": decision, "fields": pairs(datatable or []), "by": who}
    trial.apply({"answer": said})


@when(Wording("(the ){service} exits"))
def exits(trial: Trial, service: str) -> None:
    """A service that is ready ends by itself."""
    trial.apply({"result": {"state": service, "outcome": "exited", "reason": "it ended, as the scenario says"}})


@when("it is stopped")
def stopped(trial: Trial) -> None:
    """Somebody asks the run to end in order, as by `stop` or Ctrl-C."""
    trial.apply({"event": "stop"})
