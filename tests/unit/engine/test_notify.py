"""Word to people: who hears what of a run, and how it gets through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from retake_flow.engine.notify import QUIET, RESENT, SAME_WITHIN, Notices
from retake_flow.errors import NoticeFailed, StoreError
from retake_flow.ports.notices import Notice
from retake_flow.run.errors import Fenced
from retake_flow.run.records import Record, record
from retake_flow.run.stats import Stats
from retake_flow.whatif.virtual_time import EPOCH, VirtualClock, run

GATE: dict[str, Any] = {
    "gate": "approve.1",
    "message": "May I go live?",
    "schema": {},
    "audience": "operator",
    "answer_with": "retake-flow answer r approve.1 --decision yes",
}


class Channel:
    """A channel that keeps what it takes, and refuses or takes its time by script.

    Attributes:
        got: What arrived, each with the second of virtual time.
        tries: When something was tried to be delivered.
        fails: What the next deliveries raise; afterwards they succeed.
        takes: How long a delivery takes.
    """

    def __init__(self, audience: str = "operator", name: str = "json", *, takes: float = 0.0) -> None:
        self.channel, self.audience, self.takes = name, audience, takes
        self.got: list[tuple[float, Notice]] = []
        self.tries: list[float] = []
        self.fails: list[Exception] = []

    async def send(self, notice: Notice) -> None:
        """As the protocol."""
        self.tries.append(now())
        await asyncio.sleep(self.takes)
        if self.fails:
            raise self.fails.pop(0)
        self.got.append((now(), notice))

    @property
    def notices(self) -> list[Notice]:
        """What arrived."""
        return [notice for _, notice in self.got]

    def texts(self) -> list[str]:
        """The texts that arrived."""
        return [notice.text for notice in self.notices]


class Journal:
    """Keeps what is noted, and hands it to the listener, as the runner does."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.refuses: Exception | None = None
        self.listener: Notices | None = None

    def note(self, event: str, **fields: object) -> None:
        """Write a record."""
        if self.refuses is not None:
            raise self.refuses
        self.records.append(record(event, VirtualClock().now(), **fields))
        assert self.listener is not None
        self.listener.on_record(self.records[-1])

    def of(self, event: str) -> list[dict[str, Any]]:
        """What the records of that name say."""
        said = [record for record in self.records if record["event"] == event]
        return [{key: value for key, value in record.items() if key not in ("t", "event")} for record in said]


def now() -> float:
    """The second of virtual time."""
    return round(asyncio.get_running_loop().time(), 3)


def notify(notices: Notices, event: str, **fields: Any) -> None:
    """Let a record be heard."""
    notices.on_record(record(event, EPOCH, **fields))


def told(notices: Notices, *texts: str) -> None:
    """Let somebody be told something that is never gathered."""
    for text in texts:
        notify(notices, "notice", kind="live", message=text)


def play(
    *channels: Channel,
    scene: Callable[[Notices], Awaitable[object]] | None = None,
    records: list[tuple[str, dict[str, Any]]] | None = None,
    journal: Journal | None = None,
    page: str = "",
) -> Journal:
    """Let records be heard, then a scene be played, and the notices be closed; nothing is left then."""
    journal = journal or Journal()

    async def all_of_it() -> None:
        notices = Notices(channels, clock=VirtualClock(), note=journal.note, title="owl", page=page)
        journal.listener = notices
        for event, fields in records or []:
            notify(notices, event, **fields)
        if scene is not None:
            await scene(notices)
        await notices.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "something is left"

    run(all_of_it())
    return journal


def failing(times: int) -> list[Exception]:
    """So many failures."""
    return [NoticeFailed("it said no") for _ in range(times)]


# --- who hears what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kind"), [("gate_opened", "gate"), ("gate_reminder", "reminder"), ("gate_escalated", "escalation")]
)
def test_a_question_says_what_is_asked_and_how_to_answer(event: str, kind: str) -> None:
    """A question, its reminder and its escalation bear the message, the command that answers, and the gate's id."""
    channel = Channel()
    play(channel, records=[(event, GATE)])
    (notice,) = channel.notices
    assert (notice.kind, notice.about, notice.audience) == (kind, "approve.1", "operator")
    assert notice.title.startswith("owl: ")
    assert notice.text == "May I go live?\n\nTo answer:\nretake-flow answer r approve.1 --decision yes"


def test_a_question_bears_the_link_to_its_page() -> None:
    """If there is a page; the link leads to the question itself."""
    channel = Channel()
    play(
        channel, records=[("gate_opened", {**GATE, "gate": "on/on_air:a b.1"})], page="https://page.example.org/runs/r"
    )
    assert channel.notices[0].text.endswith("\n\nOr open https://page.example.org/runs/r#gate-on/on_air:a%20b.1")


@pytest.mark.parametrize(
    ("event", "fields", "kind", "said"),
    [
        ("notice", {"kind": "told", "message": "hello"}, "told", "owl|hello"),
        ("notice", {"kind": "live", "message": "at https://…"}, "live", "owl: live|at https://…"),
        ("notice", {"kind": "guide_changed", "message": "2.2"}, "trouble", "owl: guide changed|2.2"),
        ("notice", {"kind": "recovered", "message": "back"}, "recovered", "owl: recovered|back"),
        ("notice", {"kind": "tip", "message": "ann tips 5"}, "tip", "owl: tip|ann tips 5"),
        ("notice", {"kind": "milestone", "message": "25 watch"}, "milestone", "owl: milestone|25 watch"),
        ("notice", {"kind": "warning", "message": "ends soon"}, "warning", "owl: warning|ends soon"),
        ("error", {"place": "p", "kind": "k", "message": "m", "hint": ""}, "trouble", "owl: trouble in p|m"),
        ("error", {"place": "p", "kind": "k", "message": "m", "hint": "h"}, "trouble", "owl: trouble in p|m\nh"),
        (
            "error",
            {"place": "p", "kind": "k", "message": "m", "hint": "", "failures": 3},
            "trouble",
            "owl: trouble in p|m",
        ),
        (
            "undo_finished",
            {"state": "s", "action": "a.b", "outcome": "error.unavailable", "message": "it may still be open"},
            "trouble",
            "owl: not taken back|it may still be open",
        ),
        (
            "activity_ended",
            {"activity": "air:encoder", "visit": 1, "outcome": "exited", "reason": "ffmpeg ended"},
            "trouble",
            "owl: trouble in air:encoder|it ended: ffmpeg ended",
        ),
        (
            "run_resumed",
            {"run": "r", "state": "air", "died": True},
            "trouble",
            "owl: resumed|The process that drove it had died; the run has been resumed.",
        ),
        (
            "run_ended",
            {"run": "r", "outcome": "failed", "state": "not_live", "reason": "no key"},
            "ended",
            "owl: failed|It ended in not_live.\nno key",
        ),
        (
            "run_ended",
            {"run": "r", "outcome": "killed", "state": "", "reason": ""},
            "ended",
            "owl: killed|It ended in no state.",
        ),
    ],
)
def test_what_concerns_people_is_told(event: str, fields: dict[str, Any], kind: str, said: str) -> None:
    """Being live, trouble, a death that was survived, the end, and what the flow wants to be told, are notices."""
    channel = Channel()
    play(channel, records=[(event, fields)])
    (notice,) = channel.notices
    assert (notice.kind, f"{notice.title}|{notice.text}", notice.about) == (kind, said, "")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("state_entered", {"state": "air", "visit": 1}),
        ("activity_ended", {"activity": "a", "visit": 1, "outcome": "error.network"}),
        ("run_resumed", {"run": "r", "state": "air", "died": False}),
        ("gate_opened", {"gate": "of another form"}),
        ("error", {"place": "p", "kind": "k", "message": "m", "hint": "", "failures": 1}),
        ("error", {"place": "p", "kind": "k", "message": "m", "hint": "", "failures": 2}),
        ("undo_finished", {"state": "s", "action": "a.b", "outcome": "done", "result": {}}),
        ("notice_sent", {"kind": "told", "about": "", "channel": "json"}),
        ("notice_failed", {"kind": "told", "about": "", "channel": "json", "message": "no", "again_in": 5.0}),
    ],
)
def test_the_rest_is_nobodys_concern(event: str, fields: dict[str, Any]) -> None:
    """Other records, ones of an unknown form, and those about notices themselves, are no notices."""
    channel = Channel()
    play(channel, records=[(event, fields)])
    assert channel.tries == []


def test_each_audience_has_its_channels() -> None:
    """A notice goes to all channels of its audience, and to nobody else."""
    operator, owner, phone = Channel(), Channel("owner"), Channel("owner", "sms (owner)")
    play(operator, owner, phone, records=[("gate_escalated", {**GATE, "audience": "owner"})])
    assert (len(operator.got), len(owner.got), len(phone.got)) == (0, 1, 1)
    assert owner.notices[0].audience == "owner"


def test_an_audience_without_a_channel_is_told_through_the_operator() -> None:
    """Whom nobody gave an address for, is told by way of the operator."""
    operator, owner = Channel(), Channel("owner")
    play(operator, owner, records=[("gate_escalated", {**GATE, "audience": "boss"})])
    assert (len(operator.got), len(owner.got)) == (1, 0)


def test_what_is_shared_goes_to_communities_alone() -> None:
    """It is their own words without the run's name, and without such an address nobody hears it."""
    operator, club = Channel(), Channel("shared", "discord (shared)")
    shared = ("notice", {"kind": "shared", "message": "I'm live"})
    play(operator, club, records=[shared, ("notice", {"kind": "told", "message": "hello"})])
    assert [(notice.title, notice.text) for notice in club.notices] == [("", "I'm live")]
    assert operator.texts() == ["hello"]
    play(operator, records=[shared])
    assert operator.texts() == ["hello"]


STARTED = [
    ("action_started", {"state": "session", "action": "retake.start_stream"}),
    ("action_finished", {"state": "session", "outcome": "done", "result": {}}),
]
STOPPED = ("undo_finished", {"action": "retake.stop_stream", "outcome": "done", "result": {"viewers": 3}})
ENDED = ("run_ended", {"run": "r", "outcome": "completed", "state": "signed_off", "reason": ""})


def test_the_end_of_a_stream_says_what_it_came_to() -> None:
    """How long, how many watched, wrote and tipped, also from before the process died."""
    channel = Channel()

    async def scene(notices: Notices) -> None:
        notices.resend_missed([record(event, EPOCH - 60, **fields) for event, fields in STARTED], ())
        stats = Stats().counting(record(event, EPOCH - 60, **fields) for event, fields in STARTED)
        stats = stats.counting([record(STOPPED[0], EPOCH, **STOPPED[1])])
        notify(notices, STOPPED[0], **STOPPED[1])
        notify(notices, ENDED[0], **ENDED[1], stats=stats.figures(EPOCH))

    play(channel, scene=scene)
    assert channel.texts() == [
        "It ended in signed_off.\nOn air for 1m00s; 3 watching at most; messages: 0; tips: 0; recoveries: 0."
    ]


def test_who_stops_a_stream_is_told_before_it_ends() -> None:
    """A stop is a warning while a stream is on; a run without one is stopped without a word before its end."""
    channel = Channel()
    stop = ("stop_requested", {"reason": "interrupted"})
    play(channel, records=[stop, *STARTED, stop])
    assert [(notice.kind, notice.text) for notice in channel.notices] == [
        ("warning", "The stream ends now: interrupted.")
    ]


def test_what_was_gathered_is_told_before_the_end() -> None:
    """The end is the last that anybody hears."""
    channel = Channel()
    tips = [("notice", {"kind": "tip", "message": text}) for text in ("one", "two")]
    play(channel, records=[*tips, ENDED])
    assert [notice.kind for notice in channel.notices] == ["tip", "tip", "ended"]


BESIDE: dict[str, Any] = {**GATE, "gate": "air:builder.1", "message": "Which way?"}
CLOSED = ("gate_closed", {"gate": "air:builder.1"})
AGAIN = ("gate_opened", {**BESIDE, "gate": "air:builder.2"})


@pytest.mark.parametrize("words", ["Which way?", "Which way, with 7 viewers?"])
def test_a_question_beside_the_states_that_is_put_again_is_not_told_again(words: str) -> None:
    """A stream that recovers asks the same, perhaps with other figures: who was told knows."""
    channel = Channel()
    play(channel, records=[("gate_opened", BESIDE), CLOSED, ("gate_opened", {**AGAIN[1], "message": words})])
    assert [notice.about for notice in channel.notices] == ["air:builder.1"]


def test_one_that_is_put_in_other_words_much_later_is_told() -> None:
    """It is another day, and another question."""
    channel = Channel()

    async def scene(notices: Notices) -> None:
        records = [(0.0, ("gate_opened", BESIDE)), (1.0, CLOSED)]
        later = (SAME_WITHIN + 2, ("gate_opened", {**AGAIN[1], "message": "Which way today?"}))
        for at, (event, fields) in [*records, later]:
            notices.on_record(record(event, EPOCH + at, **fields))

    play(channel, scene=scene)
    assert [notice.about for notice in channel.notices] == ["air:builder.1", "air:builder.2"]


@pytest.mark.parametrize(
    "between",
    [
        ("gate_answered", {"gate": "air:builder.1", "by": "ann", "channel": "web", "decision": "", "fields": {}}),
        ("gate_expired", {"gate": "air:builder.1"}),
        ("gate_opened", {**BESIDE, "message": "Which way now?"}),
    ],
)
def test_one_that_is_a_new_question_is_told(between: tuple[str, dict[str, Any]]) -> None:
    """After an answer, after it has expired, or in other words."""
    channel = Channel()
    play(channel, records=[("gate_opened", BESIDE), between, AGAIN])
    assert channel.notices[-1].about == "air:builder.2"


def test_without_channels_nothing_happens() -> None:
    """A run of which nobody is told is as any other."""
    assert play(records=[("gate_opened", GATE)]).records == []


# --- floods of trouble --------------------------------------------------------------------------------------


def test_a_flood_of_errors_is_one_notice_and_a_count() -> None:
    """The first error is told at once, those of the next ten minutes are counted, and the next one says how many."""
    channel = Channel()

    async def scene(notices: Notices) -> None:
        for second in range(60):
            notify(notices, "error", place="p", kind="k", message=f"no {second}", hint="")
            await asyncio.sleep(1)
        await asyncio.sleep(QUIET - 60)
        ended = {"activity": "a", "outcome": "exited", "reason": "died"}
        notify(notices, "activity_ended", **ended)
        await asyncio.sleep(QUIET)
        notify(notices, "activity_ended", **ended)

    play(channel, scene=scene)
    again = "it ended: died"
    assert channel.texts() == ["no 0", f"{again}\n(59 more since the last such notice)", again]
    assert [at for at, _ in channel.got] == [0, QUIET, 2 * QUIET]


def test_other_notices_come_through_in_a_flood() -> None:
    """While errors are held back, questions and the rest are told."""
    channel = Channel()
    error = {"place": "p", "kind": "k", "message": "m", "hint": ""}
    play(channel, records=[("error", error), ("error", error), ("gate_opened", GATE)])
    assert [notice.kind for notice in channel.notices] == ["trouble", "gate"]


# --- getting through ----------------------------------------------------------------------------------------


def test_a_delivery_is_journalled() -> None:
    """Each delivery is a record: what kind, about which gate, by which channel."""
    journal = play(Channel(name="discord"), records=[("gate_opened", GATE)])
    assert journal.of("notice_sent") == [{"kind": "gate", "about": "approve.1", "channel": "discord"}]


def test_a_failed_delivery_is_journalled_and_tried_again_later_and_later() -> None:
    """A notice that fails is sent after 5 s, 25 s, 2 min, 10 min and then every half hour, until it arrives."""
    channel = Channel()
    channel.fails = failing(7)
    waits = [5.0, 25.0, 125.0, 625.0, 1800.0, 1800.0, 1800.0]

    async def scene(notices: Notices) -> None:
        told(notices, "hello")
        await asyncio.sleep(sum(waits))

    journal = play(channel, scene=scene)
    assert channel.tries == [sum(waits[:number]) for number in range(8)]
    assert [failed["again_in"] for failed in journal.of("notice_failed")] == waits
    assert journal.of("notice_failed")[0] == {
        "kind": "live",
        "about": "",
        "channel": "json",
        "message": "it said no",
        "again_in": RESENT.wait(1),
    }
    assert len(journal.of("notice_sent")) == len(channel.got) == 1


def test_the_order_is_kept_in_each_channel() -> None:
    """What comes after a notice that fails waits for it, and goes out as soon as that has arrived."""
    channel = Channel(takes=1)
    channel.fails = failing(2)

    async def scene(notices: Notices) -> None:
        told(notices, "one", "two")
        await asyncio.sleep(10)
        told(notices, "three")
        await asyncio.sleep(60)

    play(channel, scene=scene)
    assert channel.texts() == ["one", "two", "three"]
    assert [at for at, _ in channel.got] == [33, 34, 35]


def test_a_channel_that_fails_keeps_no_other_from_its_turn() -> None:
    """Only what failed is sent again: a channel that took a notice is left alone."""
    good, bad = Channel(name="good"), Channel(name="bad")
    bad.fails = failing(1)

    async def scene(notices: Notices) -> None:
        told(notices, "hello")
        await asyncio.sleep(60)

    play(good, bad, scene=scene)
    assert (good.tries, bad.tries) == ([0], [0, 5])


def test_a_defect_of_a_channel_is_a_failed_delivery() -> None:
    """A channel that raises what it should not is tried again as any other."""
    channel = Channel()
    channel.fails = [ValueError("oh")]

    async def scene(notices: Notices) -> None:
        told(notices, "hello")
        await asyncio.sleep(6)

    journal = play(channel, scene=scene)
    assert channel.texts() == ["hello"]
    assert journal.of("notice_failed")[0]["message"] == "json has a defect: ValueError: oh"


@pytest.mark.parametrize("refusal", [StoreError("full"), Fenced()])
def test_a_journal_that_takes_nothing_keeps_nobody_from_being_told(refusal: Exception) -> None:
    """When the run cannot be written any more, notices are still delivered, and tried again."""
    channel, journal = Channel(), Journal()
    channel.fails = failing(1)
    journal.refuses = refusal

    async def scene(notices: Notices) -> None:
        told(notices, "one", "two")
        await asyncio.sleep(6)

    play(channel, scene=scene, journal=journal)
    assert channel.texts() == ["one", "two"]


def test_a_defect_in_noting_is_logged_and_ends_no_delivery(caplog: pytest.LogCaptureFixture) -> None:
    """A defect where a delivery is noted is not hidden, and the notices go on."""
    channel, journal = Channel(), Journal()
    journal.refuses = TypeError("oh")
    with caplog.at_level(logging.ERROR):
        play(channel, records=[("notice", {"kind": "told", "message": text}) for text in "ab"], journal=journal)
    assert channel.texts() == ["a", "b"]
    assert "notice_sent could not be noted" in caplog.text


# --- closing ------------------------------------------------------------------------------------------------


def closing(channel: Channel, before: float, within: float = 10.0) -> tuple[float, Journal]:
    """Tell three things, close after some seconds; gives how long that took, and what was noted."""
    took: list[float] = []

    async def scene(notices: Notices) -> None:
        told(notices, "one", "two", "three")
        await asyncio.sleep(before)
        begun = now()
        await notices.close(within)
        took.append(now() - begun)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "something is left"

    journal = play(channel, scene=scene)
    return took[0], journal


def test_closing_waits_for_what_is_under_way() -> None:
    """What is being delivered, and what waits for its turn, is delivered before the notices are closed."""
    channel = Channel(takes=2)
    took, _ = closing(channel, before=1)
    assert (took, channel.texts()) == (5, ["one", "two", "three"])


def test_closing_gives_each_that_waits_one_try() -> None:
    """Nobody waits for the next try of what failed: each is tried once more, at once, and then no more."""
    channel = Channel()
    channel.fails = failing(100)
    took, journal = closing(channel, before=10)
    assert (took, channel.tries) == (0, [0, 5, 10, 10, 10])
    assert [failed["again_in"] for failed in journal.of("notice_failed")] == [5, 25, None, None, None]


def test_a_failure_during_the_closing_is_the_last() -> None:
    """A delivery that was under way when the closing began, and fails, is not repeated."""
    channel = Channel(takes=2)
    channel.fails = failing(1)
    took, _ = closing(channel, before=1)
    assert (took, channel.tries, channel.texts()) == (5, [0, 2, 4], ["two", "three"])


@pytest.mark.parametrize("within", [0.0, 3.0])
def test_closing_has_an_end(within: float) -> None:
    """A channel that does not come to an end is broken off in time, and what it did not take is journalled."""
    took, journal = closing(Channel(takes=1e9), before=1, within=within)
    assert took == within
    assert [failed["again_in"] for failed in journal.of("notice_failed")] == [None] * 3


def test_a_closing_that_is_broken_off_leaves_nothing_running() -> None:
    """Who is in a hurry and cancels the closing finds nothing left either."""
    channel = Channel(takes=1e9)

    async def scene(notices: Notices) -> None:
        told(notices, "hello")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await notices.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "something is left"

    play(channel, scene=scene)


def test_after_the_closing_nothing_is_taken() -> None:
    """What is heard after the closing starts nothing."""
    channel = Channel()

    async def scene(notices: Notices) -> None:
        await notices.close()
        told(notices, "hello")
        await asyncio.sleep(10)

    play(channel, scene=scene)
    assert channel.tries == []


# --- after a crash ------------------------------------------------------------------------------------------


def sent(kind: str, about: str = "approve.1", channel: str = "json") -> tuple[str, dict[str, Any]]:
    """A delivery, as journalled."""
    return "notice_sent", {"kind": kind, "about": about, "channel": channel}


OPENED = ("gate_opened", GATE)
ESCALATED = ("gate_escalated", {**GATE, "audience": "owner"})


@pytest.mark.parametrize(
    ("before", "again"),
    [
        ([OPENED], ["gate"]),
        ([OPENED, sent("gate", "other.1"), sent("told", "")], ["gate"]),
        ([OPENED, ("notice_failed", {**sent("gate")[1], "message": "no", "again_in": 5.0})], ["gate"]),
        ([OPENED, sent("gate")], []),
        ([OPENED, sent("gate"), ("gate_reminder", GATE)], []),
        ([OPENED, ("gate_reminder", GATE), sent("reminder")], []),
        ([OPENED, sent("gate"), OPENED], ["gate"]),
        ([OPENED, sent("gate"), ESCALATED], ["escalation"]),
        ([OPENED, ESCALATED, sent("gate")], ["escalation"]),
        ([OPENED, ESCALATED, sent("escalation")], []),
    ],
)
def test_questions_that_nobody_was_told_of_are_told_on_resuming(
    before: list[tuple[str, dict[str, Any]]], again: list[str]
) -> None:
    """An open question, or its escalation, of which no delivery is journalled since, is sent again."""
    channel = Channel()

    async def scene(notices: Notices) -> None:
        notices.resend_missed([record(event, EPOCH, **fields) for event, fields in before], {"approve.1"})

    play(channel, scene=scene)
    assert [notice.kind for notice in channel.notices] == again


@pytest.mark.parametrize(
    ("since", "told_again"),
    [
        ([sent("gate", channel="mail")], [0, 1]),
        ([sent("gate", channel="mail"), sent("gate", channel="discord")], [0, 0]),
        ([sent("gate", channel="mail"), ESCALATED, sent("escalation", channel="discord")], [1, 0]),
        ([sent("gate", channel="mail"), ("gate_reminder", GATE), sent("reminder", channel="discord")], [0, 0]),
    ],
)
def test_only_the_channels_that_failed_are_told_again(
    since: list[tuple[str, dict[str, Any]]], told_again: list[int]
) -> None:
    """One channel's delivery does not stand for another's; who was told is left alone, and other audiences too."""
    mail, discord, other = Channel(name="mail"), Channel(name="discord"), Channel("builder", "slack")
    failed = ("notice_failed", {**sent("gate", channel="discord")[1], "message": "no", "again_in": None})
    before = [OPENED, failed, *since]

    async def scene(notices: Notices) -> None:
        notices.resend_missed([record(event, EPOCH, **fields) for event, fields in before], {"approve.1"})

    play(mail, discord, other, scene=scene)
    assert [len(channel.got) for channel in (mail, discord, other)] == [*told_again, 0]


@pytest.mark.parametrize(("sent_before", "again"), [([], ["air:builder.2"]), ([sent("gate", "air:builder.1")], [])])
def test_of_a_question_that_was_put_again_only_those_are_told_who_were_not(
    sent_before: list[tuple[str, dict[str, Any]]], again: list[str]
) -> None:
    """It counts as one question, whenever it was put."""
    channel = Channel()
    before = [("gate_opened", BESIDE), *sent_before, CLOSED, AGAIN]

    async def scene(notices: Notices) -> None:
        notices.resend_missed([record(event, EPOCH, **fields) for event, fields in before], {"air:builder.2"})

    play(channel, scene=scene)
    assert [notice.about for notice in channel.notices] == again


def test_a_question_that_is_closed_is_not_told_again() -> None:
    """Nobody is asked what is not open any more."""
    channel = Channel()

    async def scene(notices: Notices) -> None:
        notices.resend_missed([record("gate_opened", EPOCH, **GATE)], ())

    play(channel, scene=scene)
    assert channel.tries == []
