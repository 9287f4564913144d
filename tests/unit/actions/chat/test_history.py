"""What is history in a chat: by the platform's own clock, exactly, however far it is off this machine's."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from retake_flow.actions.chat.history import History
from retake_flow.api.chat import read_message
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.chat_log import Comment
from retake_flow.testing.fakes.responder import FakeResponder

OPENING = "I'm live. What should we explore today?"
CLOCKS = pytest.mark.parametrize("clock", [0.0, 75.0, -75.0, 86400.0, -3600.0], ids="{:+g} s".format)
SHAPES = pytest.mark.parametrize("shape", ["documented", "observed", "mixed"])


@pytest.fixture
def streaming(play, owl):
    """Plays a stream whose chat holds history; gives what the brain was asked about."""

    def streaming(*, opening=True, before=(2.0, 30.0, 3600.0), hears=False, silent=0.0, **options):
        brain = FakeResponder()

        async def scene(s):
            for seconds in before:
                viewer = s.platform._identities.viewer(f"old {seconds:g}")
                at = s.platform.now() - seconds
                shape = s.platform.options.chat_shape
                s.owl.chat.write(viewer, f"history {seconds:g}", at=at, session_id="", shape=shape)
            s.access.load()
            s.platform.issue_key(s.owl)
            await asyncio.sleep(0.37)
            await s.perform("retake.verification_status")
            await asyncio.sleep(0.81)
            started = await s.perform("retake.start_stream")
            s.platform.viewers.perform(s.owl, Cue(0.0, "first", text="before the opening"))
            await asyncio.sleep(1.0)
            if opening:
                await s.perform("chat.send", message=OPENING)
            s.platform.viewers.perform(s.owl, Cue(0.0, "second", text="behind the opening"))
            await asyncio.sleep(silent)
            memory = {}
            async with AsyncExitStack() as scope:
                for number in range(6):
                    inputs = {"since": started.value["started_at"], "responder": {"command": ["brain"]}}
                    done = await s.perform("chat.respond", memory, scope, **inputs)
                    memory = json.loads(json.dumps(done.memory))
                    s.platform.viewers.perform(s.owl, Cue(0.0, "later", text=f"later {number}"))
                    await asyncio.sleep(3.0)
            return memory

        play(scene, saved=owl, brain=brain, hears=hears, **options)
        return [message.text for batch in brain.asked for message in batch.messages]

    return streaming


NEWS = ["before the opening", "behind the opening", *(f"later {number}" for number in range(5))]


@pytest.mark.parametrize("hears", [False, True], ids=["asked", "asked and heard"])
@CLOCKS
@SHAPES
def test_history_ends_where_the_stream_begins(streaming, shape, clock, hears):
    """What was written two seconds before is not answered, what is written right after it is."""
    assert streaming(clock=clock, chat_shape=shape, hears=hears) == NEWS


@CLOCKS
def test_its_own_words_tell_the_time_where_no_answer_does(streaming, clock):
    """Without a `Date` the clock that dates the chat is known by the agent's own message."""
    assert streaming(clock=clock, date=False) == NEWS


@CLOCKS
def test_without_own_words_the_answers_tell_the_time(streaming, clock):
    """A flow may say nothing at first."""
    assert streaming(clock=clock, opening=False) == NEWS


@pytest.mark.parametrize("clock", [75.0, -75.0, 600.0, -600.0])
def test_where_nothing_tells_the_time_nobody_is_silenced(streaming, clock):
    """No `Date`, nothing said: at worst what was there at the first reading is taken for history, and nothing after."""
    heard = streaming(clock=clock, opening=False, date=False)
    assert heard[-5:] == NEWS[-5:]
    if clock > 0:
        assert heard[-7:] == NEWS


def test_a_chat_without_dates_begins_with_its_own_words(streaming, monkeypatch):
    """Nobody can tell when anything was written; what stands behind the opening is new."""
    told = Comment.as_json
    monkeypatch.setattr(
        Comment, "as_json", lambda c, names="registered": {k: v for k, v in told(c, names).items() if k != "timestamp"}
    )
    assert streaming() == NEWS[1:]


@pytest.mark.parametrize("odd", ["0", "not a time", None, {"$date": None}, ["x"]])
def test_odd_dates_of_a_few(streaming, monkeypatch, odd):
    """An entry without a readable date is what its neighbours are."""
    told = Comment.as_json

    def as_json(comment, names="registered"):
        entry = told(comment, names)
        return {**entry, "timestamp": odd} if comment.text in ("history 30", "later 2", "behind the opening") else entry

    monkeypatch.setattr(Comment, "as_json", as_json)
    assert streaming() == NEWS


def test_one_wrong_date_among_the_answers(streaming, monkeypatch):
    """A cache, or a machine whose clock is off, answers now and then."""
    from retake_flow.rehearsal.http.middleware import Gateway

    dated, calls = Gateway._with_date, []

    def wrong(gateway, message):
        calls.append(message)
        found = dated(gateway, message)
        if len(calls) == 2:
            headers = [(n, v) for n, v in found["headers"] if n != b"date"]
            return {**found, "headers": [*headers, (b"date", b"Thu, 01 Jan 2026 01:00:00 GMT")]}
        return found

    monkeypatch.setattr(Gateway, "_with_date", wrong)
    assert streaming(clock=75.0) == NEWS
    assert len(calls) > 2


def test_a_chat_that_is_listed_late(streaming, monkeypatch):
    """The first answers about the chat are empty; what then is there of history is none the less."""
    from retake_flow.rehearsal.state.platform import Platform

    listed, calls = Platform.comments, []

    def late(platform, user_id, limit, before_id):
        calls.append(user_id)
        return listed(platform, user_id, limit, before_id) if len(calls) > 2 else []

    monkeypatch.setattr(Platform, "comments", late)
    assert streaming(clock=-75.0) == NEWS


def _message(number, at):
    entry = {"chat_event_id": str(number), "text": f"#{number}", **({} if at is None else {"timestamp": str(at)})}
    found = read_message(entry)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("times", "first_own", "old"),
    [
        ([], None, []),
        ([None, None], None, []),
        ([None, None, None], 1, [0]),
        ([None, 1_700_000_000, None, 1_800_000_000, None], None, [0, 1]),
        ([1_700_000_000, None, 1_700_000_001, None], None, [0, 1, 2]),
        ([1_700_000_000, 1_700_000_001, 1_700_000_002], 1, [0]),
    ],
)
def test_an_undated_entry_is_what_its_neighbours_are(times, first_own, old):
    """Between history and news it is new; behind the agent's first words everything is."""
    messages = [_message(number, at) for number, at in enumerate(times)]
    history = History(since=1_750_000_000.0)
    assert [int(m.id) for m in history.begin(messages, 0.0, first_own)] == old
