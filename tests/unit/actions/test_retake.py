"""The actions that are calls to retake.tv."""

from __future__ import annotations

import json

import pytest

from retake_flow.errors import (
    CredentialsError,
    InDoubt,
    InputError,
    Intercepted,
    NotPrepared,
    PlatformError,
    PostRefused,
    Redirected,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from retake_flow.rehearsal.setup.faults import Fault

REGISTRATION = {
    "agent_name": " Day Owl ",
    "agent_description": "watches",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}


def performed(do, **inputs):
    """A scene that performs one action and gives its outcome and value."""

    async def scene(s):
        done = await s.perform(do, **inputs)
        return done.outcome, done.value

    return scene


# --- credentials and registration ---------------------------------------------------------------------------


def test_credentials_are_found_or_missing(play, owl):
    """Both are outcomes; the value names the agent and no token."""
    assert play(performed("credentials.load")) == ("missing", {})
    outcome, value = play(performed("credentials.load"), saved=owl)
    assert outcome == "found"
    assert value == {"agent_name": "Night Owl", "user_db_id": "user_owl", "issued_by": "https://retake.tv"}


def test_registration_saves_before_it_ends(play, tmp_path):
    """The file is there, in the guide's fields, when the action has ended; blanks around inputs are cut."""
    _, value = play(performed("retake.register", **REGISTRATION))
    content = json.loads((tmp_path / "credentials.json").read_text())
    assert content["access_token"].startswith("rtk_")
    assert (content["agent_name"], content["ticker"]) == ("Day Owl", "OWL")
    assert content["userDbId"] == value["user_db_id"]


def test_all_that_is_missing_is_named(play):
    """Inputs that were never set are None; each is named, and nothing is sent."""

    async def scene(s):
        with pytest.raises(InputError) as raised:
            await s.perform("retake.register", **dict.fromkeys(REGISTRATION))
        assert len(s.calls) == 0
        return raised.value

    error = play(scene)
    assert all(name in error.message for name in REGISTRATION)
    assert "--set" in error.hint


def test_without_a_place_for_the_token_nothing_is_registered(play, tmp_path):
    """A token that could not be kept would be lost for ever, so it is not asked for."""

    async def scene(s):
        s.access._path = tmp_path / "file" / "credentials.json"
        (tmp_path / "file").touch()
        with pytest.raises(CredentialsError, match="cannot be written"):
            await s.perform("retake.register", **REGISTRATION)
        return len(s.calls)

    assert play(scene) == 0


# --- an interrupted registration ----------------------------------------------------------------------------


def test_a_registration_that_was_saved_was_done(play, owl):
    """When the token is in the file, the result is what the file tells; nobody is asked."""

    async def scene(s):
        done = await s.verify("retake.register", agent_name=" night owl ")
        return done.value, len(s.calls)

    value, calls = play(scene, saved=owl)
    assert (value["agent_name"], value["user_db_id"], calls) == ("Night Owl", "user_owl", 0)


@pytest.mark.parametrize("name", ["Day Owl", "Night", "", None])
def test_a_registration_that_nobody_knows_was_not_done(play, name):
    """Where the platform knows nobody of this name, it can surely be done again; a nameless one never was."""

    async def scene(s):
        return await s.verify("retake.register", agent_name=name)

    assert play(scene) is None


@pytest.mark.parametrize("token", ["", "rtk_actions_owl_1"])
def test_a_registration_whose_token_is_lost_is_in_doubt(play, token):
    """A taken name without its token in the file is for a person; a token of the environment proves nothing."""

    async def scene(s):
        with pytest.raises(InDoubt, match="its token is not on this machine") as raised:
            await s.verify("retake.register", agent_name="night owl")
        return raised.value.hint, s.network.authorized

    hint, authorized = play(scene, token=token)
    assert "never issued twice" in hint
    assert authorized == 0


def test_credentials_of_somebody_else_prove_no_registration(play, owl):
    """A file with another agent's token says nothing of this one."""

    async def scene(s):
        return await s.verify("retake.register", agent_name="Day Owl")

    assert play(scene, saved=owl) is None


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET /users/*", status=503, times=None),
        Fault("GET /users/*", drop=True, times=None),
        Fault("GET /users/search/*", body="<html>?", times=None),
    ],
)
def test_a_registration_that_cannot_be_looked_up_is_in_doubt(play, fault):
    """Without an answer from the platform nobody claims to know; what may pass may be asked again."""

    async def scene(s):
        with pytest.raises(PlatformError, match="it is not known whether 'Day Owl' was registered: ") as caught:
            await s.verify("retake.register", agent_name="Day Owl")
        return caught.value.may_repeat

    assert play(scene, faults=(fault,))


def test_credentials_that_cannot_be_read_leave_a_registration_in_doubt(play, tmp_path):
    """A file that may hold the token and cannot be read is a person's to look at."""
    (tmp_path / "credentials.json").write_text("{")
    (tmp_path / "credentials.json").chmod(0o600)

    async def scene(s):
        with pytest.raises(CredentialsError, match="not JSON"):
            await s.verify("retake.register", agent_name="Day Owl")

    play(scene)


# --- verification -------------------------------------------------------------------------------------------

POST = "https://x.com/ada/status/5000"


def test_a_person_vouches_for_the_agent(play, owl):
    """The message is what a person posts word for word; their post verifies the agent."""

    async def scene(s):
        prepared = await s.perform("retake.prepare_verify")
        s.platform.verification.post(POST, prepared.value["message"])
        done = await s.perform("retake.verify", tweet_url=f" {POST} ")
        return prepared.value["message"], done.value, s.owl.code, s.platform.breaches

    message, value, code, breaches = play(scene, saved=owl, verified=False)
    assert message == f"Claiming my Livestreaming Agent on @retakedottv. Code: {code}"
    assert (value, breaches) == ({"verified": True}, [])


def test_a_post_before_any_message_is_told(play, owl):
    """Without a prepared message the error says to prepare one, in the platform's words."""

    async def scene(s):
        with pytest.raises(NotPrepared, match="Call prepare-verify first"):
            await s.perform("retake.verify", tweet_url=POST)

    play(scene, saved=owl, verified=False)


@pytest.mark.parametrize(("text", "words"), [(None, "Tweet not found"), ("good morning", "does not contain the verif")])
def test_a_post_that_proves_nothing_is_told(play, owl, text, words):
    """A post that is not there, or lacks the code, is refused in the platform's words."""

    async def scene(s):
        await s.perform("retake.prepare_verify")
        with pytest.raises(PostRefused, match=words):
            await s.perform("retake.verify", tweet_url=POST)
        return s.owl.verified

    assert play(scene, saved=owl, verified=False, tweets={} if text is None else {POST: text}) is False


@pytest.mark.parametrize(
    "url", ["https://x.com/username/status/123...", "https://twitter.com/a/status/1234567890", "later", ""]
)
def test_a_placeholder_never_reaches_the_platform(play, owl, url):
    """What cannot be a person's post is an error of the input, and nothing is sent."""

    async def scene(s):
        with pytest.raises(InputError):
            await s.perform("retake.verify", tweet_url=url)
        return len(s.calls)

    assert play(scene, saved=owl, verified=False) == 0


@pytest.mark.parametrize("fields", [{"drop": True}, {"status": 502}, {"status": 400, "body": {"error": "again?"}}])
def test_who_is_verified_after_an_error_is_verified(play, owl, fields):
    """An answer that was lost on its way does not send the person to post again."""

    async def scene(s):
        await s.perform("retake.prepare_verify")
        return (await s.perform("retake.verify", tweet_url=POST)).value

    lost = Fault("POST /agent/verify", effect=True, **fields)
    assert play(scene, saved=owl, verified=False, tweets={POST: "{message}"}, faults=(lost,)) == {"verified": True}


@pytest.mark.parametrize("status", [None, 503])
def test_an_error_stays_what_it_was(play, owl, status):
    """When the agent is not verified, or nobody can tell, the first error is the one that counts."""
    faults = [Fault("POST /agent/verify", drop=True)]
    if status:
        faults.append(Fault("GET /agent/verification-status", status=status, times=None))

    async def scene(s):
        with pytest.raises(Unreachable, match="POST /agent/verify"):
            await s.perform("retake.verify", tweet_url=POST)

    play(scene, saved=owl, verified=False, faults=tuple(faults))


def test_a_platform_that_does_not_say_verified_is_taken_at_its_word(play, owl):
    """An answer that is no error and says no is the result, for the flow to look at."""
    no = Fault("POST /agent/verify", body={"verified": False})
    assert play(performed("retake.verify", tweet_url=POST), saved=owl, faults=(no,))[1] == {"verified": False}


@pytest.mark.parametrize("verified", [True, False])
def test_an_interrupted_verification_is_looked_up(play, owl, verified):
    """After a crash the platform tells whether the agent is verified; if not, the post is handed in again."""

    async def scene(s):
        done = await s.verify("retake.verify", tweet_url=POST)
        return done and done.value

    assert play(scene, saved=owl, verified=verified) == ({"verified": True} if verified else None)


@pytest.mark.parametrize("saved", [True, False])
def test_a_verification_that_cannot_be_looked_up_is_in_doubt(play, owl, saved):
    """Without an answer, or without credentials, nobody claims to know."""

    async def scene(s):
        with pytest.raises((Unavailable, CredentialsError), match="it is not known whether") as caught:
            await s.verify("retake.verify", tweet_url=POST)
        return caught.value.may_repeat

    down = Fault("GET /agent/verification-status", status=503, times=None)
    assert play(scene, saved=owl if saved else None, faults=(down,)) is saved


@pytest.mark.parametrize("do", ["retake.start_stream", "chat.send"])
def test_what_cannot_be_looked_up_is_in_doubt(play, owl, do):
    """A session or a message that may or may not have reached the platform is a person's to decide."""

    async def scene(s):
        with pytest.raises(InDoubt, match=do):
            await s.verify(do)
        return len(s.calls)

    assert play(scene, saved=owl) == 0


# --- the stream ---------------------------------------------------------------------------------------------


def test_a_stream_from_key_to_stop(play, owl):
    """Key, start, status and stop give what the catalogue declares; the page's address is quoted."""

    async def scene(s):
        key = await s.perform("retake.stream_key")
        started = await s.perform("retake.start_stream")
        s.platform.publish(key.value["push_url"].reveal().rpartition("/")[2]).video()
        status = await s.perform("retake.stream_status")
        stopped = await s.perform("retake.stop_stream")
        return key.value, started.value, status.value, stopped.value, s.owl.token_address

    key, started, status, stopped, address = play(scene, saved=owl)
    assert str(key["key"]) == str(key["push_url"]) == "•••"
    assert started["page"] == "https://retake.tv/Night%20Owl"
    assert started["token_address"] == address
    assert (status["is_live"], status["user_db_id"]) == (True, "user_owl")
    assert stopped["status"] == "stopped"


def test_verification_is_told(play, owl):
    """Verified or not is the action's value."""
    assert play(performed("retake.verification_status"), saved=owl, verified=False)[1] == {"verified": False}


def test_a_closed_session_is_closed(play, owl):
    """Stopping what is not running is no error."""
    assert play(performed("retake.stop_stream"), saved=owl)[1]["status"] == "stopped"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"page": "portal"}, Intercepted),
        ({"page": "challenge"}, Intercepted),
        ({"page": "login"}, Redirected),
        ({"status": 401}, Unauthorized),
        ({"status": 503}, Unavailable),
    ],
)
def test_a_session_that_could_not_be_closed_is_called_that(play, owl, fields, error):
    """Unless the platform said so, nobody knows that the session is closed; one call asks once."""

    async def scene(s):
        await s.perform("retake.stream_key")
        await s.perform("retake.start_stream")
        with pytest.raises(error, match="could not be closed and may still be open: "):
            await s.perform("retake.stop_stream")
        return [call.path for call in s.calls].count("/api/v1/agent/stream/stop")

    assert play(scene, saved=owl, faults=(Fault("POST /agent/stream/stop", **fields),)) == 1


@pytest.mark.parametrize(
    ("fields", "may_repeat", "lookups"),
    [
        ({"page": "challenge"}, True, 0),
        ({"page": "blocked"}, True, 0),
        ({"page": "limited"}, True, 0),
        ({"page": "empty"}, True, 0),
        ({"page": "portal"}, True, 2),
        ({"page": "truncated"}, True, 2),
        ({"page": "login"}, True, 2),
        ({"page": "gateway"}, False, 0),
        ({"status": 503}, False, 0),
        ({"drop": True}, False, 0),
        ({"page": "portal", "effect": True}, False, 1),
        ({"page": "gateway", "effect": True}, False, 0),
        ({"drop": True, "effect": True}, False, 0),
    ],
)
def test_a_registration_is_repeated_only_when_it_surely_was_not_carried_out(play, fields, may_repeat, lookups):
    """A page that is no answer is looked behind: when nobody bears the name, nothing was registered."""

    async def scene(s):
        with pytest.raises(PlatformError) as caught:
            await s.perform("retake.register", **REGISTRATION)
        return caught.value.may_repeat, sum("/users/" in call.path for call in s.calls)

    assert play(scene, faults=(Fault("POST /agent/register", **fields),)) == (may_repeat, lookups)


def test_the_operator_is_told(play):
    """What a flow tells the operator is a notice in the journal."""

    async def scene(s):
        await s.perform("operator.tell", message="look here")
        return s.notes

    assert play(scene) == [{"event": "notice", "kind": "told", "message": "look here"}]
