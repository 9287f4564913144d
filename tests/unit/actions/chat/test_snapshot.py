"""The stored state of a chat: read in whatever version it was written."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from retake_flow.actions.chat import snapshot
from retake_flow.actions.chat.inbox import Inbox
from retake_flow.actions.chat.outbox import Outbox
from retake_flow.actions.chat.own_messages import OwnMessages
from retake_flow.actions.chat.responder_task import ResponderTask
from retake_flow.api.chat import ChatMessage
from retake_flow.errors import Damaged, StoreError
from retake_flow.ports.responders import Message

DATA = Path(__file__).parents[3] / "data"
UNVERSIONED = json.loads((DATA / "chat_before_versions.json").read_text(encoding="utf-8"))
NOW = 1767225615.0


def outbox(kept):
    """As a performance begins with it."""
    access = SimpleNamespace(credentials=SimpleNamespace(user_db_id="user_owl"))
    return Outbox(kept, None, OwnMessages(access, lambda: NOW), lambda: NOW)


def test_a_state_from_before_there_were_versions_is_taken_up():
    """What was read, what waits for an answer, what is in doubt, and what is known of authors, oneself and trouble."""
    kept = snapshot.current(UNVERSIONED)
    inbox, out, responder = Inbox(kept["inbox"], None), outbox(kept["outbox"]), ResponderTask(kept["responder"], None)
    assert inbox.recent[1] == Message(
        "98", "ade", "user_fy99f6d8rtpm", "for you", "2026-01-01T00:00:00.000Z", "tip", newcomer=True, amount=5
    )
    assert [message.id for message in inbox.unanswered] == ["103", "104"]
    assert inbox.dedup.has_polled(ChatMessage("97", "message", "hi", "mira", "mira", None, "", None, ""))
    assert (inbox.history.since, inbox.history.before, inbox.last) == (1767225600.0, 1767225600.0, 1767225612.0)
    assert (out.doubt, out.waiting, out.hold) == ("three", ["later"], 1767225611.0)
    assert (inbox.snapshot(), responder.snapshot()) == (kept["inbox"], kept["responder"])
    own = kept["outbox"]["own"] | {"seen": []}  # what was seen is of use only beside the journal
    assert out.snapshot() == kept["outbox"] | {"own": own}
    assert inbox.take_due() == [("tip", {"amount": 5, "author": "ade", "text": "for you", "currency": ""})]


def test_a_current_state_is_taken_as_it_is():
    """And a chat that was never read has none."""
    assert snapshot.current({"version": 2, "inbox": {"last": 5.0}}) == {"version": 2, "inbox": {"last": 5.0}}
    assert snapshot.current({}) == {}


@pytest.mark.parametrize("amount", [5, 5.5, 10**15, 0, None])
def test_an_amount_is_a_number_and_no_time(amount):
    """However large, and as it was: a whole one without a decimal point."""
    inbox = Inbox({}, None)
    inbox.add(ChatMessage("1", "tip", "go", "mira", "mira", None, "", None, "", tip={"amount": amount}))
    [message] = Inbox(json.loads(json.dumps(inbox.snapshot())), None).unanswered
    assert message == inbox.unanswered[0]
    assert repr(message.amount) == repr(amount or 0.0)


@pytest.mark.parametrize(
    ("kept", "error", "message"),
    [
        ({"version": 3}, StoreError, "this chat was written in form 3; this program knows 2"),
        ({"version": "2"}, Damaged, "this is no chat: it is written in form '2'"),
        ({"version": 2, "inbox": {"recent": [{"id": "1"}]}}, Damaged, "this is no chat: .*missing .*'author'"),
    ],
)
def test_another_state_is_refused(kept, error, message):
    """With one message."""
    with pytest.raises(error, match=message):
        Inbox(snapshot.current(kept)["inbox"], None)
