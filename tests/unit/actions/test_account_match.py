"""Recognising a run's account in the credentials that are there: what goes on, what is refused, and in which words."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from retake_flow.actions.account_match import resumable_identity
from retake_flow.actions.agent_session import Access
from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.errors import AccountInUse, Unreachable, WrongAccount
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import PreparedAgent
from retake_flow.run.identity import NOBODY, Identity

RETAKE = "https://retake.tv"
OWL = Identity("owl", "user_owl", "f0", "/home/ann/owl keys.json", RETAKE)
WREN = Identity("wren", "user_wren", "f1", "/wren.json", RETAKE)
ALONE = Identity(fingerprint="f0", source="RETAKE_ACCESS_TOKEN", platform=RETAKE)
BARE = Identity(fingerprint="f2", source="/bare.json", platform=RETAKE)
WREN_TOKEN = Secret("rtk_actions_wren_1")
OWL_TOKEN = "rtk_actions_owl_1"


def recognise(kept: Identity, found: Identity, *told: str | Exception) -> tuple[Identity, int]:
    """The account to go on with, and how often the platform was asked; `told` is what it says."""
    asked: list[str] = []

    async def ask() -> str:
        answer = told[len(asked)]
        asked.append("")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return asyncio.run(resumable_identity(kept, found, ask, "owl-1")), len(asked)


def test_the_same_token_needs_no_question() -> None:
    """Wherever it is kept by now, and whatever the file calls the agent."""
    assert recognise(OWL, replace(OWL, source="/moved.json")) == (replace(OWL, source="/moved.json"), 0)
    assert recognise(ALONE, OWL) == (OWL, 0)


@pytest.mark.parametrize("found", [replace(OWL, fingerprint="f2"), BARE, replace(BARE, name="owl")])
def test_a_new_token_of_the_same_agent_is_taken_when_the_platform_says_so(found: Identity) -> None:
    """The run knows its agent's id, so another token is held against that."""
    identity, asked = recognise(OWL, found, "user_owl")
    assert (identity.fingerprint, identity.user_db_id, identity.name, asked) == ("f2", "user_owl", "owl", 1)


def test_a_name_goes_on_while_nobody_can_be_asked_and_is_no_proof() -> None:
    """The stream comes first; the token that is known to be the agent's stays what later ones are held against."""
    assert recognise(OWL, replace(OWL, fingerprint="f2"), Unreachable()) == (OWL, 1)
    assert recognise(Identity("owl", fingerprint="f0", source="/x"), replace(BARE, name="Owl"))[0].fingerprint == "f2"


@pytest.mark.parametrize(
    ("kept", "found", "told", "message", "hint"),
    [
        (OWL, WREN, "", "acts as owl, and the token in /wren.json is that of wren",
         "set RETAKE_CREDENTIALS='/home/ann/owl keys.json'; for another agent, start another run"),
        (OWL, replace(WREN, source="RETAKE_ACCESS_TOKEN"), "", "is that of wren",
         "unset RETAKE_ACCESS_TOKEN and set RETAKE_CREDENTIALS='/home/ann/owl keys.json'"),
        (OWL, Identity(source="/none.json", platform=RETAKE), "", "no credentials of that agent in /none.json",
         "set RETAKE_CREDENTIALS="),
        (OWL, BARE, "user_wren", "the token in /bare.json is that of the agent user_wren", "set RETAKE_CREDENTIALS="),
        (OWL, replace(OWL, fingerprint="f2"), "user_wren", "nothing shows", "set RETAKE_CREDENTIALS="),
        (OWL, BARE, "", "nothing shows that the token in /bare.json is that of the same agent", "set"),
        (OWL, BARE, Unreachable(), "same agent (retake.tv could not be reached", "set"),
        (ALONE, BARE, "", "acts as the agent of RETAKE_ACCESS_TOKEN, and nothing shows that",
         "set RETAKE_ACCESS_TOKEN to the token that it began with"),
        (Identity("owl"), WREN, "", "acts as owl", "name the credentials file of owl with RETAKE_CREDENTIALS"),
        (OWL, replace(OWL, platform="http://127.0.0.1:80"), "",
         "acts as owl on https://retake.tv, and the platform here is http://127.0.0.1:80", "unset RETAKE_API_URL"),
        (replace(OWL, platform="http://127.0.0.1:80"), OWL, "", "on http://127.0.0.1:80",
         "set RETAKE_API_URL=http://127.0.0.1:80"),
    ],
)  # fmt: skip
def test_another_account_is_refused_by_name(
    kept: Identity, found: Identity, told: str | Exception, message: str, hint: str
) -> None:
    """With the run, both agents as far as they are known, and what to do."""
    with pytest.raises(WrongAccount) as raised:
        recognise(kept, found, told)
    assert raised.value.message.startswith("owl-1 acts as ")
    assert message in raised.value.message
    assert hint in raised.value.hint
    assert (raised.value.kind, raised.value.exit_code) == ("wrong_account", 6)


# --- while a run goes on ------------------------------------------------------------------------------------


def another(play_set, token: str = "", identity: Identity = NOBODY, learnt=lambda identity: None) -> Access:
    """A second access to the same file, of a run that acts as an account."""
    first = play_set.access
    given = Secret(token) if token else None
    return Access(play_set.path, given, RETAKE, first._make_client, identity=identity, learnt=learnt)


def test_a_file_that_becomes_another_agents_is_not_taken(play, owl):
    """A run that goes on stays who it is; what it learns does not get into the other's file."""

    async def scene(s):
        s.access.load()
        credentials.save(s.path, Credentials(WREN_TOKEN, agent_name="wren", user_db_id="user_wren"))
        before = s.path.read_bytes()
        with pytest.raises(WrongAccount, match=r"this run acts as Night Owl, and the token in .* is that of wren"):
            await s.access.reload()
        with pytest.raises(WrongAccount):
            s.access.load()
        s.access.learn(user_db_id="user_owl", token_address="Addr111")
        assert s.path.read_bytes() == before
        assert await s.access.client().verification_status()
        return s.access.credentials.agent_name

    assert play(scene, saved=owl) == "Night Owl"


def test_a_bare_token_is_held_against_the_platform(play, owl):
    """A new token of the same agent is used from then on; that of another one is refused, whatever the file says."""

    async def scene(s):
        s.access.load()
        await s.access.status()
        s.path.write_text(json.dumps({"access_token": WREN_TOKEN.reveal()}))
        with pytest.raises(WrongAccount, match="is that of the agent user_wren"):
            await s.access.reload()
        assert s.access.credentials.access_token.reveal() == OWL_TOKEN
        s.owl.token = Secret("rtk_actions_owl_2")
        s.path.write_text(json.dumps({"access_token": "rtk_actions_owl_2"}))
        return (await s.access.reload()).access_token.reveal()

    agents = (PreparedAgent("Night Owl", Secret(OWL_TOKEN), "user_owl"), PreparedAgent("wren", WREN_TOKEN, "user_wren"))
    assert play(scene, saved=owl, agents=agents) == "rtk_actions_owl_2"


def test_a_token_of_the_environment_is_not_taken_for_the_agent_of_the_file(play, owl):
    """The file has another token, so neither its name nor its id are those of the agent that streams."""

    async def scene(s):
        access = another(s, WREN_TOKEN.reveal())
        before = s.path.read_bytes()
        assert (access.credentials.agent_name, await access.user_id()) == ("", "user_wren")
        assert s.path.read_bytes() == before
        same = another(s, OWL_TOKEN)
        assert (same.credentials.agent_name, same.credentials.user_db_id) == ("Night Owl", "user_owl")
        await access.close()
        await same.close()

    agents = (PreparedAgent("Night Owl", Secret(OWL_TOKEN), "user_owl"), PreparedAgent("wren", WREN_TOKEN, "user_wren"))
    play(scene, saved=owl, agents=agents)


def test_a_new_token_of_the_environment_gets_the_files_name_once_the_platform_has_told(play, owl):
    """The file's own token is an old one of the same agent."""

    async def scene(s):
        access = another(s, OWL_TOKEN)
        assert access.credentials.agent_name == ""
        await access.status()
        await access.close()
        return access.credentials.agent_name

    assert play(scene, saved=replace(owl, access_token=Secret("rtk_actions_owl_0"))) == "Night Owl"


def test_what_is_learnt_of_the_account_is_told_once(play, owl):
    """With each thing that becomes known; one who refuses it keeps the run from going on as that account."""
    known: list[Identity] = []

    async def scene(s):
        access = another(s, OWL_TOKEN, learnt=known.append)
        s.path.unlink()
        access.load()
        await access.status()
        await access.status()
        await access.close()

        def refuse(identity: Identity) -> None:
            raise AccountInUse("owl", run="owl-1", host="here", pid=1)

        refused = another(s, OWL_TOKEN, identity=known[0], learnt=refuse)
        with pytest.raises(AccountInUse):
            await refused.status()
        await refused.close()

    play(scene, saved=owl)
    assert [(each.user_db_id, bool(each.fingerprint), each.source) for each in known] == [
        ("", True, "RETAKE_ACCESS_TOKEN"),
        ("user_owl", True, "RETAKE_ACCESS_TOKEN"),
    ]


def test_an_account_that_only_claimed_to_be_the_runs_is_found_out(play, owl):
    """The platform could not be asked before; when it tells, the token is used no more."""
    kept = Identity("Night Owl", "user_somebody", "f0", "/x", RETAKE)

    async def scene(s):
        access = another(s, identity=kept)
        access.load()
        with pytest.raises(WrongAccount):
            await access.status()
        for _ in range(2):
            with pytest.raises(WrongAccount):
                access.client()
        await access.close()

    play(scene, saved=replace(owl, user_db_id=""))


def test_a_registration_makes_the_account(play):
    """From then on the run acts as that agent."""
    known: list[Identity] = []

    async def scene(s):
        access = another(s, learnt=known.append)
        await access.save(Credentials(Secret(OWL_TOKEN), agent_name="Night Owl", user_db_id="user_owl"))
        await access.close()

    play(scene)
    assert [(each.name, each.user_db_id) for each in known] == [("Night Owl", "user_owl")]
