"""Viewer events: entries of a chat as events that a flow can react to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow.api.chat import DEEDS, ChatMessage
from retake_flow.ports.actions import Noted
from retake_flow.sanitize import strip_controls

LONGEST_NAME = 40
LONGEST_TEXT = 2_000
LONGEST_ID = 200


def name_of(message: ChatMessage) -> str:
    """The display name of a message's author."""
    return " ".join((message.author_display_name or message.author_name).split())[:LONGEST_NAME] or "friend"


def shown_id(key: str) -> str:
    """An id for records, where nobody pages by it."""
    return strip_controls(key)[:LONGEST_ID]


def events(message: ChatMessage, newcomer: bool) -> Iterator[Noted]:
    """The events of one chat entry, as `chat.respond` declares them."""
    author = {"author": name_of(message)}
    if newcomer and message.is_message:
        yield "first_message", author
    match message.kind:
        case "tip":
            text = message.text[:LONGEST_TEXT]
            yield "tip", {"amount": message.amount or 0, **author, "text": text, "currency": message.currency}
        case "trade":
            yield "trade", {"amount": message.amount or 0, "side": message.side, **author}
        case "follow":
            yield "follow", author


def records(message: ChatMessage) -> Iterator[Noted]:
    """The records of one chat entry."""
    about: dict[str, Any] = {"id": shown_id(message.id), "author": name_of(message), "kind": message.kind}
    paid = message.kind in ("tip", "trade")
    if paid:
        about["amount"] = message.amount or 0
        about |= {"currency": message.currency} if message.currency else {}
    if message.is_message:
        yield "chat_message", {**about, "text": message.text[:LONGEST_TEXT]}
    else:
        yield "chat_deed", {**about, **({"side": message.side} if message.kind == "trade" else {})}
    if paid and message.amount is None:
        told = {**(message.tip or message.trade or {})}.get("amount")
        yield "chat_unreadable", {"id": about["id"], "what": "amount", "told": strip_controls(str(told))[:LONGEST_NAME]}


def line(message: ChatMessage) -> str:
    """How one chat entry shows on stream."""
    author = name_of(message)
    match message.kind:
        case "tip":
            return f"* {author} tips {message.amount or 0} {message.currency}".rstrip() + _said(message)
        case "follow":
            return f"* {author} follows"
        case "trade":
            does = {"buy": "buys", "sell": "sells"}.get(message.side, "trades")
            return f"* {author} {does} {message.amount or 0}" + _said(message)
    return f"{author}: {_flat(message.text)}"


def counts(message: ChatMessage) -> bool:
    """Whether an entry is a viewer's: acts of moderation are not."""
    return message.is_message or message.kind in DEEDS


def _said(message: ChatMessage) -> str:
    return f": {_flat(message.text)}" if message.text else ""


def _flat(text: str) -> str:
    # On one line, so that no message can look like somebody else's.
    return " ".join(text.split())
