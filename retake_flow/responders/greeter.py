"""Greeter: the default responder, which welcomes newcomers by name and thanks for tips."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from retake_flow.ports.responders import Answer, Batch, Message
from retake_flow.responders.schema import GREETINGS

THANKS = (
    "Thank you for the {amount}, {name}!",
    "{name} gave {amount}: thank you, that keeps this going.",
    "Another {amount} from {name}. You are too kind!",
    "Thank you, {name}!",
    "That is very kind of you, {name}.",
)

_NAMED_AT_ONCE = 5
_PEOPLE = 1_000  # viewers whose sentences are remembered, and as many tips


@asynccontextmanager
async def open_responder(settings: Mapping[str, Any], note: Callable[..., None]) -> AsyncIterator[Greeter]:
    """A greeter with a flow's own sentences (`greetings`, `thanks`)."""
    sentences = settings["greeter"]
    yield Greeter(sentences.get("greetings", GREETINGS), sentences.get("thanks", THANKS))


class Greeter:
    """Says one greeting to all newcomers of a batch, and one sentence for each tip.

    It takes its sentences in turn: with several, none comes twice in a row, and nobody gets the same one twice. In
    silence it says nothing.

    Args:
        greetings: Greetings for newcomers; `{names}` stands for their names.
        thanks: Sentences for a tip; `{name}` stands for the viewer and `{amount}` for the amount. Those with an amount
            are skipped if it is unknown.
    """

    def __init__(self, greetings: Sequence[str] = GREETINGS, thanks: Sequence[str] = THANKS) -> None:
        self._greetings = _Turns(greetings)
        self._thanks = _Turns(thanks)
        self._said: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._answered: OrderedDict[str, str] = OrderedDict()

    async def respond(self, batch: Batch) -> Answer:
        """Greet new authors, and thank for tips."""
        names = tuple(dict.fromkeys(message.author for message in batch.messages if message.newcomer))
        own = {message.text for message in batch.recent if message.author == batch.agent}
        replies = [self._greeting(names, own)] if names else []
        replies += filter(None, [self._thank(tip, own) for tip in batch.messages if tip.type == "tip"])
        return Answer(tuple(replies), names, renewed=True) if replies else Answer()

    def _greeting(self, names: Sequence[str], own: set[str]) -> str:
        filled = _filling({"names": _join(names), "name": _join(names)})
        return filled(self._greetings.next(lambda sentence: filled(sentence) not in own) or self._greetings.next())

    def _thank(self, tip: Message, own: set[str]) -> str:
        """The sentence for a tip; the same one when asked again about the same tip, "" when all were used."""
        if tip.id not in self._answered:
            who = tip.user_id or tip.author
            amount = f"{tip.amount:.10g}" if tip.amount else ""  # 0 means unreadable
            filled = _filling({"name": tip.author, "names": tip.author, "amount": amount})
            before = {*own, *self._said.get(who, ())}
            chosen = self._thanks.next(lambda s: (amount or "{amount}" not in s) and filled(s) not in before)
            _keep(self._said, who, (*self._said.get(who, ()), filled(chosen)))
            _keep(self._answered, tip.id, filled(chosen))
        return self._answered[tip.id]


class _Turns:
    """Sentences that are used in turn."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = deque(sentences)

    def next(self, fits: Callable[[str], object] = bool) -> str:
        """The fitting sentence that was not used for the longest time; "" if none fits."""
        chosen = next(filter(fits, self._sentences), "")
        if chosen:
            self._sentences.remove(chosen)
            self._sentences.append(chosen)
        return chosen


def _keep(known: OrderedDict[str, Any], key: str, value: Any) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _PEOPLE:
        known.popitem(last=False)


def _filling(values: Mapping[str, str]) -> Callable[[str], str]:
    # All at once, without str.format: braces in a name stay as they are.
    return lambda sentence: re.sub(r"\{(names?|amount)\}", lambda found: values.get(found[1], found[0]), sentence)


def _join(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_ONCE
    shown = [*names[:_NAMED_AT_ONCE], f"{more} more"] if more > 0 else list(names)
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
