"""The chat of a run is read from a message on, and nothing before it."""

from __future__ import annotations

import pytest
from store_samples import a_run, created, said

from retake_flow.errors import UsageError
from retake_flow.monitor.chat_inbox import ChatInbox
from retake_flow.run.records import Record
from retake_flow.store.memory import MemoryRuns


class CountingRuns(MemoryRuns):
    """A store that knows how many records were read."""

    read = 0

    def journal(self, *arguments: object, **named: object) -> list[tuple[int, Record]]:
        """Read, and count."""
        found = super().journal(*arguments, **named)
        self.read += len(found)
        return found


def chat(store: MemoryRuns, messages: int) -> str:
    """A run whose viewers wrote so many messages; gives its id."""
    claim = created(store)
    for number in range(messages):
        about = {"id": f"m{number}", "author": "mira", "kind": "message", "text": f"{number}"}
        claim.write(a_run(), [said("activity_result"), said("chat_message", **about, newcomer=number == 0)])
    return a_run().id


def test_what_came_after_a_message_is_read_once() -> None:
    """Nothing twice, nothing missed, whoever is new is marked; an unknown id is refused."""
    store = CountingRuns()
    run = chat(store, 300)
    everything = ChatInbox(store, run, "").messages
    assert [each["id"] for each in everything] == [f"m{number}" for number in range(300)]
    assert [each["id"] for each in everything if each["newcomer"]] == ["m0"]
    for after in (0, 1, 150, 236, 298, 299):
        rest = ChatInbox(store, run, f"m{after}").messages
        assert [each["id"] for each in rest] == [f"m{number}" for number in range(after + 1, 300)]
    for unknown in ("m300", "nothing"):
        with pytest.raises(UsageError, match="has read no message"):
            ChatInbox(store, run, unknown)


def test_a_long_chat_is_not_read_again() -> None:
    """Two messages after the last that was read cost a few records, however many came before."""
    store = CountingRuns()
    run = chat(store, 5_000)
    store.read = 0
    assert len(ChatInbox(store, run, "m4997").messages) == 2
    assert store.read <= 64


def test_a_damaged_message_keeps_no_other_from_being_read() -> None:
    """What is missing in it stays empty."""
    store = MemoryRuns()
    whole = {"id": "m1", "author": "mira", "kind": "tip", "text": "for you", "amount": 5, "currency": "USDC"}
    created(store).write(a_run(), [said("chat_message", amount="much"), said("chat_message", **whole)])
    broken, tip = ChatInbox(store, a_run().id, "").messages
    assert (broken["id"], broken["author"], broken["text"], broken["paid"]) == ("", "", "", None)
    assert tip["paid"] == {"amount": 5, "currency": "USDC"}
    assert ChatInbox(store, a_run().id, "m1").messages == []
