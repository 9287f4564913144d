"""Rehearsed runs, the agent's account: credentials, registration, verification."""

from __future__ import annotations

import json
import stat
from dataclasses import replace

from pytest_bdd import given, parsers, then

from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import PreparedAgent
from retake_flow.testing.runs.interventions import Scene
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed

_NEW_TOKEN = Secret("rtk_another_token_1")


@given("an agent with credentials")
def agent(rehearsal: Rehearsal) -> None:
    """The default of a scenario."""
    assert rehearsal.credentials.exists()


@given("an agent that nobody has vouched for")
def use_unverified_agent(rehearsal: Rehearsal) -> None:
    """The platform knows it and says `verified: false`."""
    rehearsal.options = replace(rehearsal.options, verified=False)


@given("an agent that was never registered")
def use_unregistered_agent(rehearsal: Rehearsal) -> None:
    """Neither the platform nor this machine knows the agent."""
    rehearsal.credentials.unlink()
    rehearsal.options = replace(rehearsal.options, agents=())


@given(parsers.parse('an agent named "{name}" is registered by somebody else'))
def other_agent(rehearsal: Rehearsal, name: str) -> None:
    """The name is taken."""
    other = PreparedAgent(name, Secret("rtk_of_somebody_else"))
    rehearsal.options = replace(rehearsal.options, agents=(*rehearsal.options.agents, other))


@given("there is no credentials file")
def no_credentials(rehearsal: Rehearsal) -> None:
    """No credentials were ever saved here."""
    rehearsal.credentials.unlink()


@given(parsers.parse("its credentials were issued by {origin}"))
def set_issuer(rehearsal: Rehearsal, origin: str) -> None:
    """The token belongs to another origin."""
    rehearsal.give_credentials(issued_by=origin)


@given(parsers.parse('its credentials call it "{name}"'))
def rename_in_credentials(rehearsal: Rehearsal, name: str) -> None:
    """The name in the file, whatever the platform's name is."""
    known = credentials.load(rehearsal.credentials)
    assert known is not None
    credentials.save(rehearsal.credentials, replace(known, agent_name=name))


@given(parsers.parse("its credentials file has mode {mode}"))
def open_credentials(rehearsal: Rehearsal, mode: str) -> None:
    """The permissions of the file."""
    rehearsal.credentials.chmod(int(mode, 8))


@given("its credentials file holds")
def credentials_text(rehearsal: Rehearsal, docstring: str) -> None:
    """The content of the file, as if written by hand."""
    rehearsal.credentials.write_text(docstring, encoding="utf-8")


@given("its credentials cannot be saved")
def make_credentials_unsaveable(rehearsal: Rehearsal) -> None:
    """A file is in the place of the folder; permissions would not stop root."""
    rehearsal.credentials.parent.rmdir()
    rehearsal.credentials.parent.touch()


@given(parsers.parse("the environment holds the token {token}"))
def token(rehearsal: Rehearsal, token: str) -> None:
    """Like `RETAKE_ACCESS_TOKEN`."""
    rehearsal.token = Secret(token)


@given(parsers.parse("the platform takes another token only from {after:g} s into {state} on"))
def another_token(rehearsal: Rehearsal, after: float, state: str) -> None:
    """Calls with the old token are refused."""

    def replace_token(scene: Scene) -> None:
        next(iter(scene.platform.agents)).token = _NEW_TOKEN

    rehearsal.intervene(state, after, replace_token)


@given(parsers.parse("the operator has put the new token where the old one was {after:g} s into {state}"))
def put_token(rehearsal: Rehearsal, after: float, state: str) -> None:
    """In the credentials file."""
    rehearsal.intervene(state, after, lambda _: rehearsal.give_credentials(token=_NEW_TOKEN))


@given(parsers.parse("the operator has put {other}'s credentials where the old ones were {after:g} s into {state}"))
def put_others(rehearsal: Rehearsal, other: str, after: float, state: str) -> None:
    """By mistake: the credentials of somebody else's agent."""
    token = next(agent.token for agent in rehearsal.options.agents if agent.name == other)
    wrong = Credentials(token, agent_name=other)
    rehearsal.intervene(state, after, lambda _: credentials.save(rehearsal.credentials, wrong))


@then("the credentials are saved, readable by their owner alone")
def credentials_are_saved(rehearsal: Rehearsal, rehearsed: Rehearsed) -> None:
    """What the registration returned, with the origin that issued it."""
    file = rehearsal.credentials
    content = json.loads(file.read_text(encoding="utf-8"))
    agent = next(iter(rehearsed.platform.agents))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert content["access_token"] == agent.token.reveal()
    assert content["userDbId"] == agent.user_id
    assert content["agent_name"] == agent.name
    assert content["issued_by"] == "https://retake.tv"


@then("the credentials name the token that the platform made")
def credentials_name_token(rehearsal: Rehearsal, rehearsed: Rehearsed) -> None:
    """The first stream reports the token's address."""
    content = json.loads(rehearsal.credentials.read_text(encoding="utf-8"))
    agent = next(iter(rehearsed.platform.agents))
    assert content["token_address"] == agent.token_address != ""


@then("there are no credentials")
def no_credentials_are_saved(rehearsal: Rehearsal) -> None:
    """No credentials were saved."""
    assert not rehearsal.credentials.exists()


@then(parsers.re(r'the credentials file (?:still )?says "(?P<words>.+)"'))
def credentials_say(rehearsal: Rehearsal, words: str) -> None:
    """The file contains this text."""
    assert words in rehearsal.credentials.read_text(encoding="utf-8")


@then("the token was not sent at all")
def token_is_not_sent(rehearsed: Rehearsed) -> None:
    """No call carried the token, and none went elsewhere."""
    assert rehearsed.network.strays == []
    assert rehearsed.network.authorized == 0


@then("no token and no stream key is in the journal")
def no_secret(rehearsed: Rehearsed) -> None:
    """Nor are they in the report."""
    text = json.dumps([*rehearsed.journal, rehearsed.report])
    for agent in rehearsed.platform.agents:
        for secret in (agent.token, *(key.value for key in agent.keys)):
            assert secret.reveal() not in text
