"""The agent's credentials in use: learnt from the platform, sent to one origin, asked for at the guide's pace."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import pairwise

import pytest

from retake_flow.api.credentials import Credentials
from retake_flow.errors import CredentialsError, Unavailable
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.faults import Fault

TOKEN = "rtk_actions_owl_1"


def test_without_credentials_nothing_is_called(play):
    """An agent without a token is told to register; nothing is sent."""

    async def scene(s):
        with pytest.raises(CredentialsError, match="no credentials yet"):
            await s.access.user_id()
        return len(s.calls)

    assert play(scene) == 0


def test_what_the_platform_tells_is_kept(play, owl):
    """The token's address goes into the file when it is learnt; what is told empty changes nothing."""

    async def scene(s):
        s.access.load()
        s.access.learn(token_address="Addr111", token_ticker="OWL")
        s.access.learn(user_db_id="", token_address="", token_ticker="")
        return json.loads(s.path.read_text())

    content = play(scene, saved=owl)
    assert (content["token_address"], content["token_ticker"]) == ("Addr111", "OWL")
    assert (content["userDbId"], content["access_token"]) == ("user_owl", TOKEN)


def test_a_token_alone_makes_no_file(play):
    """What is learnt for a token of the environment stays in memory; its userDbId comes from the stream status."""

    async def scene(s):
        return await s.access.user_id(), s.path.exists()

    assert play(scene, token=TOKEN) == ("user_owl", False)


def test_an_unknown_user_id_is_told(play, owl):
    """A platform that does not tell the userDbId ends in an error that says what to add."""
    silent = Fault("GET /agent/stream/status", body={"is_live": False})

    async def scene(s):
        with pytest.raises(CredentialsError, match="userDbId is not known") as raised:
            await s.access.user_id()
        return raised.value.hint

    assert "userDbId" in play(scene, saved=replace(owl, user_db_id=""), faults=(silent,))


def test_status_keeps_its_pace_whoever_asks(play, owl):
    """Questions about the status wait for each other, and a failed one counts too."""

    async def scene(s):
        s.access.load()
        await asyncio.gather(s.access.status(), s.access.status(), s.access.status())
        return [call.at for call in s.calls]

    times = play(scene, saved=owl)
    assert [later - sooner for sooner, later in pairwise(times)] == pytest.approx([3.0, 3.0])


def test_a_failed_status_is_no_excuse_to_ask_sooner(play, owl):
    """After an error the next question waits as long as after an answer."""
    down = Fault("GET /agent/stream/status", status=503, times=2)

    async def scene(s):
        s.access.load()
        for _ in range(2):
            with pytest.raises(Unavailable):
                await s.access.status()
        await s.access.status()
        return [call.at for call in s.calls]

    times = play(scene, saved=owl, faults=(down,))
    assert len(times) == 3
    assert min(later - sooner for sooner, later in pairwise(times)) >= 3.0


def test_new_credentials_are_used_from_then_on(play):
    """After a registration the calls come with the new token."""

    async def scene(s):
        await s.access.save(Credentials(Secret(TOKEN), agent_name="Night Owl", user_db_id="user_owl"))
        return await s.access.client().verification_status(), s.path.stat().st_mode & 0o777

    assert play(scene) == (True, 0o600)


def test_anonymous_calls_carry_no_token(play, owl):
    """The guide is asked for without the agent's token."""

    async def scene(s):
        s.access.load()
        await s.access.client(anonymous=True).guide_version()
        return s.network.authorized

    assert play(scene, saved=owl) == 0


def test_a_place_that_cannot_be_written_is_told_beforehand(play, tmp_path):
    """Whether credentials could be kept is known before there are any, and the trial leaves no trace."""

    async def scene(s):
        s.access.require_place()
        left = list(tmp_path.iterdir())
        s.path.parent.joinpath("file").touch()
        s.access._path = s.path.parent / "file" / "credentials.json"
        with pytest.raises(CredentialsError, match="cannot be written"):
            s.access.require_place()
        return left

    assert play(scene) == []


def test_what_cannot_be_written_is_remembered_and_told_once(play, owl):
    """What is learnt counts for the run; when the file can be written again, it is written."""

    async def scene(s):
        s.access.load()
        s.path.chmod(0o644)  # nobody writes into a file that is not trusted
        s.access.learn(token_address="Addr111")
        s.access.learn(token_ticker="OWL")
        told, known = [*s.notes], s.access.credentials
        s.path.chmod(0o600)
        s.access.learn()
        return told, (known.token_address, known.token_ticker), json.loads(s.path.read_text())

    ((event, notice),), known, content = play(scene, saved=owl)
    assert (event, notice["kind"]) == ("notice", "credentials_unwritten")
    assert "remembered for this run" in notice["message"]
    assert known == ("Addr111", "OWL") == (content["token_address"], content["token_ticker"])


def test_what_was_learnt_survives_that_the_file_is_read_again(play, owl):
    """A file that could not be written does not make the run forget."""

    async def scene(s):
        s.access.load()
        before = s.path.read_bytes()
        s.access.learn(token_address="Addr111")
        s.path.write_bytes(before)
        return s.access.load().token_address

    assert play(scene, saved=owl) == "Addr111"


def test_a_new_token_that_cannot_be_written_goes_to_the_refuge(play, tmp_path):
    """It is given only once: it is kept in a folder of ours, told with the place, and found there again."""

    async def scene(s):
        s.path.mkdir()
        await s.access.save(Credentials(Secret(TOKEN), agent_name="Night Owl", user_db_id="user_owl"))
        s.path.rmdir()
        return [*s.notes], s.access.load()

    ((_, notice),), found = play(scene)
    (refuge,) = (tmp_path / "refuge").iterdir()
    assert refuge.stat().st_mode & 0o777 == 0o600
    assert notice["kind"] == "token_elsewhere"
    assert str(refuge) in notice["message"]
    assert TOKEN not in notice["message"]
    assert found.access_token == Secret(TOKEN)


def test_a_new_token_that_can_be_written_nowhere_is_tried_until_it_can(play, tmp_path):
    """Nothing goes on before it is on disk, and a person is told once what depends on this process."""

    async def scene(s):
        s.path.mkdir()
        (tmp_path / "refuge").touch()
        saving = asyncio.create_task(s.access.save(Credentials(Secret(TOKEN), agent_name="Night Owl")))
        await asyncio.sleep(100)
        waits = not saving.done()
        s.path.rmdir()
        await saving
        return waits, [fields["kind"] for _, fields in s.notes], s.access.load().access_token

    assert play(scene) == (True, ["token_unsaved"], Secret(TOKEN))


def test_a_file_that_cannot_be_used_is_told_once_beside_the_token(play, owl):
    """The token of the environment does without it."""

    async def scene(s):
        s.path.chmod(0o440)
        s.access.load()
        s.access.load()
        return [(fields["kind"], "0440" in fields["message"]) for _, fields in s.notes]

    assert play(scene, saved=owl, token=TOKEN) == [("credentials_unused", True)]
