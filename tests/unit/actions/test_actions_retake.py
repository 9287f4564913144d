"""The actions that are calls to retake.tv."""

from __future__ import annotations

import json

import pytest

from retake_flow.errors import CredentialsError, InputError, Unauthorized, Unavailable
from retake_flow.rehearsal.faults import Fault

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


# --- the guide ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "written_for", "outcome"),
    [
        ("2.1.2", "2.1.2", "unchanged"),
        ("2.1.2.0", "2.1.2", "unchanged"),
        ("2.1.10", "2.1.2", "changed"),
        ("2.1", "2.1.2", "changed"),
        ("next", "2.1.2", "changed"),
        ("next", "next", "unchanged"),
        ("9.9", "", "unchanged"),
    ],
)
def test_versions_are_compared_as_versions(play, published, written_for, outcome):
    """Equal versions in other words are equal; what is no version is a text; a flow without one wants none."""
    found, value = play(performed("retake.check_guide"), skill_version=published, guide=written_for)
    assert (found, value["version"]) == (outcome, published)


def test_a_changed_guide_is_kept_as_a_text(play, tmp_path):
    """The new guide is a file for the operator, who is told of it; nothing else comes of it."""

    async def scene(s):
        done = await s.perform("retake.check_guide")
        return done.value["path"], s.notes

    path, notes = play(scene, skill_version="3.0")
    assert path == str(tmp_path / "guides" / "guide-3.0.md")
    assert notes[0]["event"] == "notice"
    assert path in notes[0]["message"]


def test_a_version_is_no_path(play, tmp_path):
    """What a platform calls its guide cannot lead out of the folder."""
    _, value = play(performed("retake.check_guide"), skill_version="../../etc/passwd")
    assert value["path"].startswith(str(tmp_path / "guides" / "guide-"))
    assert "/" not in value["path"].removeprefix(str(tmp_path / "guides") + "/")


def test_the_input_says_another_version(play):
    """A state may name the version that it was written for."""
    outcome, _ = play(performed("retake.check_guide", written_for="3.0"), skill_version="3.0")
    assert outcome == "unchanged"


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


@pytest.mark.parametrize("fields", [{"body": "<html>?"}, {"redirect": "https://elsewhere.example"}, {"status": 401}])
@pytest.mark.parametrize("times", [1, 2])
def test_an_unclear_answer_to_stop_is_asked_again(play, owl, fields, times):
    """Unless the platform said so, nobody knows that the session is closed."""

    async def scene(s):
        await s.perform("retake.stream_key")
        await s.perform("retake.start_stream")
        await s.perform("retake.stop_stream")
        return s.owl.session, s.notes

    assert play(scene, saved=owl, faults=(Fault("POST /agent/stream/stop", times=times, **fields),)) == (None, [])


@pytest.mark.parametrize(("status", "error", "calls"), [(401, Unauthorized, 3), (503, Unavailable, 3)])
def test_a_session_that_cannot_be_closed_is_told(play, owl, status, error, calls):
    """After three tries it is an error, and the operator hears what it means."""
    fault = Fault("POST /agent/stream/stop", status=status, times=None)

    async def scene(s):
        with pytest.raises(error):
            await s.perform("retake.stop_stream")
        return len(s.calls), [note["kind"] for note in s.notes]

    assert play(scene, saved=owl, faults=(fault,)) == (calls, ["session_open"])


def test_the_operator_is_told(play):
    """What a flow tells the operator is a notice in the journal."""

    async def scene(s):
        await s.perform("operator.tell", message="look here")
        return s.notes

    assert play(scene) == [{"event": "notice", "kind": "told", "message": "look here"}]
