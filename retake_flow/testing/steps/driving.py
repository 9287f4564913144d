"""Driving a mocked run: only what the steps cause happens."""

from __future__ import annotations

from pytest_bdd import when

from retake_flow.testing.gherkin.cells import Table, pairs
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.trial import Trial


@when("the flow is run")
def run(trial: Trial, subject: Subject) -> None:
    """Starts the run and performs everything that takes no time."""
    subject.of = trial
    trial.begin()


@when(Wording("{time} pass(es)"))
def passes(trial: Trial, time: float) -> None:
    """Lets virtual time pass; whatever is due happens."""
    trial.apply({"advance": time})


@when(Wording('it goes on until "{state}"'))
def until(trial: Trial, state: str) -> None:
    """Lets time pass until a state is active: its path, or the end of it."""
    trial.until(state)


@when("it goes on to its end")
def to_the_end(trial: Trial) -> None:
    """Lets time pass until the run has ended."""
    trial.to_the_end()


@when(Wording("the event {event} comes"))
@when(Wording("the event {event} comes with"))
def event(trial: Trial, event: str, datatable: Table | None = None) -> None:
    """Sends an event from outside; a table sets its fields, a name and a value per row."""
    trial.apply({"event": event, "data": pairs(datatable or [])})


@when(Wording("{who} answers {question}"))
def answers(trial: Trial, who: str, question: str, datatable: Table | None = None) -> None:
    """Answers a question; a table sets the fields, a name and a value per row."""
    trial.apply({"answer": {"gate": question, "fields": pairs(datatable or []), "by": who}})


@when(Wording('{who} answers {question} with "{decision}"'))
def decides(trial: Trial, who: str, question: str, decision: str, datatable: Table | None = None) -> None:
    """Answers a question with one of its decisions."""
    said = {"gate": question, "decision": decision, "fields": pairs(datatable or []), "by": who}
    trial.apply({"answer": said})


@when(Wording("(the ){service} exits"))
def exits(trial: Trial, service: str) -> None:
    """A service that is ready ends by itself."""
    trial.apply({"result": {"state": service, "outcome": "exited", "reason": "it ended, as the scenario says"}})


@when("it is stopped")
def stop_run(trial: Trial) -> None:
    """Asks the run to end cleanly, like `stop` or Ctrl-C."""
    trial.apply({"event": "stop"})
