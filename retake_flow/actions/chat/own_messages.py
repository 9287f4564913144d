"""Own messages: recognises the agent's messages in a chat, in any form."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.dedup import Way, digest_of, is_older
from retake_flow.api.chat import ChatMessage, is_own
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


_TWICE: Final = 2  # an author who repeats the agent's latest words this often is the agent
_RETURNS: Final = 4  # after this many unrecognised echoes in a row, echoes count as the agent's
_EARLY, _PROMPT = 2.0, 2.5  # seconds; no person answers this fast every time
_PROMPT_UNDATED = 10.0  # seconds, if only the reading shows when a message arrived
_MOST_KEYS, _MOST_COINCIDENCES = 60, 1_000
_CREDIBLE = 60.0  # seconds; chat is read every few seconds, so a new message cannot be dated longer ago


class OwnMessages:
    """Recognises the agent's messages: by id, user id, wallet, name in any spelling, or by having just sent them.

    Each sent message is recognised once, so a viewer who repeats it later is not the agent. An author who posts such
    messages twice is the agent under an unknown name or id, and counts as such from then on. As a last resort, if
    something unknown comes back right after each message, that is the agent too. So the agent never talks to itself
    without end.

    Attributes:
        sent: The agent's latest messages.
    """

    def __init__(self, access: Access, now: Callable[[], float]) -> None:
        self.sent = SentMessages(now)
        self._access = access
        self._now = now
        self._keys: dict[str, None] = {}
        self._coincidences: dict[str, int] = {}
        self._told_by_id = False  # whether the chat contains the agent's own user id
        self._mirrored = False  # whether every echo counts, no matter who its author is
        self._learnt: list[str] = []
        self._restored = False

    def restore(self, kept: Mapping[str, Any], journal: Callable[[], Iterable[Record]]) -> None:
        """Restore the knowledge of earlier processes; only the first call does."""
        if not self._restored:
            self._restored = True
            self._know(kept.get("keys", ()))
            self.sent.recall(journal(), self._access.credentials.user_db_id)
            self.sent.restore_seen(kept.get("seen", ()))

    def snapshot(self) -> dict[str, Any]:
        """The state for the next process, as plain data."""
        return {"keys": list(self._keys), "seen": self.sent.seen_lately}

    def take_learnt(self) -> list[str]:
        """The names under which the agent was recognised since the last call."""
        learnt, self._learnt = self._learnt, []
        return learnt

    def sift(self, messages: Sequence[tuple[Way, ChatMessage]], ahead: float | None) -> list[bool]:
        """Whether each message of the agent's chat is its own.

        Args:
            messages: The messages read, oldest first, each with how it arrived.
            ahead: How many seconds the platform's clock is ahead of the run's time; None if unknown.
        """
        # Certain matches come first: another author of the same words is then known not to be the agent.
        own = [self._is_certain(way, message, ahead) for way, message in messages]
        for at, (way, message) in enumerate(messages):
            own[at] = own[at] or self._is_repeated(way, message, ahead) or self._comes_back(message, ahead)
        return own

    def is_author(self, message: ChatMessage) -> bool:
        """Whether the agent is known to be the author of a message."""
        known = self._access.credentials
        return is_own(message, known.user_db_id, known.agent_name, known.wallet_address) or any(
            key in self._keys for key in _keys(message)
        )

    def _is_certain(self, way: Way, message: ChatMessage, ahead: float | None) -> bool:
        by_id = bool(message.author_user_id) and message.author_user_id == self._access.credentials.user_db_id
        known = by_id or self.is_author(message)
        sent = self.sent.find(way, message, ahead) if known else self.sent.find_by_id(message)
        if sent is not None:
            self._see(sent, way, message)
        if by_id or (sent is not None and not known):
            self._told_by_id = self._told_by_id or by_id
            self._know(traits(message))
        return known or sent is not None

    def _is_repeated(self, way: Way, message: ChatMessage, ahead: float | None) -> bool:
        """Whether a message repeats what was just sent, by an author not known to be the agent."""
        if message.author_user_id and self._told_by_id:
            return False
        sent = self.sent.find(way, message, ahead)
        if sent is None:
            return False
        first = not sent.ways
        self._see(sent, way, message)
        for key in _keys(message) if first else ():
            self._coincidences[key] = self._coincidences.pop(key, 0) + 1
            if self._coincidences[key] == _TWICE:
                self._learn(message)
        _forget(self._coincidences, _MOST_COINCIDENCES)
        return True

    def _see(self, sent: Sent, way: Way, message: ChatMessage) -> None:
        sent.see(way, message)
        self._mirrored = False

    def _comes_back(self, message: ChatMessage, ahead: float | None) -> bool:
        """Whether a message completes a row of messages that each came right after a sent one."""
        who = set(traits(message)) or {""}
        sent = self._said_before(message, who, ahead)
        if sent is None:
            return False
        sent.returned |= who
        lately = self.sent.unseen_messages[-_RETURNS:]
        if not self._mirrored and len(lately) == _RETURNS and all(each.returned for each in lately):
            always = set.intersection(*(each.returned for each in lately)) - {""}
            if always & who:
                self._learn(message)
                return True
            self._mirrored = not always
            if self._mirrored:
                self._learnt.append("")
        return self._mirrored

    def _said_before(self, message: ChatMessage, who: set[str], ahead: float | None) -> Sent | None:
        """The agent's message right before another one, if it has had no echo from that author yet, or from anyone."""
        if not message.is_message:
            return None
        at, early, prompt = self._now(), 0.0, _PROMPT_UNDATED
        written = self.sent.time_written(message, ahead)
        if written is not None and at - written < _CREDIBLE:
            at, early, prompt = written, _EARLY, _PROMPT
        right_before = (
            e for e in reversed(self.sent.unseen_messages) if e.began - early <= at <= (e.ended or at) + prompt
        )
        return next((e for e in right_before if not (e.returned if self._mirrored else e.returned & who)), None)

    def _know(self, keys: Iterable[str]) -> None:
        """Recognise the agent by these keys from now on; the most recent are kept."""
        for key in keys:
            self._keys.pop(key, None)
            self._keys[key] = None
        _forget(self._keys, _MOST_KEYS)

    def _learn(self, message: ChatMessage) -> None:
        self._know(traits(message))
        self._learnt.append(message.author_name or message.wallet or message.author_user_id or "")


def _forget(remembered: dict[str, Any], most: int) -> None:
    while len(remembered) > most:
        del remembered[next(iter(remembered))]


def _keys(message: ChatMessage) -> list[str]:
    """The keys that identify the author of a message: the user id if there is one, else wallet and name."""
    keys = traits(message)
    return keys[:1] if message.author_user_id else keys
