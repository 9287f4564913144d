"""What others ask and answer, passed on once; and events in the order of their urgency."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from retake_flow.engine.driver.mailbox import InboxWatch, Mailbox
from retake_flow.ports.runs import Request
from retake_flow.run import events
from retake_flow.run.errors import Fenced
from retake_flow.run.gates import Answer
from retake_flow.whatif import virtual_time

ANSWER = Answer("", {}, "ann", "test", 1.0)


class Box:
    """What others left."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answered: dict[str, Answer] = {}
        self.befallen: list[str] = []

    def requests(self, *, fresh: bool = False) -> list[Any]:
        asked, self.asked = self.asked, []
        return asked

    def answers(self, *, fresh: bool = False) -> dict[str, Answer]:
        return dict(self.answered)

    def on_news(self, wake: Callable[[], None]) -> bool:
        return False

    def look_within(self) -> float:
        return inf

    def troubles(self) -> list[str]:
        told, self.befallen = self.befallen, []
        return told


def watched(box: Any) -> tuple[InboxWatch, list[Any]]:
    """A watch, and what it passes on."""
    heard: list[Any] = []
    return InboxWatch(box, heard.append, heard.append, lambda: heard.append("kill"), heard.append, heard.append), heard


def test_requests_are_passed_on_in_their_order() -> None:
    """A stop says where it comes from, and is heard once; a kill just kills; no request is an answer."""
    box = Box()
    watch, heard = watched(box)
    box.asked = [Request("stop"), Request("say", {"text": "hi"}, 2), Request("stop"), Request("kill")]
    assert watch.look({}) is False
    assert heard == ["stopped from another process", Request("say", {"text": "hi"}, 2), "kill"]


def test_an_answer_is_passed_on_once() -> None:
    """As long as its question is open it is not passed on again; that of another question is not at all."""
    box = Box()
    watch, heard = watched(box)
    box.answered = {"a.1": ANSWER, "b.1": ANSWER}
    assert watch.look({"a.1"}) is True
    assert watch.look({"a.1"}) is False
    assert heard == [events.GateAnswered("a.1", ANSWER)]


def test_what_befalls_the_store_is_told_once() -> None:
    """As a sentence for people, at the next look."""
    box = Box()
    watch, heard = watched(box)
    box.befallen = ["the store is gone"]
    watch.look({})
    watch.look({})
    assert heard == ["the store is gone"]


def test_a_question_that_is_asked_anew_can_be_answered_anew() -> None:
    """A question about a crash can have the name of an earlier one, whose answer was taken."""
    box = Box()
    watch, heard = watched(box)
    box.answered = {"a.1": ANSWER}
    watch.look({"a.1"})
    box.answered = {}
    watch.look({})
    box.answered = {"a.1": ANSWER}
    assert watch.look({"a.1"}) is True
    assert len(heard) == 2


def test_who_was_overtaken_is_told_and_looks_no_more() -> None:
    """The watch ends and keeps why."""

    class Overtaken(Box):
        def requests(self, *, fresh: bool = False) -> list[Any]:
            raise Fenced

    watch, _ = watched(Overtaken())
    failed: list[bool] = []
    virtual_time.run(watch.watch(dict, virtual_time.VirtualClock(), lambda: failed.append(True)))
    assert isinstance(watch.failure, Fenced)
    assert failed == [True]


def taken(mailbox: Mailbox, stay: Callable[[], bool] = lambda: False) -> events.Event | None:
    """The next event."""
    return asyncio.run(mailbox.next(stay))


def test_urgent_events_go_first_each_kind_in_its_order() -> None:
    """A stop overtakes what waits, but not another urgent one."""
    mailbox = Mailbox()
    plain = [events.TimerFired("a", number, "wait") for number in (2, 1)]
    urgent = [events.StopRequested("z"), events.StopRequested("a")]
    for event in plain:
        mailbox.post(event)
    for event in urgent:
        mailbox.post(event, urgent=True)
    assert [taken(mailbox) for _ in range(5)] == [*urgent, *plain, None]


@pytest.mark.parametrize("stays", [True, False])
def test_an_event_that_is_found_while_asking_whether_to_stay_is_taken(stays: bool) -> None:
    """Looking once more before leaving must not lose what it finds."""
    mailbox = Mailbox()

    def stay() -> bool:
        mailbox.post(events.StopRequested())
        return stays

    assert taken(mailbox, stay) == events.StopRequested()


def test_who_waits_is_asked_again_when_woken() -> None:
    """A waker has whoever waits decide anew."""

    async def scene() -> events.Event | None:
        mailbox = Mailbox()
        answers = iter([True, True, False])
        for seconds in (1, 2):
            asyncio.get_running_loop().call_later(seconds, mailbox.wake)
        found = await mailbox.next(lambda: next(answers))
        assert asyncio.get_running_loop().time() == 2
        return found

    assert virtual_time.run(scene()) is None
