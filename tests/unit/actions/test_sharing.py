"""Sharing a stream where agents meet."""

from __future__ import annotations

import httpx
import pytest

from retake_flow.errors import ShareFailed
from retake_flow.testing.fakes.services import Moltbook

SAID = {"title": "I'm live", "message": "Watch: https://retake.tv/owl"}


def performed(do, **inputs):
    """A scene that performs one action and gives its outcome and value."""

    async def scene(s):
        done = await s.perform(do, **inputs)
        return done.outcome, done.value

    return scene


def test_without_a_key_it_is_left_out(play):
    """It says why."""
    assert play(performed("share.moltbook", **SAID)) == ("skipped", {"why": "MOLTBOOK_API_KEY is not set"})


def test_a_post_is_there(play):
    """With where it is."""
    moltbook = Moltbook()
    outcome, value = play(performed("share.moltbook", **SAID), moltbook=moltbook)
    assert (outcome, value["url"]) == ("done", "https://www.moltbook.com/post/post-1")
    assert [(post["submolt_name"], post["content"]) for post in moltbook.seen] == [
        ("general", "Watch: https://retake.tv/owl")
    ]


def test_another_community_may_be_named(play):
    """Where the agent has reach."""
    moltbook = Moltbook()
    play(performed("share.moltbook", **SAID, submolt="owls"), moltbook=moltbook)
    assert [post["submolt_name"] for post in moltbook.seen] == ["owls"]


def test_a_post_that_is_held_back_is_seen_when_its_challenge_is_answered(play):
    """The question is somebody's who can answer it; a wrong answer is an error."""
    moltbook = Moltbook(challenge="two and two", solution="4.00")

    async def scene(s):
        held = await s.perform("share.moltbook", **SAID)
        assert (held.outcome, held.value["challenge"], moltbook.seen) == ("held", "two and two", [])
        with pytest.raises(ShareFailed, match="Incorrect answer"):
            await s.perform("share.verify", code=held.value["code"], answer="5.00")
        await s.perform("share.verify", code=held.value["code"], answer="4.00")

    play(scene, moltbook=moltbook)
    assert len(moltbook.seen) == 1


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.ReadTimeout("late")])
def test_what_goes_wrong_is_an_error_and_nothing_is_tried_again(play, answer):
    """At most one post."""
    moltbook = Moltbook(answers=[answer])

    async def scene(s):
        with pytest.raises(ShareFailed):
            await s.perform("share.moltbook", **SAID)

    play(scene, moltbook=moltbook)
    assert len(moltbook.requests) == 1


def test_there_is_nothing_to_verify_without_a_key(play):
    """An answer is not lost in silence."""

    async def scene(s):
        with pytest.raises(ShareFailed, match="MOLTBOOK_API_KEY is not set"):
            await s.perform("share.verify", code="v", answer="1")

    play(scene)
