"""What is known of a chat stays small, and survives as plain data."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from retake_flow.actions.chat.conversation import current_snapshot
from retake_flow.actions.chat.inbox import MOST_ASKED, Inbox
from retake_flow.api.chat import ChatMessage


def message(number, text="hi", name=None, wallet=""):
    """An entry of a chat."""
    who = name or f"viewer {number}"
    at = datetime.fromtimestamp(1_800_000_000 + number, UTC)
    return ChatMessage(f"{number}", "message", text, who, who, f"user {who}", wallet, at)


def inbox(kept=None):
    """As a performance begins with it."""
    return Inbox(kept or {}, 5.0)


def again(chat):
    """After a crash."""
    return inbox(json.loads(json.dumps(chat.snapshot())))


def is_new(chat, message):
    """Take a message in; gives whether its author is new."""
    chat.add(message)
    return chat.unanswered[-1].newcomer


def test_it_is_plain_data():
    """All of it comes back the same."""
    chat = inbox()
    for number in range(30):
        (chat.add_own if number % 3 == 0 else chat.add)(message(number))
    chat.fail(chat.batch("owl", {}, ""))
    assert chat.snapshot()["due"]
    assert again(chat).snapshot() == chat.snapshot()


def test_newcomers_are_known_by_any_of_their_names():
    """Each shape tells something else; a crash forgets nobody."""
    chat = inbox()
    assert is_new(chat, message(1, name="Mira", wallet="W"))
    chat = again(chat)
    assert not is_new(chat, message(2, name="mira"))
    assert not is_new(chat, message(3, name="other", wallet="W"))
    assert is_new(chat, message(4, name="ade"))


def test_a_batch_is_no_larger_than_can_be_read():
    """The rest is the next one."""
    chat = inbox()
    for number in range(MOST_ASKED + 5):
        chat.add(message(number))
    first = chat.batch("owl", {}, "")
    chat.settle(first)
    second = chat.batch("owl", {}, "")
    assert [len(first.messages), len(second.messages)] == [MOST_ASKED, 5]
    assert not {m.id for m in second.recent} & {m.id for m in second.messages}


def test_too_much_that_waits_is_let_go_of():
    """By number and by length, the oldest first."""
    chat = inbox()
    for number in range(1_005):
        chat.add(message(number))
    assert chat.drop_oldest() == [f"{number}" for number in range(5)]
    assert chat.drop_oldest() == []
    for number in range(200):
        chat.add(message(number, "x" * 2_000))
    chat.drop_oldest()
    assert sum(len(m.text) for m in chat.unanswered) <= 250_000


def test_a_thousand_viewers_an_hour_take_little_room_and_little_time():
    """What is kept is bounded, and taking it up is quick."""
    chat = inbox()
    for number in range(12_000):
        chat.dedup.read([message(number, "what is that? " * 5)], "poll", float(number), both=True)
        chat.add(message(number, "what is that? " * 5))
        chat.unanswered.clear()
        chat.take_due()
    text = json.dumps(chat.snapshot())
    assert len(text) < 150_000
    began = time.process_time()
    for _ in range(20):
        again(chat)
    assert time.process_time() - began < 20


def test_an_old_memory_is_taken_up():
    """Who was known and what was read stays so."""
    old = {"seen": ["1"], "known": ["mira"], "recent": [], "unanswered": [], "unsaid": ["a"], "last": 3.0, "since": 1.0}
    kept = current_snapshot(old)
    chat = inbox(kept["inbox"])
    assert chat.dedup.has_read(message(1))
    assert not is_new(chat, message(2, name="mira"))
    assert (kept["outbox"]["waiting"], chat.last, chat.history.since) == (["a"], 3.0, 1.0)
