"""Deduplication: remembers which messages of a chat were read, and how they arrived, so that each counts once."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

from retake_flow.api.chat import VIEWER_EVENTS, ChatMessage


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
