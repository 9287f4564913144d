"""Reading a chat without answering it: what is new, what waits for an answer, what was said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from retake_flow.actions.chat.comments import Ballot, Cursor
from retake_flow.errors import CredentialsError, InputError, Unavailable
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.options import Neighbour, PreparedAgent
from retake_flow.rehearsal.setup.viewer_script import Cue

LARK = PreparedAgent("Day Lark", Secret("rtk_actions_lark_1"), "user_lark")
#: The platform gives out comments also while no session is active.
OPEN = {"comments_without_session": 200}


def written(s: Any, *words: str, by: str = "mira") -> None:
    """A viewer writes in the agent's chat."""
    for text in words:
        s.platform.viewers.perform(s.owl, Cue(0.0, by, text=text))


@pytest.mark.parametrize("shape", ["documented", "observed", "mixed"])
def test_a_cursor_goes_on_where_reading_ended(play: Any, owl: Any, shape: str) -> None:
    """Each message is new once, in order, whichever shape the chat has; nothing new leaves the cursor where it was."""

    async def scene(s: Any) -> list[Any]:
        written(s, "one", "two")
        first = (await s.perform("retake.comments")).value
        same = (await s.perform("retake.comments", after=first["cursor"])).value
        written(s, "three")
        last = (await s.perform("retake.comments", after=same["cursor"])).value
        return [[message["text"] for message in value["messages"]] for value in (first, same, last)]

    assert play(scene, saved=owl, chat_shape=shape, **OPEN) == [["one", "two"], [], ["three"]]


def test_more_than_a_page_is_paged_back_to_the_cursor(play: Any, owl: Any) -> None:
    """All that is new is counted; the newest of it are given."""

    async def scene(s: Any) -> dict[str, Any]:
        written(s, "before")
        cursor = (await s.perform("retake.comments")).value["cursor"]
        written(s, *(f"#{n}" for n in range(250)))
        value: dict[str, Any] = (await s.perform("retake.comments", after=cursor, limit=2)).value
        return value

    value = play(scene, saved=owl, **OPEN)
    assert value["count"] == 250
    assert [message["text"] for message in value["messages"]] == ["#248", "#249"]
    assert value["summary"] == "mira: #247\nmira: #248\nmira: #249"


def test_a_chat_without_an_end_is_not_read_for_ever(play: Any, owl: Any) -> None:
    """Ten pages are the most, and the first reading without a cursor takes one."""

    async def scene(s: Any) -> tuple[int, int, int]:
        written(s, *(f"#{n}" for n in range(1500)))
        first = (await s.perform("retake.comments")).value["count"]
        since = (await s.perform("retake.comments", since=1.0)).value["count"]
        return first, since, len(list(s.calls))

    assert play(scene, saved=owl, **OPEN) == (100, 1000, 11)


@pytest.mark.parametrize(("messages", "complete"), [(300, True), (900, False)])
def test_a_count_says_whether_all_was_read(play: Any, owl: Any, messages: int, complete: bool) -> None:
    """Ten pages are read at most; what is no message, such as a trade, takes room on them too."""

    async def scene(s: Any) -> dict[str, Any]:
        await asyncio.sleep(10)
        for number in range(messages):
            written(s, "A", by=f"viewer {number}")
            if number % 2:
                s.platform.viewers.perform(s.owl, Cue(0.0, f"viewer {number}", "trade"))
        value: dict[str, Any] = (await s.perform("chat.count", choices=["A", "B"], since=s.now() - 5)).value
        return value

    value = play(scene, saved=owl, chat_shape="observed", **OPEN)
    assert value["complete"] is complete
    assert (value["total"] == messages) is complete


@pytest.mark.parametrize(("messages", "complete"), [(100, False), (5, True)])
def test_a_platform_that_repeats_a_page_is_not_counted_twice(
    play: Any, owl: Any, monkeypatch: Any, messages: int, complete: bool
) -> None:
    """Nor asked ten times; whether a full page was all is not known."""

    async def scene(s: Any) -> tuple[int, int, bool]:
        written(s, *(f"#{n}" for n in range(messages)))
        client, asked = s.access.client(), []
        newest = client.comments

        async def comments(of: str, limit: int, before: str | None) -> Any:
            asked.append(before)
            return await newest(of, limit)

        monkeypatch.setattr(client, "comments", comments)
        count, times = (await s.perform("retake.comments", since=1.0)).value["count"], len(asked)
        votes = await s.perform("chat.count", choices=["#1"], since=1.0)
        return count, times, votes.value["complete"]

    assert play(scene, saved=owl, **OPEN) == (messages, 2, complete)


def test_what_is_older_is_not_read(play: Any, owl: Any) -> None:
    """`since` leaves out whatever was written before."""

    async def scene(s: Any) -> list[str]:
        written(s, "new")
        value = (await s.perform("retake.comments", since=s.now() - 60)).value
        return [message["text"] for message in value["messages"]]

    history = (Cue(3600.0, "zoe", text="old"),)
    assert play(scene, saved=owl, history=history, **OPEN) == ["new"]


def test_what_the_agent_has_answered_waits_no_longer(play: Any, owl: Any) -> None:
    """Its own messages are nobody's; only what is newer than the last of them waits for an answer."""

    async def scene(s: Any) -> list[tuple[int, int, bool]]:
        found = []
        for step in (lambda: written(s, "hi", "who are you?"), None, lambda: written(s, "nice")):
            await s.perform("chat.send", message="An owl.") if step is None else step()
            value = (await s.perform("retake.comments")).value
            found.append((value["count"], value["unanswered"], value["own_at"] > 0))
        return found

    assert play(scene, saved=owl, **OPEN) == [(2, 2, False), (2, 0, True), (3, 1, True)]


def test_words_are_listened_for(play: Any, owl: Any) -> None:
    """In any case of letters, in what others say; the summary then tells these messages."""

    async def scene(s: Any) -> dict[str, Any]:
        written(s, "Do you GO LIVE today?", "nice owl")
        await s.perform("chat.send", message="I go live soon.")
        value: dict[str, Any] = (await s.perform("retake.comments", words=["go live"])).value
        return value

    value = play(scene, saved=owl, **OPEN)
    assert (value["count"], value["mentions"]) == (2, 1)
    assert value["summary"] == "mira: Do you GO LIVE today?"


def test_another_agents_chat_is_read(play: Any, owl: Any) -> None:
    """By its userDbId; what the agent itself wrote there is told by its time."""

    async def scene(s: Any) -> tuple[dict[str, Any], dict[str, Any], float]:
        s.platform.viewers.perform(s.platform.agents.by_id("user_lark"), Cue(0.0, "ade", text="morning"))
        before = (await s.perform("retake.comments", of="user_lark")).value
        await s.perform("chat.send", message="Hello!", to="user_lark")
        return before, (await s.perform("retake.comments", of="user_lark")).value, s.now()

    owl_agent = PreparedAgent("Night Owl", owl.access_token, "user_owl")
    before, after, now = play(scene, saved=owl, agents=(owl_agent, LARK), **OPEN)
    assert [message["author"] for message in before["messages"]] == ["ade"]
    assert (before["own_at"], after["count"], after["own_at"]) == (0.0, 1, pytest.approx(now))


@pytest.mark.parametrize("status", [404, 409])
def test_without_a_session_the_public_chat_is_read(play: Any, owl: Any, status: int) -> None:
    """Where an agent's own call gives nothing off air, what anybody may read is read, without the token."""
    entry = {"chat_event_id": "1", "sender_username": "ade", "text": "hi", "timestamp": "1700000000000"}

    async def scene(s: Any) -> tuple[list[str], int]:
        value = (await s.perform("retake.comments")).value
        return [message["text"] for message in value["messages"]], s.network.authorized

    faults = (Fault("GET /chat/", body={"chats": [entry]}),)
    assert play(scene, saved=owl, comments_without_session=status, faults=faults) == (["hi"], 1)


def test_a_chat_that_nobody_has_is_empty(play: Any, owl: Any) -> None:
    """Where neither call knows of it, nothing was written."""

    async def scene(s: Any) -> tuple[int, str, str]:
        value = (await s.perform("retake.comments")).value
        return value["count"], value["summary"], value["cursor"]

    assert play(scene, saved=owl, faults=(Fault("GET /chat/", status=404, times=None),)) == (0, "", "")


def test_a_failure_is_no_empty_chat(play: Any, owl: Any) -> None:
    """A platform that fails is told, so that nothing is taken for read."""

    async def scene(s: Any) -> None:
        with pytest.raises(Unavailable):
            await s.perform("retake.comments")

    play(scene, saved=owl, faults=(Fault("GET /agent/stream/comments", status=503, times=None),))


def test_nobody_without_credentials_reads(play: Any) -> None:
    """The call is an agent's; whoever is none has `public.chat`."""

    async def scene(s: Any) -> None:
        with pytest.raises(CredentialsError):
            await s.perform("retake.comments")

    play(scene)


def test_texts_are_data_of_bounded_length(play: Any, owl: Any) -> None:
    """Long texts are cut, nothing in them is obeyed or filled in, and a message is one line of a summary."""

    async def scene(s: Any) -> dict[str, Any]:
        written(s, "x" * 5000, "{{ inputs }}\n\x1b[2Jboo")
        value: dict[str, Any] = (await s.perform("retake.comments")).value
        return value

    value = play(scene, saved=owl, **OPEN)
    assert [message["text"] for message in value["messages"]] == ["x" * 400, "{{ inputs }}\nboo"]
    assert value["summary"].splitlines()[1] == "mira: {{ inputs }} boo"
    assert max(map(len, value["summary"].splitlines())) <= 90


def test_a_message_that_was_deleted_loses_nothing(play: Any, owl: Any) -> None:
    """Where the message is gone up to which was read, its time says what is newer."""

    async def scene(s: Any) -> list[str]:
        written(s, "new")
        value = (await s.perform("retake.comments", after=Cursor("deleted", s.now() - 60).text)).value
        return [message["text"] for message in value["messages"]]

    history = (Cue(3600.0, "zoe", text="old"),)
    assert play(scene, saved=owl, history=history, **OPEN) == ["new"]


@pytest.mark.parametrize("text", ["", "12", "x/y", "/"])
def test_what_is_no_cursor_is_the_beginning(text: str) -> None:
    """A text that nobody got from a reading hides no message."""
    assert Cursor.of(text) == Cursor()
    assert Cursor.of(Cursor("a/b", 12.5).text) == Cursor("a/b", 12.5)


def test_an_agent_known_by_its_token_alone_finds_itself(play: Any, owl: Any) -> None:
    """Its userDbId is learnt from the stream status first."""

    async def scene(s: Any) -> int:
        await s.perform("retake.comments")
        value = (await s.perform("retake.comments", words=[])).value
        return int(value["count"])

    assert play(scene, saved=replace(owl, user_db_id="", agent_name=""), **OPEN) == 0


@pytest.mark.parametrize("clock", [0.0, 75.0, -75.0, 86400.0])
def test_what_is_new_since_a_time_of_the_run(play: Any, owl: Any, clock: float) -> None:
    """The platform's clock, which dates messages, may be far from the one by which a flow says `now`."""

    async def scene(s: Any) -> list[str]:
        written(s, "long before")
        await asyncio.sleep(30.0)
        written(s, "before")
        await asyncio.sleep(5.0)
        since = s.now()
        written(s, "after")
        value = (await s.perform("retake.comments", since=since)).value
        return [message["text"] for message in value["messages"]]

    assert play(scene, saved=owl, clock=clock, **OPEN) == ["after"]


@pytest.mark.parametrize("shape", ["documented", "observed"])
def test_the_agent_is_known_by_its_wallet_and_any_spelling_of_its_name(play: Any, owl: Any, shape: str) -> None:
    """In another agent's chat, too: it finds that it was there."""

    async def scene(s: Any) -> float:
        bat = s.platform.agents.by_name("bat")
        await s.perform("chat.send", message="Hello!", to=bat.user_id)
        value = (await s.perform("retake.comments", of=bat.user_id)).value
        return float(value["own_at"])

    options = {"chat_shape": shape, "chat_names": "slug", "neighbours": (Neighbour("bat"),), **OPEN}
    assert play(scene, saved=owl, **options) > 0


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A", "A"),
        ("a", "A"),
        ("b!!!", "B"),
        ("A A A", "A"),
        ("I vote for A, please", "A"),
        ("not A, I take B", "B"),
        ("B, not A", "B"),
        ("nicht A sondern B", "B"),
        ("not A", ""),
        ("A or B?", ""),
        ("what a stream", ""),
        ("BANANA", ""),
        ("A-team", "A"),
        ("", ""),
        ("\ud83d\ude00 b \ud83d\ude00", "B"),
    ],
)
def test_a_message_is_for_the_one_choice_that_it_means(text: str, meant: str) -> None:
    """More than one is none, what is taken back does not count, and `a` in a sentence is an article."""
    assert Ballot(["A", "B"]).choice(text) == meant


def test_choices_of_several_words_and_patterns() -> None:
    """Words count in any case, as a whole; a pattern decides alone; what is exact has nothing beside it."""
    ballot = Ballot(["dark mode", "light mode"])
    assert [ballot.choice(text) for text in ("Dark Mode!", "mode dark", "I don't dark mode, light mode")] == [
        "dark mode", "", "light mode",
    ]  # fmt: skip
    assert [Ballot({"yes": "(?i)^ja", "no": "(?i)^nein"}).choice(text) for text in ("Ja!", "jein", "Nein")] == [
        "yes", "", "no",
    ]  # fmt: skip
    assert [Ballot(["A", "B"], exact=True).choice(text) for text in ("a", "A A", "I take A")] == ["A", "A", ""]


def test_an_author_has_one_vote_the_last() -> None:
    """Who changes their mind counts for the new choice; who says nothing of use keeps the old one."""
    said = [("ann", "A"), ("bob", "B"), ("ann", "A A A"), ("cat", "A"), ("cat", "B"), ("bob", "nice"), ("dan", "?")]
    counted = Ballot(["A", "B", "C"]).count(said)
    assert (counted["counts"], counted["total"], counted["winner"]) == ({"A": 1, "B": 2, "C": 0}, 3, "B")
    even = Ballot(["A", "B"]).count([("ann", "A"), ("bob", "B")])
    assert (even["leading"], even["winner"]) == (["A", "B"], "")
    assert Ballot(["A"]).count([])["leading"] == []


@pytest.mark.parametrize("choices", [[], ["?"], {"yes": "(ja"}, {"yes": "(?=x)"}, ["A", "a"], ["go on", "Go, on"]])
def test_what_is_no_choice_is_said(choices: Any) -> None:
    """Without words there is nothing to recognise; a pattern has to be one."""
    with pytest.raises(InputError):
        Ballot(choices)


def test_votes_are_counted_from_the_chat_since_a_time(play: Any, owl: Any) -> None:
    """What was said before does not count, nor what the agent says, nor what comes after the end; others do."""

    async def scene(s: Any) -> list[Any]:
        def write(name: str, text: str) -> None:
            s.platform.viewers.perform(s.owl, Cue(0.0, name, text=text))

        write("ann", "B")
        await asyncio.sleep(5)
        began = s.now()
        write("ann", "A")
        write("bob", "A")
        await s.perform("chat.send", message="A or B, that is A")
        await asyncio.sleep(5)
        ended = s.now()
        await asyncio.sleep(5)
        write("bob", "B")
        return [
            (await s.perform("chat.count", choices=["A", "B"], since=began, **until)).value["counts"]
            for until in ({}, {"until": ended})
        ]

    assert play(scene, saved=owl, comments_without_session=200) == [{"A": 1, "B": 1}, {"A": 2, "B": 0}]
