"""Rehearsed runs, responders: a web service, a language model, a function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from pytest_bdd import given, parsers, then

from retake_flow.errors import UsageError
from retake_flow.responders import registry
from retake_flow.responders.registry import Surroundings
from retake_flow.responders.token_budget import Ledger
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.testing.fakes.services import Keys, Service
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.interventions import RUN
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.runs.trial import Premise
from retake_flow.testing.steps.tables import ON_AIR, rows
from retake_flow.whatif.virtual_time import VirtualClock


@pytest.fixture
def service(rehearsal: Rehearsal) -> Service:
    """What answers at the addresses that a flow names."""
    service = Service()
    _answered_from(rehearsal, service, Path(rehearsal.flow.file).parent, ("http", "openai"))
    return service


@pytest.fixture
def trusted(premise: Premise) -> None:
    """Require that functions of the flow may run.

    Raises:
        UsageError: The operator has not allowed it.
    """
    if not premise.python:
        raise UsageError("this step runs Python of the flow", hint="add --python if you trust it")


def _answered_from(rehearsal: Rehearsal, service: Service, folder: Path, kinds: Sequence[str]) -> None:
    """Responders of some kinds, with functions that are found in a folder."""
    clock = VirtualClock()
    ledger = Ledger(rehearsal.folder / "tokens" / f"{RUN}.json", clock.now)
    around = Surroundings(Launcher(RUN, {}), folder, Keys(), ledger, clock.now, service)
    found = registry.responders(around)
    rehearsal.responders |= {kind: found[kind] for kind in kinds}


@given("a web service that says")
@given("a language model that says")
def service_says(service: Service, datatable: Table) -> None:
    """Its replies by text; no reply to other texts."""
    service.answers = {row["to"]: row["reply"] for row in rows(datatable)}


@given("the function of the flow answers")
def function_answers(trusted: None, rehearsal: Rehearsal, service: Service) -> None:
    """Uses the real function named by `module`, an `async def` (threads have no virtual time). Needs `--python`."""
    _answered_from(rehearsal, service, Path(rehearsal.flow.file).parent, ("module",))


@given(parsers.parse("the module {name} beside the flow"))
def module(trusted: None, rehearsal: Rehearsal, service: Service, name: str, docstring: str) -> None:
    """A Python module, between triple quotes; the flow's own folder is not touched. Needs `--python`."""
    folder = rehearsal.folder / "beside"
    folder.mkdir()
    (folder / f"{name}.py").write_text(f"{docstring}\n", encoding="utf-8")
    _answered_from(rehearsal, service, folder, ("module",))


@given(parsers.parse("the service thinks for {seconds:g} s"))
def service_thinks(service: Service, seconds: float) -> None:
    """The time that each batch takes."""
    service.thinks = seconds


@given(parsers.parse("the service refuses {count:d} times with status {status:d}"))
def service_refuses(service: Service, count: int, status: int) -> None:
    """The number of refusals before its first reply."""
    service.refusals = [httpx.Response(status, html="<html>sorry</html>") for _ in range(count)]


@given(parsers.parse('the language model says nothing {count:d} times, with finish_reason "{reason}"'))
def model_is_silent(service: Service, count: int, reason: str) -> None:
    """The number of refusals before its first reply."""
    choice = {"message": {"role": "assistant", "content": None}, "finish_reason": reason}
    service.refusals = [httpx.Response(200, json={"choices": [choice]}) for _ in range(count)]


@given(parsers.parse("the service asks to wait {seconds:d} s"))
def service_waits(service: Service, seconds: int) -> None:
    """One response with status 429 and `Retry-After`."""
    service.refusals = [httpx.Response(429, headers={"Retry-After": str(seconds)})]


@given("the service points to another host")
def service_redirects(service: Service) -> None:
    """Every response is a redirect (307)."""
    service.refusals = [httpx.Response(307, headers={"Location": "https://elsewhere.example/"}) for _ in range(99)]


@then("the service was asked about")
def service_gets_messages(service: Service, datatable: Table) -> None:
    """All messages that it was asked about, in order, with repetitions."""
    assert service.questions == [(row["name"], row["text"]) for row in rows(datatable)]


@then(Wording("the service was asked {count} time(s)"))
def service_asked_times(service: Service, count: int) -> None:
    """The number of requests, retries included."""
    assert len(service.requests) == count


@then("the service got no access token")
def service_got_no_token(service: Service, rehearsed: Rehearsed) -> None:
    """No request carries an access token, and no other host was called."""
    assert service.requests
    assert {request.url.host for request in service.requests} == {service.requests[0].url.host}
    assert not any(
        "rtk_" in f"{request.url} {request.headers.raw!r} {request.content!r}" for request in service.requests
    )
    assert rehearsed.network.strays == []


@then(Wording("the operator was told {count} time(s) that tokens are used up"))
def told_of_tokens(rehearsed: Rehearsed, count: int) -> None:
    """The number of such notices in the journal."""
    assert len(rehearsed.records("notice", kind="tokens")) == count


@then(parsers.parse('each of them says "{words}"'))
def failures_say(rehearsed: Rehearsed, words: str) -> None:
    """Each failure of the responder in the journal contains these words."""
    errors = [*rehearsed.records("error", kind="responder"), *rehearsed.records("responder_failed")]
    assert errors
    assert all(words in error["message"] for error in errors)


@then(Wording("the brain raised {count} event(s)"))
def brain_raises_events(rehearsed: Rehearsed, count: int) -> None:
    """The events in its answers that the flow declares."""
    raised = rehearsed.records("event_raised", by=f"{ON_AIR}:chat")
    assert len([record for record in raised if record["name"] in rehearsed.flow.events]) == count


@then(Wording("the brain was refused {count} event(s)"))
def brain_events_are_refused(rehearsed: Rehearsed, count: int) -> None:
    """The other events in its answers."""
    assert len(rehearsed.records("event_refused", by=f"{ON_AIR}:chat")) == count
