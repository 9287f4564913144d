"""Comments: reads the chat of the agent or of another one, without answering it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, Final

from retake_flow.actions.agent_session import Access
from retake_flow.actions.base import Family
from retake_flow.actions.chat.entries import as_data, excerpt
from retake_flow.api.chat import ChatMessage, is_own
from retake_flow.errors import InputError, NoSession, NotFound
from retake_flow.flow.schema import patterns
from retake_flow.ports.actions import Call, Completion
from retake_flow.quick_dataclasses import dataclass

#: Words before a choice that take it back: "not A, I take B" is a vote for B.
NEGATIONS: Final = frozenset({"no", "not", "never", "don't", "dont", "nicht", "kein", "keine", "nie", "pas", "jamais"})
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class Ballot:
    """The choices of a vote.

    Args:
        choices: The words to vote with; or each choice with a pattern for messages.
        exact: Whether a message counts only if it contains nothing but a choice, perhaps repeated.

    Raises:
        InputError: A pattern cannot be applied, there is no choice, or two are the same.
    """

    def __init__(self, choices: Sequence[Any] | Mapping[str, Any], *, exact: bool = False) -> None:
        given = choices.items() if isinstance(choices, Mapping) else ()
        self._patterns = {str(name): str(pattern) for name, pattern in given}
        self.names = [str(name) for name in choices]
        self._exact = exact
        self._words = {name: _words(name) for name in self.names}
        self._known = {word.casefold() for words in self._words.values() for word in words}
        if not self.names or not all(self._patterns or word for word in self._words.values()):
            raise InputError("a vote needs choices, each a word or more", hint="write for example `choices: [A, B]`")
        choices = Counter(" ".join(words).casefold() for words in self._words.values())
        if not self._patterns and (same := [words for words, times in choices.items() if times > 1]):
            raise InputError(
                f"two choices of the vote are the same word: {same[0]}", hint="give each a word of its own"
            )
        for pattern in self._patterns.values():
            try:
                patterns.require(pattern)
            except patterns.PatternError as error:
                raise InputError(f"a choice of the vote cannot be recognised: {error}") from None

    def choice(self, text: str) -> str:
        """The one choice that a message names; "" if it names none, or more than one."""
        found = {name for name in self.names if self._names(name, text)}
        return found.pop() if len(found) == 1 else ""

    def count(self, messages: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The votes in messages, each an author and a text, oldest first. An author has one vote, the last one."""
        votes = {author: choice for author, text in messages if (choice := self.choice(text))}
        counted = Counter(votes.values())
        counts = {name: counted[name] for name in self.names}
        most = max(counts.values())
        leading = [name for name in self.names if counts[name] == most > 0]
        winner = leading[0] if len(leading) == 1 else ""
        return {"counts": counts, "total": len(votes), "leading": leading, "winner": winner}

    def _names(self, name: str, text: str) -> bool:
        if self._patterns:
            try:
                return patterns.matches(self._patterns[name], text)
            except patterns.PatternError:
                return False  # a text that is too long for its pattern
        written, wanted = _words(text), self._words[name]
        only = all(word.casefold() in self._known for word in written)
        if self._exact and not only:
            return False
        # In a sentence, `a` is an article, and only `A` a choice.
        alike = _alike if only or len(name) > 1 else list.__eq__
        places = (at for at in range(len(written)) if at == 0 or written[at - 1].casefold() not in NEGATIONS)
        return any(alike(written[at : at + len(wanted)], wanted) for at in places)


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _alike(written: list[str], wanted: list[str]) -> bool:
    return [word.casefold() for word in written] == [word.casefold() for word in wanted]


_PAGE = 100
_MOST_PAGES = 10
_SPOKEN = 3  # messages in a summary


class CommentActions(Family):
    """Reads messages without handling them."""

    def __init__(self, access: Access, now: Callable[[], float]) -> None:
        self._access = access
        self._now = now
        self.tasks = {"retake.comments": self.comments, "chat.count": self.count}

    async def count(self, call: Call) -> Completion:
        """Count the votes in the agent's chat since a time; each call counts all of them, so no state is kept."""
        ballot = Ballot(call.inputs["choices"], exact=call.inputs["exact"])
        own_id, known = await self._access.user_id(), self._access.credentials
        found, complete = await self._read(own_id, Cursor(), call.inputs["since"])
        until = inf if call.inputs.get("until") is None else call.inputs["until"] + self._clock_lead
        votes = [
            (message.author_user_id or message.wallet or message.author_name.casefold(), message.text)
            for message in found
            if _time_of(message) <= until and not is_own(message, own_id, known.agent_name, known.wallet_address)
        ]
        return Completion(value={**ballot.count(votes), "complete": complete})

    async def comments(self, call: Call) -> Completion:
        """Read what others wrote since a message or a time, and find out when the agent last wrote there."""
        own_id = await self._access.user_id()
        cursor = Cursor.of(str(call.inputs.get("after") or ""))
        since = call.inputs.get("since")
        found, _ = await self._read(str(call.inputs.get("of") or own_id), cursor, since)
        known = self._access.credentials
        own = [is_own(message, own_id, known.agent_name, known.wallet_address) for message in found]
        answered = len(own) - own[::-1].index(True) if True in own else 0
        others = [message for message, mine in zip(found, own, strict=True) if not mine]
        last_own = max((_time_of(message) for message, mine in zip(found, own, strict=True) if mine), default=0.0)
        words = [str(word).casefold() for word in call.inputs["words"]]
        asking = [message for message in others if any(word in message.text.casefold() for word in words)]
        shown = others[-int(call.inputs["limit"]) :]
        value = {
            "messages": [as_data(message) for message in shown],
            "count": len(others),
            "unanswered": sum(not mine for mine in own[answered:]),
            "mentions": len(asking),
            "own_at": last_own,
            "cursor": Cursor.at(found[-1]).text if found else cursor.text,
            "summary": summarize(asking or others),
        }
        return Completion(value=value)

    async def _read(self, of: str, cursor: Cursor, since: float | None) -> tuple[list[ChatMessage], bool]:
        """The newer messages, oldest first, and whether these are all.

        It pages back if it is known where the last reading ended.
        """
        found: dict[str, ChatMessage] = {}
        before, complete = "", False
        for _ in range(_MOST_PAGES):
            page = await self._page(of, before)
            start = None if since is None else since + self._clock_lead  # which the response shows
            fresh = [message for message in cursor.newer(page) if start is None or _time_of(message, start) >= start]
            unknown = {message.id: message for message in fresh if message.id not in found}
            found = {**unknown, **found}
            # A short page that comes again is the whole chat, of a platform that does not page.
            complete = not page or len(fresh) < len(page) or (not unknown and len(page) < _PAGE)
            if complete or not unknown or not (cursor.text or since is not None):
                break
            before = page[0].id
        return [message for message in found.values() if message.is_message], complete

    @property
    def _clock_lead(self) -> float:
        """How many seconds the platform's clock, which dates messages, is ahead of the run's time."""
        server = self._access.server_time
        return 0.0 if server is None else server - self._now()

    async def _page(self, of: str, before: str) -> list[ChatMessage]:
        """A page of chat; without a session, the page that is public."""
        try:
            return await self._access.client().comments(of, _PAGE, before or None)
        except (NoSession, NotFound):
            try:
                return await self._access.client(anonymous=True).public.chat(of, _PAGE, before)
            except (NoSession, NotFound):
                return []


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a chat was read: the last message, and when it was sent, since the message may be deleted."""

    id: str = ""
    sent_at: float = 0.0

    @classmethod
    def of(cls, text: str) -> Cursor:
        """Parse a cursor that `text` wrote; any other text means the beginning."""
        sent_at, _, key = text.partition("/")
        try:
            return cls(key, float(sent_at)) if key else cls()
        except ValueError:
            return cls()

    @classmethod
    def at(cls, message: ChatMessage) -> Cursor:
        """The cursor at this message."""
        return cls(message.id, _time_of(message))

    @property
    def text(self) -> str:
        """The cursor as a text; "" at the beginning."""
        return f"{self.sent_at:.3f}/{self.id}" if self.id else ""

    def newer(self, page: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The messages behind the cursor in a page that is ordered oldest first."""
        ids = [message.id for message in page]
        if self.id in ids:
            return list(page[ids.index(self.id) + 1 :])
        # Several may have been sent at the same moment: reading one twice is better than losing one.
        return [message for message in page if not self.id or _time_of(message, inf) >= self.sent_at]


def summarize(messages: Sequence[ChatMessage]) -> str:
    """The last few messages, one per line."""
    return "\n".join(map(excerpt, messages[-_SPOKEN:]))


def _time_of(message: ChatMessage, otherwise: float = 0.0) -> float:
    return message.sent_at.timestamp() if message.sent_at else otherwise
