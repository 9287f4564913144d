"""Welcoming newcomers, and thanking for tips."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from retake_flow.ports.responders import Answer, Batch, Message
from retake_flow.responders import greeter
from retake_flow.responders.greeter import THANKS, Greeter
from retake_flow.responders.schema import GREETINGS


def wrote(name: str, *, newcomer: bool = True, **more: Any) -> Message:
    """Something that somebody wrote."""
    return Message(**{"id": name, "author": name, "user_id": None, "text": "hi", "at": None, "type": "message"} | more,
                   newcomer=newcomer)  # fmt: skip


def tip(name: str, amount: float | None, number: int = 1) -> Message:
    """A tip of somebody who is known."""
    return wrote(name, newcomer=False, id=f"{name} {number}", type="tip", amount=amount)


def asked(greeter: Greeter, *messages: Message, **more: Any) -> Answer:
    """What it says to messages."""
    return asyncio.run(greeter.respond(Batch(messages, "owl", **more)))


def test_newcomers_of_a_batch_are_greeted_together_and_others_not_at_all() -> None:
    """One sentence for all of them, and nothing to those who wrote before."""
    answer = asked(Greeter(["Hello {names}!"]), wrote("mira"), wrote("kim", newcomer=False), wrote("ade"))
    assert answer == Answer(("Hello mira and ade!",), ("mira", "ade"), renewed=True)
    assert asked(Greeter(), wrote("kim", newcomer=False)) == Answer()


def test_no_sentence_comes_twice_in_a_row() -> None:
    """Sentences are taken in turn, and the thanks between them do not begin the turn anew."""
    host = Greeter(["a {names}", "b {names}", "c {names}"], ["thanks {name}"])
    said = []
    for number in range(4):
        said += asked(host, wrote(f"v{number}"), tip(f"v{number}", 1.0)).replies
    assert said == ["a v0", "thanks v0", "b v1", "thanks v1", "c v2", "thanks v2", "a v3", "thanks v3"]


def test_what_was_said_just_before_is_not_said_again_after_a_restart() -> None:
    """A greeter that has just begun knows the agent's last words from the chat."""
    recent = (wrote("owl", text="a mira", newcomer=False), wrote("kim", text="b mira", newcomer=False))
    assert asked(Greeter(["a {names}", "b {names}"]), wrote("mira"), recent=recent).replies == ("b mira",)
    assert asked(Greeter(["a {names}"]), wrote("mira"), recent=recent).replies == ("a mira",)


def test_nobody_is_told_the_same_twice() -> None:
    """Each tip of somebody is answered in other words, and no more when there are no others; others still are."""
    host = Greeter((), ["Thanks, {name}!", "{amount} from {name}, wow!"])
    said = [asked(host, tip("kenji", 5.0, number)).replies for number in range(4)]
    assert said == [("Thanks, kenji!",), ("5 from kenji, wow!",), (), ()]
    assert asked(host, tip("ade", 5.0)).replies == ("Thanks, ade!",)
    assert asked(host, tip("kenji", 7.5, 9)).replies == ("7.5 from kenji, wow!",)


@pytest.mark.parametrize("amount", [None, 0.0])
def test_a_tip_of_nobody_knows_how_much_is_thanked_for_without_an_amount(amount: float | None) -> None:
    """Sentences that tell an amount are left out where the platform tells none, or one that cannot be read."""
    assert asked(Greeter((), ["{amount}!", "Thanks, {name}!"]), tip("kenji", amount)).replies == ("Thanks, kenji!",)
    assert asked(Greeter((), ["{amount}!"]), tip("kenji", amount)) == Answer()


def test_asked_again_about_the_same_tip_it_says_the_same() -> None:
    """What could not be said the first time is not lost for having been thought of."""
    host = Greeter((), ["Thanks, {name}!"])
    assert asked(host, tip("kenji", 5.0)) == asked(host, tip("kenji", 5.0)) == Answer(("Thanks, kenji!",), renewed=True)


def test_a_name_is_never_filled_in() -> None:
    """Braces in a name or beside the known words stay as they are."""
    assert asked(Greeter(["{names} {0} {x} {{}}"]), wrote("{amount}")).replies == ("{amount} {0} {x} {{}}",)
    assert asked(Greeter((), ["{name} {amount}"]), tip("{amount}", 3.0)).replies == ("{amount} 3",)


def test_it_says_nothing_in_silence() -> None:
    """It has nothing of its own to tell."""
    assert asked(Greeter(), occasion="silence") == Answer()


def test_a_long_stream_is_not_remembered_for_ever() -> None:
    """It keeps what it has said to a thousand people."""
    host = Greeter((), ["Thanks, {name}!"])
    for number in range(1_500):
        asked(host, tip(f"v{number}", 1.0))
    assert len(host._said) == len(host._answered) == 1_000


def test_a_flow_gives_it_its_sentences_or_leaves_ours() -> None:
    """`greeter: {}` is the greeter as it comes; what is left out is ours."""

    async def main(settings: dict[str, Any]) -> tuple[str, ...]:
        async with greeter.open_responder({"greeter": settings}, print) as host:
            return (await host.respond(Batch((wrote("mira"), tip("kenji", 2.0)), "owl"))).replies

    ours = (GREETINGS[0].replace("{names}", "mira"), THANKS[0].replace("{amount}", "2").replace("{name}", "kenji"))
    assert asyncio.run(main({})) == ours
    assert asyncio.run(main({"greetings": ["Ahoy {name}"]})) == ("Ahoy mira", ours[1])
