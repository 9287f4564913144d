"""Deduplication: which messages of a chat are new: each counts once, and those from before the stream are history."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

from retake_flow.api.chat import VIEWER_EVENTS, ChatMessage
from retake_flow.quick_dataclasses import dataclass


def digest_of(text: str) -> str:
    """A few letters that stand for a text."""
    return b64encode(_digest(text, 6)).decode()


class Digests:
    """The most recently added texts; the oldest are forgotten first.

    Args:
        width: Bytes per text: with n texts, another text counts as known by chance in n of 256^width cases.
        most: How many texts are remembered.
        kept: The result of `pack`, or the texts themselves.
    """

    def __init__(self, width: int, most: int, kept: object = "") -> None:
        self._width = width
        self._most = most
        self._digests: dict[bytes, None] = {}
        if isinstance(kept, str):
            self._unpack(kept)
        elif isinstance(kept, list | tuple):
            self.add(str(text) for text in kept)

    def __contains__(self, text: str) -> bool:
        return self._digest(text) in self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def add(self, texts: Iterable[str]) -> None:
        """Remember texts as the newest, even if they were known."""
        for text in texts:
            digest = self._digest(text)
            self._digests.pop(digest, None)
            self._digests[digest] = None
        while len(self._digests) > self._most:
            del self._digests[next(iter(self._digests))]

    def pack(self) -> str:
        """All of them packed into one text, from which they can be restored."""
        return b64encode(b"".join(self._digests)).decode()

    def _digest(self, text: str) -> bytes:
        return _digest(text, self._width)

    def _unpack(self, kept: str) -> None:
        try:
            data = b64decode(kept, validate=True)
        except (Error, ValueError):
            return  # written by an older version
        starts = range(0, len(data) - self._width + 1, self._width)
        self._digests = {data[start : start + self._width]: None for start in starts}


def _digest(text: str, width: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=width).digest()


#: How a message arrived: by polling, or in real time.
Way = Literal["poll", "socket"]

_MOST_SEEN = 3_000
_MOST_POLLED = 300
# Of messages that came by one way only, while ids might differ between the ways.
_MOST_SINGLE = 200
_LONGEST_SINGLE = 120.0  # seconds
# The largest difference (seconds) between the two times of one message, and of one other act.
_SAME_TIME = 1.0
_SAME_DEED = 10.0


class Dedup:
    """The ids of all messages read, and those that may arrive again under another id.

    Args:
        kept: The result of `snapshot`.
    """

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self._seen = Digests(6, _MOST_SEEN, kept.get("seen", ""))
        self._polled = Digests(6, _MOST_POLLED, kept.get("polled", kept.get("seen", "")))
        self._single: list[list[Any]] = [list(each) for each in kept.get("single", ())]
        self._both = True
        self._shared: list[str] = list(kept.get("shared", ()))

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "seen": self._seen.pack(),
            "polled": self._polled.pack(),
            "single": [list(each) for each in self._single],
            "shared": list(self._shared),
        }

    def has_read(self, message: ChatMessage) -> bool:
        """Whether a message was read, however it arrived."""
        return any(key in self._seen for key in message.ids)

    def has_polled(self, message: ChatMessage) -> bool:
        """Whether a message was in an earlier poll; if so, everything older was too."""
        return message.id in self._polled

    def skip(self, messages: Sequence[ChatMessage]) -> None:
        """Mark messages as read that need no handling, such as history."""
        self._seen.add(key for message in messages for key in message.ids)
        self._polled.add(message.id for message in messages)

    def read(self, messages: Sequence[ChatMessage], way: Way, now: float, *, both: bool) -> list[ChatMessage]:
        """Mark messages that arrived one way as read, oldest first; returns the new ones.

        Args:
            messages: The messages.
            way: How they arrived.
            now: Seconds since the epoch.
            both: Whether the same messages may also arrive the other way.
        """
        self._both = both
        self._single = [each for each in self._single if now - each[-1] < _LONGEST_SINGLE][-_MOST_SINGLE:]
        news = [message for message in messages if self._is_news(message, way, now)]
        if way == "poll":
            self._polled.add(message.id for message in messages)
        return news

    def _is_news(self, message: ChatMessage, way: Way, now: float) -> bool:
        if self.has_read(message):
            self._meet_again(message, way)
            return False
        twin = self._twin(message, way)
        self._seen.add(message.ids)
        if twin is not None:
            self._single.remove(twin)
            return False
        if self._both and message.kind not in self._shared:
            self._single.append([way, *_traits(message), now])
        return True

    def _meet_again(self, message: ChatMessage, way: Way) -> None:
        """Learn, from an id that arrives both ways, that ids of its kind are the same both ways."""
        if message.kind not in self._shared and any(
            each[0] != way and each[1:-1] == _traits(message) for each in self._single
        ):
            self._shared.append(message.kind)
            self._single = [each for each in self._single if each[1] != message.kind]

    def _twin(self, message: ChatMessage, way: Way) -> list[Any] | None:
        """The same message as it arrived the other way, under another id."""
        kind, who, what, at = _traits(message)
        if kind in self._shared or at is None:
            return None
        apart = _SAME_TIME if kind == "message" else _SAME_DEED
        for each in self._single:
            known_way, known_kind, known_who, known_what, known_at, _ = each
            if (
                (known_way, known_kind, known_what) == ("poll" if way == "socket" else "socket", kind, what)
                and set(known_who) & set(who)
                and known_at is not None
                and abs(known_at - at) <= apart
            ):
                return each
        return None


def _traits(message: ChatMessage) -> list[Any]:
    """The fields that are the same however a message arrives: its kind, author, text and time."""
    who = [digest_of(key) for key in (message.author_user_id, message.wallet, message.author_name.casefold()) if key]
    what = f"{message.amount}" if message.kind == "tip" or message.kind in VIEWER_EVENTS else message.text
    return [message.kind, who, digest_of(what), _seconds(message.sent_at)]


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


# --- history ------------------------------------------------------------------------------------------------

#: How far two clocks may differ if nothing is known of them, in seconds: answering an old message does less harm than
#: missing a new one.
CLOCKS_DIFFER = 60.0


@dataclass(slots=True)
class History:
    """Decides which messages are older than the stream: the first reading by time, later ones by id.

    Attributes:
        since: When the stream began, by the run's time; None if nothing is history.
        before: The same by the platform's clock, once the first messages were read.
    """

    since: float | None = None
    before: float | None = None

    def cutoff(self, ahead: float | None) -> float | None:
        """The time, by the platform's clock, before which messages are history.

        Args:
            ahead: How many seconds that clock is ahead of the run's time at least; None if unknown.
        """
        if self.before is not None or self.since is None:
            return self.before
        return self.since - CLOCKS_DIFFER if ahead is None else self.since + ahead

    def begin(self, messages: Sequence[ChatMessage], ahead: float | None, first_own: int | None) -> list[ChatMessage]:
        """Process the first messages read, oldest first; returns those that are history.

        Args:
            messages: All messages there are.
            ahead: As for `cutoff`.
            first_own: The index of the agent's first message since the stream began; None if there is none. Later
                messages are new.
        """
        self.before = before = self.cutoff(ahead)
        if before is None:
            return []
        sides = [None if message.sent_at is None else is_older(message, before) for message in messages]
        if first_own is not None:
            undated = all(side is None for side in sides)
            sides = [(True if undated else side) for side in sides[:first_own]] + [False] * len(sides[first_own:])
        return [message for message, old in zip(messages, _are_old(sides), strict=True) if old]

    def without_old(self, messages: Sequence[ChatMessage], known: Callable[[ChatMessage], bool]) -> list[ChatMessage]:
        """Of messages after the first reading, oldest first, those that are not history.

        A message after a known one is new, whatever its date.
        """
        first_known = next((at for at, message in enumerate(messages) if known(message)), len(messages))
        return [m for at, m in enumerate(messages) if at >= first_known or not is_older(m, self.before)]


def is_older(message: ChatMessage, before: float | None) -> bool:
    """Whether a message is dated before a time, by the platform's clock."""
    return before is not None and message.sent_at is not None and message.sent_at.timestamp() < before


def _are_old(sides: Sequence[bool | None]) -> list[bool]:
    """Whether each message is history; one without a date counts as the next one with a date does."""
    found, following = [], False
    for side in reversed(sides):
        following = following if side is None else side
        found.append(following)
    return found[::-1]
