"""Recently sent: the agent's latest messages, by which it is recognised in a chat."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from retake_flow.actions.chat.dedup import Way
from retake_flow.actions.chat.digests import short
from retake_flow.actions.chat.history import older
from retake_flow.api.chat import ChatMessage
from retake_flow.api.spelling import Words, name_key
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.dates import record_to_run_time
from retake_flow.run.records import Record

_REMEMBERED = 100  # messages
_LATEST = 600.0  # seconds after which a sent message is no longer waited for
_EARLY, _LATE = 2.0, 60.0  # seconds by which the platform's date of a message may differ from the time it was sent
_SAME_DATE = 1.0  # seconds by which two dates of one message may differ, one for each way
_OTHER_STREAM = 6 * 3600.0  # seconds; a message dated further away belongs to another stream
_SENDS: Final = ("chat_sent", "action_started", "say_requested")


@dataclass(slots=True, eq=False)
class Said:
    """A message that the agent has sent, or may have.

    Attributes:
        text: The text.
        to: In whose chat; "" for the agent's own.
        began: When sending began, by the run's time.
        ended: When sending ended; None while in progress.
        id: The message's id, if the platform gave it.
        ways: How it arrived in the chat, recognised as the agent's own.
        seen: The message as it was first seen.
        returned: The authors who said something unrecognised right after it.
    """

    text: str
    to: str
    began: float
    ended: float | None = None
    id: str | None = None
    ways: set[Way] = field(default_factory=set)
    seen: ChatMessage | None = None
    returned: set[str] = field(default_factory=set)

    @property
    def words(self) -> Words:
        """What the text is recognised by."""
        return _words(self.text)

    def see(self, way: Way, message: ChatMessage) -> None:
        """Note that a message in the chat is this one."""
        self.ways.add(way)
        self.seen = self.seen or message


class Sayings:
    """The agent's messages, oldest first.

    Args:
        now: The run's time, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self._said: deque[Said] = deque(maxlen=_REMEMBERED)

    def begin(self, text: str, to: str = "") -> Said:
        """Note that a message is being sent: it may be in the chat before the platform confirms it."""
        said = Said(text, to, self._now())
        self._said.append(said)
        return said

    def arrived(self, said: Said, key: str | None = None) -> None:
        """Note that a message was sent, or may have been."""
        said.ended, said.id = self._now(), key

    def withdraw(self, said: Said) -> None:
        """Note that a message was definitely not sent."""
        if said in self._said:
            self._said.remove(said)

    def missing(self, text: str) -> None:
        """Note that a message in doubt was not sent: it is not in the chat."""
        for said in [each for each in self._own(text) if not each.ways][-1:]:
            self.withdraw(said)

    # --- over the end of a process --------------------------------------------------------------------------

    def recall(self, journal: Iterable[Record], user_id: str) -> None:
        """Restore what earlier processes said, from the run's journal."""
        earliest, own = self._now() - _LATEST, {said.text for said in self._said}
        begun: dict[str, Said] = {}
        for record in journal:
            said = _told(record, user_id) if record["event"] in _SENDS else None
            if said is None or not earliest < said.began <= self._since or said.text in own:
                continue
            if said.text in begun:
                self.withdraw(begun.pop(said.text))
            if record["event"] != "chat_sent":
                begun[said.text] = said
            self._said.append(said)

    def doubted(self, text: str, at: float) -> None:
        """Note that an earlier process may have said something."""
        if not any(not each.ways for each in self._own(text)):
            self._said.append(Said(text, "", at, at))

    def seen_before(self, seen: Sequence[Sequence[Any]]) -> None:
        """Note what an earlier process has seen in the chat, as `seen` returns it."""
        for digest, at in seen:
            known = (said for said in self._said if short(said.text) == digest and abs(said.began - at) < _LATE)
            for said in [each for each in known if not each.ways][:1]:
                said.ways |= {"poll", "socket"}

    @property
    def seen(self) -> list[list[Any]]:
        """The messages seen in the chat lately, as plain data."""
        lately = (each for each in self._said if each.ways and self._now() - each.began < _LATEST)
        return [[short(said.text), said.began] for said in lately]

    # --- known again ----------------------------------------------------------------------------------------

    @property
    def unseen(self) -> list[Said]:
        """The messages sent to the agent's own chat and not recognised there."""
        return [said for said in self._said if not said.to and not said.ways]

    def with_id(self, message: ChatMessage) -> Said | None:
        """The sent message with a message's id and text; an id alone may belong to something else."""
        same = (each for each in self._said if each.id in message.ids)
        return next((said for said in same if said.words.are_seen_in(Words(message.text))), None)

    def matching(self, way: Way, message: ChatMessage, ahead: float | None) -> Said | None:
        """The sent message with a message's text and about its time that has not yet been seen arriving this way."""
        if message.kind != "message" or not message.text:
            return None
        return next(
            (
                said
                for said in self._own(message.text)
                if way not in said.ways
                and (said.seen is None or _are_one(said.seen, message))
                and self._about_then(said, message, ahead)
            ),
            None,
        )

    def written(self, message: ChatMessage, ahead: float | None) -> float | None:
        """When a message was written, by the run's time; None if its date cannot be right."""
        if message.sent_at is None or ahead is None:
            return None
        written = message.sent_at.timestamp() - ahead
        return written if abs(self._now() - written) < _LATEST else None

    def _about_then(self, said: Said, message: ChatMessage, ahead: float | None) -> bool:
        written = self.written(message, ahead)
        if written is None:
            return self._now() - said.began <= _LATEST
        return said.began - _EARLY <= written <= (said.ended or self._now()) + _LATE

    def _own(self, text: str) -> Iterator[Said]:
        seen = Words(text)
        return (said for said in self._said if not said.to and said.words.are_seen_in(seen))

    # --- what they tell of a chat ---------------------------------------------------------------------------

    def ahead(
        self, messages: Sequence[ChatMessage], known: Callable[[ChatMessage], bool], told: float | None
    ) -> float | None:
        """How many seconds the clock that dates a chat is ahead of the run's time at least; None if unknown.

        The dates of the agent's own messages show it: for certain if their ids are known, otherwise by their text if
        nothing else shows it.

        Args:
            messages: Messages of the chat.
            known: Whether a message is known to be the agent's.
            told: What the platform's responses say.
        """
        by_id: list[float] = []
        by_words: list[float] = []
        by_anybody: list[float] = []
        for message in messages:
            said = next((each for each in reversed(list(self._own(message.text))) if each.ended is not None), None)
            if said is not None and said.ended is not None and message.sent_at is not None:
                ahead = message.sent_at.timestamp() - said.ended
                if said.id in message.ids:
                    by_id.append(ahead)
                elif abs(ahead) < _OTHER_STREAM:
                    (by_words if known(message) else by_anybody).append(ahead)
        if by_id:
            return max(by_id)
        return told if told is not None else max(by_words, default=min(by_anybody, default=None))

    def first(self, messages: Sequence[ChatMessage], before: float | None) -> int | None:
        """The index of the agent's first message of this stream in a chat, oldest first; None if there is none.

        Args:
            messages: Messages of the chat.
            before: Equal texts of an earlier stream are dated before this, by the clock that dates the chat.
        """
        said = next((each for each in self._said if not each.to), None)
        if said is None:
            return None
        by_id = [at for at, m in enumerate(messages) if said.id in m.ids]
        words = (at for at, m in enumerate(messages) if said.words.are_seen_in(Words(m.text)))
        return next(iter([*by_id, *(at for at in words if not older(messages[at], before))]), None)


@lru_cache(maxsize=2 * _REMEMBERED)
def _words(text: str) -> Words:
    return Words(text)


def traits(message: ChatMessage) -> list[str]:
    """What identifies the author of a message."""
    told = {"id": message.author_user_id, "wallet": message.wallet, "name": name_key(message.author_name)}
    return [f"{what}:{value}" for what, value in told.items() if value]


def _are_one(seen: ChatMessage, message: ChatMessage) -> bool:
    """Whether two entries with the same text, which arrived in two ways, may be one message."""
    dates = [each.sent_at.timestamp() for each in (seen, message) if each.sent_at is not None]
    who, other = traits(seen), traits(message)
    return max(dates, default=0.0) - min(dates, default=0.0) <= _SAME_DATE and (
        bool(set(who) & set(other)) or not (who and other)
    )


def _told(record: Record, user_id: str) -> Said | None:
    """What a record says was said, or may have been."""
    at = record_to_run_time(record)
    match record:
        case {"event": "chat_sent", "text": str(text)}:
            return Said(text, _chat(record, user_id), at, at, record.get("id"))
        case {"event": "action_started", "action": "chat.send", "inputs": {"message": str(text), **more}}:
            return Said(text, _chat(more, user_id), at, at)
        case {"event": "say_requested", "text": str(text), "ways": list(ways)} if "chat" in ways:
            return Said(text, "", at, at)
    return None


def _chat(told: Mapping[Any, Any], user_id: str) -> str:
    to = str(told.get("to") or "")
    return "" if to == user_id else to
