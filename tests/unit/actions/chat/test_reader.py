"""Reading chat by both ways: what was missed comes first, and nothing is asked for more often than it has to be."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from retake_flow.actions.chat.dedup import Dedup, History
from retake_flow.actions.chat.own_messages import OwnMessages
from retake_flow.actions.chat.reader import CALM, Reader
from retake_flow.api.chat import read_comments
from retake_flow.errors import Unavailable
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.testing.fakes.network import FakeRealtime

READS = "GET /agent/stream/comments"


class Activity:
    """Reads as an activity does: every three seconds, or at once when it is woken."""

    def __init__(self, s):
        self.s, self.texts, self.told, self.errors = s, [], [], []
        self.notes = []
        self.woken = asyncio.Event()
        self.reading = Reader(s.access, OwnMessages(s.access, s.now), Dedup({}), History(), s.now, self.woken.set)

    async def read(self, *, fresh=False):
        """Read once, and the rest of it at once, as whoever is woken does."""
        news, error = await self.reading.read(fresh=fresh)
        self.texts += [message.text for _, message in news]
        while self.reading.behind:
            news, _ = await self.reading.read(fresh=False)
            self.texts += [message.text for _, message in news]
        told = self.reading.take_notes()
        self.notes += told
        self.told += [(event, fields.get("state")) for event, fields in told]
        if error is not None:
            self.errors.append(error)

    async def go_on(self, seconds):
        """Read for so long."""
        end = self.s.now() + seconds
        while self.s.now() < end:
            self.woken.clear()
            await self.read()
            try:
                async with asyncio.timeout(min(3.0, end - self.s.now())):
                    await self.woken.wait()
            except TimeoutError:
                pass

    def says(self, text, **more):
        """A viewer writes."""
        self.s.platform.viewers.perform(self.s.owl, Cue(0.0, "mira", text=text, **more))

    @property
    def asked(self):
        """How often the chat was asked for."""
        return sum(call.path.endswith("comments") for call in self.s.calls)


@pytest.fixture
def reading(play, owl):
    """Plays a scene with a reader, which hears of what happens unless it is told not to."""

    def reading(scene, *, hears=True, **options):
        async def main(s):
            s.access.load()
            s.platform.issue_key(s.owl)
            s.platform.start(s.owl)
            async with AsyncExitStack() as scope:
                reader = Activity(s)
                scope.push_async_callback(reader.reading.close)
                if hears:
                    await reader.reading.open(FakeRealtime(s.platform).open, scope)
                return await scene(reader)

        return play(main, saved=owl, **options)

    return reading


def test_what_is_heard_is_read_at_once_and_asked_for_seldom(reading):
    """The reader is woken, and between two questions are as many seconds as may be."""

    async def scene(reader):
        await reader.go_on(5.0)
        before = reader.asked
        began = reader.s.now()
        for number in range(30):
            reader.says(f"{number}")
            reader.woken.clear()
            await reader.woken.wait()
            await reader.read()
            assert reader.texts[-1] == f"{number}"
            await asyncio.sleep(1.0)
        return reader.asked - before, reader.s.now() - began, reader.told

    asked, seconds, told = reading(scene)
    assert asked <= seconds / CALM + 1
    assert told == [("chat_realtime", "connected")]


def test_what_was_there_before_the_connection_comes_first(reading):
    """Messages that are heard wait until it was asked what came before them."""

    async def scene(reader):
        reader.says("before")
        await reader.read()
        reader.says("between")
        await asyncio.sleep(0.2)
        reader.says("heard")
        await reader.read()
        early = list(reader.texts)
        await reader.go_on(4.0)
        return early, reader.texts

    assert reading(scene) == (["before"], ["before", "between", "heard"])


def test_what_was_missed_in_a_gap_comes_first(reading):
    """After the connection has come back, in the order of the chat."""

    async def scene(reader):
        await reader.go_on(5.0)
        reader.says("heard")
        await asyncio.sleep(0.0)
        reader.s.platform.rooms.drop()
        await asyncio.sleep(0.5)
        reader.says("missed")
        await asyncio.sleep(1.0)
        reader.says("heard again")
        await reader.go_on(5.0)
        return reader.texts, [state for _, state in reader.told]

    texts, states = reading(scene)
    assert texts == ["heard", "missed", "heard again"]
    assert states == ["connected", "lost", "connected"]


def test_without_a_connection_chat_is_asked_for_each_time(reading):
    """And that there is none is told once."""

    async def scene(reader):
        await reader.go_on(30.0)
        return reader.asked, reader.told

    assert reading(scene, realtime=False) == (10, [("chat_realtime", "absent")])


def test_a_chat_that_cannot_be_asked_for_is_asked_for_less_and_less_often(reading):
    """While what is heard is given out after the second failure."""

    async def scene(reader):
        reader.says("before")
        await asyncio.sleep(0.5)
        reader.says("heard")
        await reader.go_on(120.0)
        return reader.texts, len(reader.errors)

    texts, failures = reading(scene, faults=(Fault(READS, status=503, times=None),))
    assert texts == ["heard"]
    assert 3 <= failures <= 10


def test_what_is_heard_does_not_wait_for_what_is_asked_for(reading):
    """A platform that answers slowly holds up nobody who was heard."""
    slow = Fault(READS, delay=8.0, times=None, after=4)

    async def scene(reader):
        await reader.go_on(5.0)
        waits = []
        for number in range(30):
            reader.says(f"{number}")
            began = reader.s.now()
            while f"{number}" not in reader.texts:
                reader.woken.clear()
                await reader.woken.wait()
                await reader.read()
            waits.append(reader.s.now() - began)
            await asyncio.sleep(0.9)
        return max(waits), reader.texts

    longest, texts = reading(scene, faults=(slow,))
    assert longest < 0.3
    assert texts == [f"{number}" for number in range(30)]


def test_a_wish_to_wait_is_heard(reading):
    """Nobody asks a platform again that has asked to slow down."""
    busy = Fault(READS, status=429, headers={"Retry-After": "90"}, after=2)

    async def scene(reader):
        await reader.go_on(20.0)
        before = reader.asked
        reader.says("heard")
        await reader.go_on(60.0)
        return reader.asked - before, reader.texts

    assert reading(scene, faults=(busy,)) == (0, ["heard"])


def test_it_is_asked_afresh_when_that_is_wished(reading):
    """But not twice within a moment."""

    async def scene(reader):
        await reader.go_on(6.0)
        before = reader.asked
        for _ in range(5):
            await reader.read(fresh=True)
        return reader.asked - before

    assert reading(scene) <= 1


def test_one_message_out_of_place_ends_no_paging(reading):
    """A pinned one that was read long ago stands among the newest; a burst behind it is read whole all the same."""

    async def scene(reader):
        reader.says("pinned")
        await reader.read()
        (pinned,) = [c for c in reader.s.owl.chat.comments if c.text == "pinned"]
        for number in range(120):
            reader.says(f"{number}")
        listed = reader.s.platform.comments

        def page(user, limit, before):
            found = [c for c in listed(user, limit, before) if c.id != pinned.id]
            return [pinned, *found] if before is None else found

        reader.s.platform.comments = page
        await asyncio.sleep(3.0)
        await reader.read()
        return reader.texts

    assert sorted(reading(scene, hears=False)[1:], key=int) == [f"{number}" for number in range(120)]


def test_more_than_can_be_paged_is_told(reading, monkeypatch):
    """A gap is no secret."""
    monkeypatch.setattr("retake_flow.actions.chat.reader.MOST_PAGES", 2)

    async def scene(reader):
        await reader.read()
        for number in range(400):
            reader.says(f"{number}")
        await asyncio.sleep(3.0)
        await reader.read()
        return reader.told, len(reader.texts)

    assert reading(scene, hears=False) == ([("chat_gap", None)], 150)


def test_nobody_is_woken_after_the_end(reading):
    """Timers end with the scope."""

    @asynccontextmanager
    async def chatty(rooms, listener):
        listener.on_connected()
        listener.on_event("message", [{"id": 1, "text": "hi"}])
        yield

    async def scene(reader):
        async with AsyncExitStack() as scope:
            scope.push_async_callback(reader.reading.close)
            await reader.reading.open(chatty, scope)
        await asyncio.sleep(10.0)
        return reader.woken.is_set()

    assert reading(scene, hears=False) is False


def test_an_error_is_given_and_not_raised(reading):
    """Whoever reads decides what it means."""

    async def scene(reader):
        await reader.read()
        return reader.errors

    (error,) = reading(scene, hears=False, faults=(Fault(READS, status=500, times=None),))
    assert isinstance(error, Unavailable)


class Answers:
    """A platform whose chat is what it is told to be."""

    def __init__(self, monkeypatch, entries):
        self.entries, self.before = entries, []

        async def comments(client, user_id, limit=50, before=None):
            self.before.append(before)
            return await read_comments(self.entries)

        monkeypatch.setattr("retake_flow.api.client.RetakeClient.comments", comments)


def entry(key, text="hi"):
    """A comment as it was observed live."""
    return {"chat_event_id": key, "sender_username": "mira", "text": text, "timestamp": "1"}


@pytest.mark.parametrize("key", ["x" * 65_536, None, [], {"$oid": "1"}, 1e400])
def test_a_message_whose_id_is_none_is_told_once_and_the_others_are_read(reading, monkeypatch, key):
    """However often the chat is asked for."""

    async def scene(reader):
        answers = Answers(monkeypatch, [entry("2", "two"), entry(key), entry("1", "one")])
        for number in range(4):
            await reader.read(fresh=True)
            await asyncio.sleep(3.0)
            answers.entries = [entry(f"new {number}", f"{number}"), *answers.entries]
        told = [fields for event, fields in reader.notes if event == "chat_unreadable"]
        assert all(before is None or len(before) < 300 for before in answers.before)
        return reader.texts, told

    texts, told = reading(scene, hears=False)
    assert texts == ["one", "two", "0", "1", "2"]
    assert [fields["messages"] for fields in told] == [1]


@pytest.mark.parametrize("payload", [5, "text", None, [], {"message": []}, {"data": {}}])
def test_what_is_heard_and_nobody_can_read_is_passed_over(reading, payload):
    """Whatever an event carries, those behind it are heard; what has no id of its own is known by what it says."""

    async def scene(reader):
        reader.reading.on_event("message", [payload])
        reader.reading.on_event("message", [])
        reader.reading.on_event("message", [{"_id": "x" * 65_536, "text": "long id"}])
        reader.reading.on_event("message", [{"_id": "x" * 65_536, "text": "long id"}])
        reader.reading.on_event("message", [entry("1", "one")])
        await reader.go_on(4.0)
        return reader.texts

    texts = reading(scene, hears=False)
    assert [text for text in texts if text] == ["long id", "one"]


def test_a_flood_is_read_in_turns_and_in_order(reading, monkeypatch):
    """Of 2,500 new messages on a page none is lost or read twice, and others have their turn between fifty of them."""

    async def scene(reader):
        Answers(monkeypatch, [entry(f"{n}", f"{n}") for n in range(2_500, 0, -1)])
        rounds = []
        for _ in range(60):
            news, error = await reader.reading.read(fresh=False)
            assert error is None
            rounds.append([message.text for _, message in news])
            await asyncio.sleep(0.1)
        await asyncio.sleep(3.0)
        again, _ = await reader.reading.read(fresh=True)
        return rounds, again

    rounds, again = reading(scene, hears=False)
    assert [text for texts in rounds for text in texts] == [f"{n}" for n in range(1, 2_501)]
    assert max(map(len, rounds)) <= 50
    assert again == []


def test_what_is_heard_in_a_flood_waits_for_what_was_asked_for(reading, monkeypatch):
    """What is heard while a long page is given out comes behind it."""

    async def scene(reader):
        Answers(monkeypatch, [entry(f"{n}", f"{n}") for n in range(120, 0, -1)])
        texts = []
        for number in range(10):
            reader.reading.on_event("message", [entry(f"heard {number}", f"heard {number}")])
            texts += [m.text for _, m in (await reader.reading.read(fresh=False))[0]]
        return texts

    texts = reading(scene, hears=False)
    assert texts == [*(f"{n}" for n in range(1, 121)), *(f"heard {n}" for n in range(10))]


def test_pages_without_end_are_read_back_so_far_and_told(reading, monkeypatch):
    """A platform that gives new messages for every page is not asked for ever."""

    async def scene(reader):
        numbers = iter(range(10**6))

        class Endless(Answers):
            entries = property(lambda _: [entry(f"{next(numbers)}") for _ in range(1_000)], lambda _, __: None)

        Endless(monkeypatch, None)
        await reader.read()
        return len(reader.texts), [event for event, _ in reader.told]

    count, told = reading(scene, hears=False)
    assert count == 5_000
    assert told == ["chat_gap"]
