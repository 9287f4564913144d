"""Recently sent: the agent's latest messages, by which it is recognised in a chat."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from retake_flow.actions.chat.dedup import Way, digest_of
from retake_flow.actions.chat.history import is_older
from retake_flow.api.chat import ChatMessage
from retake_flow.api.spelling import Words, name_key
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.records import Record, record_to_run_time

_REMEMBERED = 100  # messages
_LATEST = 600.0  # seconds after which a sent message is no longer waited for
_EARLY, _LATE = 2.0, 60.0  # seconds by which the platform's date of a message may differ from the time it was sent
_SAME_DATE = 1.0  # seconds by which two dates of one message may differ, one for each way
_OTHER_STREAM = 6 * 3600.0  # seconds; a message dated further away belongs to another stream
_SENDS: Final = ("chat_sent", "action_started", "say_requested")


@dataclass(slots=True, eq=False)
class Sent:
    """A message that the agent has sent, or may have.

    Attributes:
        to: In whose chat; "" for the agent's own.
        began: When sending began, by the run's time.
        ended: When sending ended; None while in progress.
        id: The message's id, if the platform gave it.
        ways: How it arrived in the chat, recognised as the agent's own.
        seen: The message as it was first seen.
        returned: The authors who sent something unrecognised right after it.
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
        """The words by which the text is recognised."""
        return _words(self.text)

    def see(self, way: Way, message: ChatMessage) -> None:
        """Note that a message in the chat is this one."""
        self.ways.add(way)
        self.seen = self.seen or message


class SentMessages:
    """The agent's messages, oldest first."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self._sent: deque[Sent] = deque(maxlen=_REMEMBERED)

    def begin(self, text: str, to: str = "") -> Sent:
        """Note that a message is being sent: it may be in the chat before the platform confirms it."""
        sent = Sent(text, to, self._now())
        self._sent.append(sent)
        return sent

    def finish(self, sent: Sent, key: str | None = None) -> None:
        """Note that a message was sent, or may have been."""
        sent.ended, sent.id = self._now(), key

    def withdraw(self, sent: Sent) -> None:
        """Note that a message was definitely not sent."""
        if sent in self._sent:
            self._sent.remove(sent)

    def withdraw_doubtful(self, text: str) -> None:
        """Note that a message in doubt was not sent: it is not in the chat."""
        for sent in [each for each in self._own_matches(text) if not each.ways][-1:]:
            self.withdraw(sent)

    # --- over the end of a process --------------------------------------------------------------------------

    def recall(self, journal: Iterable[Record], user_id: str) -> None:
        """Restore the messages that earlier processes sent, from the run's journal."""
        earliest, own = self._now() - _LATEST, {sent.text for sent in self._sent}
        begun: dict[str, Sent] = {}
        for record in journal:
            sent = _sent_in(record, user_id) if record["event"] in _SENDS else None
            if sent is None or not earliest < sent.began <= self._since or sent.text in own:
                continue
            if sent.text in begun:
                self.withdraw(begun.pop(sent.text))
            if record["event"] != "chat_sent":
                begun[sent.text] = sent
            self._sent.append(sent)

    def add_doubtful(self, text: str, at: float) -> None:
        """Note that an earlier process may have sent something."""
        if not any(not each.ways for each in self._own_matches(text)):
            self._sent.append(Sent(text, "", at, at))

    def restore_seen(self, seen: Sequence[Sequence[Any]]) -> None:
        """Restore the messages that an earlier process has seen in the chat, from its `seen_lately`."""
        for digest, at in seen:
            known = (sent for sent in self._sent if digest_of(sent.text) == digest and abs(sent.began - at) < _LATE)
            for sent in [each for each in known if not each.ways][:1]:
                sent.ways |= {"poll", "socket"}

    @property
    def seen_lately(self) -> list[list[Any]]:
        """The messages seen in the chat lately, as plain data."""
        lately = (each for each in self._sent if each.ways and self._now() - each.began < _LATEST)
        return [[digest_of(sent.text), sent.began] for sent in lately]

    # --- known again ----------------------------------------------------------------------------------------

    @property
    def unseen_messages(self) -> list[Sent]:
        """The messages sent to the agent's own chat and not recognised there."""
        return [sent for sent in self._sent if not sent.to and not sent.ways]

    def find_by_id(self, message: ChatMessage) -> Sent | None:
        """The sent message with a message's id and text; an id alone may belong to something else."""
        same = (each for each in self._sent if each.id in message.ids)
        return next((sent for sent in same if sent.words.are_seen_in(Words(message.text))), None)

    def find(self, way: Way, message: ChatMessage, ahead: float | None) -> Sent | None:
        """The sent message with a message's text and about its time that has not arrived this way yet."""
        if message.kind != "message" or not message.text:
            return None
        return next(
            (
                sent
                for sent in self._own_matches(message.text)
                if way not in sent.ways
                and (sent.seen is None or _are_one(sent.seen, message))
                and self._about_then(sent, message, ahead)
            ),
            None,
        )

    def time_written(self, message: ChatMessage, ahead: float | None) -> float | None:
        """When a message was written, by the run's time; None if its date cannot be right."""
        if message.sent_at is None or ahead is None:
            return None
        written = message.sent_at.timestamp() - ahead
        return written if abs(self._now() - written) < _LATEST else None

    def _about_then(self, sent: Sent, message: ChatMessage, ahead: float | None) -> bool:
        written = self.time_written(message, ahead)
        if written is None:
            return self._now() - sent.began <= _LATEST
        return sent.began - _EARLY <= written <= (sent.ended or self._now()) + _LATE

    def _own_matches(self, text: str) -> Iterator[Sent]:
        seen = Words(text)
        return (sent for sent in self._sent if not sent.to and sent.words.are_seen_in(seen))

    # --- matching with a chat -------------------------------------------------------------------------------

    def clock_offset(
        self, messages: Sequence[ChatMessage], known: Callable[[ChatMessage], bool], by_responses: float | None
    ) -> float | None:
        """How many seconds the clock that dates a chat is ahead of the run's time at least; None if unknown.

        The dates of the agent's own messages show it: for certain if their ids are known, otherwise by their text if
        nothing else shows it.

        `known` returns whether a message is known to be the agent's; `by_responses` is the offset that responses show.
        """
        by_id: list[float] = []
        by_words: list[float] = []
        by_anybody: list[float] = []
        for message in messages:
            sent = next(
                (each for each in reversed(list(self._own_matches(message.text))) if each.ended is not None), None
            )
            if sent is not None and sent.ended is not None and message.sent_at is not None:
                ahead = message.sent_at.timestamp() - sent.ended
                if sent.id in message.ids:
                    by_id.append(ahead)
                elif abs(ahead) < _OTHER_STREAM:
                    (by_words if known(message) else by_anybody).append(ahead)
        if by_id:
            return max(by_id)
        return by_responses if by_responses is not None else max(by_words, default=min(by_anybody, default=None))

    def index_of_first(self, messages: Sequence[ChatMessage], before: float | None) -> int | None:
        """The index of the agent's first message of this stream in a chat, oldest first; None if there is none.

        Equal texts of an earlier stream are dated before `before`, by the clock that dates the chat.
        """
        sent = next((each for each in self._sent if not each.to), None)
        if sent is None:
            return None
        by_id = [at for at, m in enumerate(messages) if sent.id in m.ids]
        words = (at for at, m in enumerate(messages) if sent.words.are_seen_in(Words(m.text)))
        return next(iter([*by_id, *(at for at in words if not is_older(messages[at], before))]), None)


@lru_cache(maxsize=2 * _REMEMBERED)
def _words(text: str) -> Words:
    return Words(text)


def traits(message: ChatMessage) -> list[str]:
    """The keys that identify the author of a message."""
    keys = {"id": message.author_user_id, "wallet": message.wallet, "name": name_key(message.author_name)}
    return [f"{what}:{value}" for what, value in keys.items() if value]


def _are_one(seen: ChatMessage, message: ChatMessage) -> bool:
    """Whether two entries with the same text, which arrived in two ways, may be one message."""
    dates = [each.sent_at.timestamp() for each in (seen, message) if each.sent_at is not None]
    who, other = traits(seen), traits(message)
    return max(dates, default=0.0) - min(dates, default=0.0) <= _SAME_DATE and (
        bool(set(who) & set(other)) or not (who and other)
    )


def _sent_in(record: Record, user_id: str) -> Sent | None:
    """The message that a record reports as sent, or as possibly sent."""
    at = record_to_run_time(record)
    match record:
        case {"event": "chat_sent", "text": str(text)}:
            return Sent(text, _chat(record, user_id), at, at, record.get("id"))
        case {"event": "action_started", "action": "chat.send", "inputs": {"message": str(text), **more}}:
            return Sent(text, _chat(more, user_id), at, at)
        case {"event": "say_requested", "text": str(text), "ways": list(ways)} if "chat" in ways:
            return Sent(text, "", at, at)
    return None


def _chat(record: Mapping[Any, Any], user_id: str) -> str:
    to = str(record.get("to") or "")
    return "" if to == user_id else to
