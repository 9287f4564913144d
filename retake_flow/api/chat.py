"""Chat: reads both shapes of retake.tv's chat into one.

The documented comment nests its author. The one observed live is flat, newest first, and carries tips, trades and
acts of moderation too. Ids are opaque: order comes from a message's position and time. `realtime.read_event` reads what
comes over the real-time connection into the same `ChatMessage`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from retake_flow.api.lenient_json import (
    LONGEST_NAME,
    JsonObject,
    address,
    identifier,
    member,
    moment,
    read_amount,
    read_currency,
    read_payment,
    text,
)
from retake_flow.api.spelling import same_name
from retake_flow.errors import UnexpectedAnswer
from retake_flow.quick_dataclasses import dataclass

_MODERATION = frozenset({"jail", "unjail", "delete", "deleteall"})
#: The acts of viewers besides messages and tips.
VIEWER_EVENTS = frozenset({"follow", "trade"})
_LONGEST_KIND = 40
_AT_ONCE = 100  # entries
# Per page: the entries that are looked at, and those that are returned; a hundred are requested.
_MOST_ENTRIES, _MOST_READ = 10_000, 2_500
_KEYS = {"_id": None, "chat_event_id": None, "id": None}.keys()  # the first that is present counts
_TIMES = ("timestamp", "createdAt", "created_at", "sent_at")


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One entry of a chat.

    Attributes:
        id: Opaque; the cursor for paging back.
        kind: "message", "tip", or another kind of the platform's, in lower case.
        text: The text, without anything that a terminal would obey; it is data and never a command.
        author_display_name: The name to address the author by.
        author_user_id: The author's userDbId; None in the documented shape, which has none.
        sent_at: When it was sent, in UTC.
        also: Other ids that the platform uses for the same entry.
    """

    id: str
    kind: str
    text: str
    author_name: str
    author_display_name: str
    author_user_id: str | None
    wallet: str
    sent_at: datetime | None
    tip: Mapping[str, Any] | None = None
    trade: Mapping[str, Any] | None = None
    also: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that the platform uses for this entry."""
        return (self.id, *self.also)

    @property
    def amount(self) -> float | None:
        """The amount of the tip or trade, in the platform's unit; None when it is not a number."""
        return read_amount(self.tip or self.trade or {})

    @property
    def currency(self) -> str:
        """The currency of the tip or trade; "" when the platform does not say."""
        return read_currency(self.tip or self.trade or {})

    @property
    def side(self) -> str:
        """Whether a trade buys or sells: `buy`, `sell`, or "" when the platform does not say."""
        action = text(self.trade or {}, "side", "type", "action").lower()
        return next((side for side in ("buy", "sell") if side in action), "")

    @property
    def is_message(self) -> bool:
        """Whether the entry is a message to answer, and not an act without words, such as a follow or a trade."""
        return not self.is_moderation and (bool(self.text) or self.kind not in VIEWER_EVENTS)

    @property
    def is_moderation(self) -> bool:
        """Whether the entry is an act of moderation, which nobody answers."""
        return re.sub("[^a-z]", "", self.kind) in _MODERATION


class Page(list[ChatMessage]):
    """Entries of a chat, oldest first.

    Attributes:
        unreadable: The number of entries skipped for invalid ids: they could neither be recognised again nor paged
            from.
    """

    unreadable = 0


async def read_comments(answer: object) -> Page:
    """Read a page of chat, oldest first; yields to other tasks, since the page may be far longer than requested.

    Args:
        answer: Parsed JSON: a list, or an object with one under `comments`.

    Raises:
        UnexpectedAnswer: The answer is neither, or no entry has a possible id.
    """
    entries = _entries(answer)
    read: list[ChatMessage | None] = []
    for start in range(0, len(entries), _AT_ONCE):
        read += map(read_message, entries[start : start + _AT_ONCE])
        await asyncio.sleep(0)
    messages = Page(message for message in read if message is not None)
    if entries and not messages and not any(isinstance(entry, Mapping) and _KEYS & entry.keys() for entry in entries):
        raise UnexpectedAnswer("retake.tv's answer about the chat holds no entry with an id")
    if not _oldest_first(messages):
        messages.reverse()
    messages.unreadable = len(entries) - len(messages)
    del messages[:-_MOST_READ]
    return messages


def read_message(entry: object) -> ChatMessage | None:
    """Read one chat entry in either shape; None when it has no id."""
    if not isinstance(entry, Mapping):
        return None
    data: JsonObject = entry
    key = identifier(data, *_KEYS)
    if not key:
        return None
    author = member(data, "author")
    tip, trade = member(data, "tip_data"), member(data, "trade_data")
    shown = text(data, "sender_display_name", most=LONGEST_NAME)
    name = text(author, "fusername", most=LONGEST_NAME) or text(data, "sender_username", most=LONGEST_NAME) or shown
    return ChatMessage(
        id=key,
        kind=" ".join(text(data, "type").lower().split())[:_LONGEST_KIND] or "message",
        text=text(data, "text"),
        author_name=name,
        author_display_name=shown or name,
        author_user_id=identifier(data, "sender_user_id") or None,
        wallet=address(author, "walletAddress") or address(data, "sender_wallet_address"),
        sent_at=moment(data, *_TIMES),
        tip=read_payment(tip),
        trade=read_payment(trade),
        also=deed_ids(tip, trade),
    )


def deed_ids(*sources: JsonObject) -> tuple[str, ...]:
    """The ids of the tip or trade itself."""
    names = ("trade_id", "tip_id", "signature", "tx_hash", "tx_signature", "transaction_id")
    return tuple(dict.fromkeys(str(key) for data in sources for name in names if (key := identifier(data, name))))


def is_own(message: ChatMessage, user_db_id: str, agent_name: str, wallet: str = "") -> bool:
    """Whether the agent itself wrote the message.

    Decided by user id if the message has one, because a name can be imitated; otherwise by wallet, or by name in any
    spelling.
    """
    if message.author_user_id and user_db_id:
        return message.author_user_id == user_db_id
    if wallet and message.wallet == wallet:
        return True
    return any(same_name(agent_name, name) for name in (message.author_name, message.author_display_name))


def _entries(answer: object) -> Sequence[object]:
    if isinstance(answer, Mapping) and "comments" in answer:
        answer = [] if answer["comments"] is None else answer["comments"]
    if not isinstance(answer, list):
        raise UnexpectedAnswer("retake.tv's answer about the chat is not a list of comments")
    return answer[:_MOST_ENTRIES]


def _oldest_first(messages: Sequence[ChatMessage]) -> bool:
    # The documented shape does not state its order. Most neighbours decide, so that one message out of place (a pinned
    # one) reverses nothing; a tie is read as newest first, which is what was observed.
    times = [message.sent_at for message in messages if message.sent_at]
    later = sum(before < after for before, after in pairwise(times))
    earlier = sum(before > after for before, after in pairwise(times))
    return later > earlier
