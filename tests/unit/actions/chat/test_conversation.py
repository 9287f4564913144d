"""What is known of a chat stays small, and survives as plain data."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from retake_flow.actions.chat.conversation import MOST_ASKED, Conversation
from retake_flow.api.chat import ChatMessage
from retake_flow.ports.actions import Call


def message(number, text="hi", name=None, wallet=""):
    """An entry of a chat."""
    who = name or f"viewer {number}"
    at = datetime.fromtimestamp(1_800_000_000 + number, UTC)
    return ChatMessage(f"{number}", "message", text, who, who, f"user {who}", wallet, at, "")


def conversation(memory=None):
    """As a performance begins with it."""
    return Conversation.of(Call("run", "place", 1, "chat.respond", {"since": 5.0}, memory or {}, "key"))


def again(chat):
    """After a crash."""
    return conversation(json.loads(json.dumps(chat.kept())))


def test_it_is_plain_data():
    """All of it comes back the same."""
    chat = conversation()
    for number in range(30):
        chat.hear(message(number), own=number % 3 == 0)
    chat.speech.wish(["a"])
    chat.due = [("tip", {"amount": 5.0})]
    assert again(chat).kept() == chat.kept()


def test_newcomers_are_known_by_any_of_their_names():
    """Each shape tells something else; a crash forgets nobody."""
    chat = conversation()
    assert chat.hear(message(1, name="Mira", wallet="W"), own=False)
    chat = again(chat)
    assert not chat.hear(message(2, name="mira"), own=False)
    assert not chat.hear(message(3, name="other", wallet="W"), own=False)
    assert chat.hear(message(4, name="ade"), own=False)


def test_a_batch_is_no_larger_than_can_be_read():
    """The rest is the next one."""
    chat = conversation()
    for number in range(MOST_ASKED + 5):
        chat.hear(message(number), own=False)
    first = chat.batch("owl", {}, "")
    chat.answered(first)
    second = chat.batch("owl", {}, "")
    assert [len(first.messages), len(second.messages)] == [MOST_ASKED, 5]
    assert not {m.id for m in second.recent} & {m.id for m in second.messages}


def test_too_much_that_waits_is_let_go_of():
    """By number and by length, the oldest first."""
    chat = conversation()
    for number in range(1_005):
        chat.hear(message(number), own=False)
    assert chat.overflow() == [f"{number}" for number in range(5)]
    assert chat.overflow() == []
    for number in range(200):
        chat.hear(message(number, "x" * 2_000), own=False)
    chat.overflow()
    assert sum(len(m.text) for m in chat.unanswered) <= 250_000


def test_a_thousand_viewers_an_hour_take_little_room_and_little_time():
    """What is kept is bounded, and taking it up is quick."""
    chat = conversation()
    for number in range(20_000):
        chat.ledger.read([message(number, "what is that? " * 5)], "poll", float(number), both=True)
        chat.hear(message(number, "what is that? " * 5), own=False)
        chat.unanswered.clear()
    text = json.dumps(chat.kept())
    assert len(text) < 150_000
    began = time.process_time()
    for _ in range(20):
        again(chat)
    assert (time.process_time() - began) / 20 < 0.1


def test_an_old_memory_is_taken_up():
    """Who was known and what was read stays so."""
    old = {"seen": ["1"], "known": ["mira"], "recent": [], "unanswered": [], "unsaid": ["a"], "last": 3.0, "since": 1.0}
    chat = conversation(old)
    assert chat.ledger.seen(message(1))
    assert not chat.hear(message(2, name="mira"), own=False)
    assert (chat.speech.unsaid, chat.last, chat.history.since) == (["a"], 3.0, 1.0)
