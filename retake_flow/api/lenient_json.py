"""Lenient JSON: reads fields that may be missing, null, of an undocumented type, or too long.

Every value of an answer or an event is read here, so that none is longer than its limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from retake_flow.errors import UnexpectedAnswer
from retake_flow.sanitize import cut, strip_controls

JsonObject = Mapping[str, Any]

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SECONDS_END = 10_000_000_000  # a smaller epoch is in seconds, a larger one in thousandths of them, or of those
_EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime.fromtimestamp(_SECONDS_END, UTC)
_LONGEST_TIME: Final = 64
#: Characters. A longer id or address is invalid: cut off, it would be another one.
LONGEST_ID: Final = 256
LONGEST_NAME: Final = 100
#: The longest text; the rest is cut off.
LONGEST_TEXT: Final = 2_000
#: The longest token, key or push address.
LONGEST_SECRET: Final = 4_000
_LONGEST_NUMBER: Final = 400
_LARGEST_ID: Final = 10**40
_LARGEST_COUNT: Final = 2**53


def as_object(value: object, of: str) -> JsonObject:
    """The JSON object that an answer has to be.

    `of` says for messages what was requested.

    Raises:
        UnexpectedAnswer: The value is something else.
    """
    if isinstance(value, Mapping):
        return value
    raise UnexpectedAnswer(f"retake.tv's response about {of} is not a JSON object")


def member(data: JsonObject, name: str) -> JsonObject:
    """The object under `name`, or an empty one."""
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}


def text(data: JsonObject, *names: str, most: int = LONGEST_TEXT) -> str:
    """The first non-empty text under one of `names`, without anything that a terminal would obey; "" for none."""
    return strip_controls(raw_text(data, *names)[: 2 * most])[:most]


def identifier(data: JsonObject, *names: str, most: int = LONGEST_ID) -> str:
    """The first id under one of `names`, exactly as sent; "" when there is none within the length limit."""
    return next((found for name in names if (found := raw_text(data, name)) and len(found) <= most), "")


def address(data: JsonObject, *names: str) -> str:
    """The address of a wallet or a token under one of `names`, without anything that a terminal would obey."""
    return strip_controls(identifier(data, *names))


def raw_text(data: JsonObject, *names: str) -> str:
    """The first text under one of `names` as it was sent, of any length; whole numbers count as text."""
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_ID:
            return str(value)
    return ""


def number(data: JsonObject, name: str) -> float | None:
    """The finite number under `name`, even if it is written as text."""
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(data: JsonObject, *names: str) -> int:
    """The first whole number above 0 under one of `names`; 0 when there is none."""
    found = (int(number(data, name) or 0) for name in names)
    return next((each for each in found if 0 < each <= _LARGEST_COUNT), 0)


def figure(data: JsonObject, *names: str) -> float:
    """The first number under one of `names`; 0 when there is none."""
    return next((found for name in names if (found := number(data, name)) is not None), 0.0)


def line(data: JsonObject, *names: str, most: int) -> str:
    """The first text under one of `names`, on one line of at most `most` characters, safe for a terminal."""
    return cut(" ".join(text(data, *names, most=2 * most).split()), most)


def epoch(data: JsonObject, *names: str) -> float:
    """The first time under one of `names`, in seconds since the epoch; 0 when there is none."""
    found = moment(data, *names)
    return found.timestamp() if found else 0.0


def moment(data: JsonObject, *names: str) -> datetime | None:
    """The first time under one of `names`, in UTC, however it is written; None when none can be read.

    Epochs may be in seconds or any thousandth of them. A time before the platform existed or
    centuries ahead is invalid.
    """
    for name in names:
        wrapped = {"$date": data.get(name), **member(data, name)}  # as MongoDB writes it, or plain
        with suppress(ValueError, OverflowError, OSError):
            given = number(wrapped, "$date")
            if given is None:
                found = datetime.fromisoformat(text(wrapped, "$date", most=_LONGEST_TIME))
                found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
            else:
                while abs(given) >= _SECONDS_END:
                    given /= 1000
                found = datetime.fromtimestamp(given, UTC)
            if _EARLIEST <= found < _LATEST:
                return found
    return None


def required_text(data: JsonObject, name: str, of: str) -> str:
    """The text under `name` word for word, without control characters other than tabs and line feeds.

    Raises:
        UnexpectedAnswer: There is none.
    """
    found = _CONTROLS.sub("", raw_text(data, name)[: 2 * LONGEST_TEXT])[:LONGEST_TEXT]
    if not found:
        raise UnexpectedAnswer(f"retake.tv's response about {of} has no usable `{name}`")
    return found


def required_flag(data: JsonObject, name: str, of: str) -> bool:
    """The boolean under `name`.

    Raises:
        UnexpectedAnswer: There is no boolean.
    """
    found = data.get(name)
    if not isinstance(found, bool):
        raise UnexpectedAnswer(f"retake.tv's response about {of} has no usable `{name}`")
    return found


def well_formed(value: str) -> str:
    """The text with lone surrogates replaced, so that it can be written as UTF-8."""
    return value.encode("utf-8", "replace").decode("utf-8")


_NAMES = ("amount", "value", "tip_amount", "trade_amount", "amount_usd", "usd_amount", "total")
_CURRENCIES = ("currency", "symbol", "ticker", "token_ticker", "unit")
_LONGEST_CURRENCY = 20
_PAYMENT = (*_NAMES, *_CURRENCIES, "side", "type", "action")
# `$5`, `1,000.50`, `5 USD`: a number with the usual text around it.
_WRITTEN = r"[^\d.+-]{0,5}(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*[A-Za-z$€£]{0,10}"
_MOST = 1e15


def read_amount(data: JsonObject) -> float | None:
    """The amount, which is never negative; None when it is missing or not a number.

    A whole amount is an `int`, so that it prints without a decimal point.
    """
    for name in _NAMES:
        if data.get(name) is not None:
            return _read(data, name)
    return None


def read_currency(data: JsonObject) -> str:
    """The currency of the amount; "" when it is missing."""
    return " ".join(text(data, *_CURRENCIES).split())[:_LONGEST_CURRENCY]


def read_payment(*sources: JsonObject) -> dict[str, str | int | float | bool] | None:
    """The relevant fields of a tip or a trade that are neither objects nor lists, none longer than a name.

    Later objects take precedence. None when there are none.
    """
    found = {
        name: value[:LONGEST_NAME] if isinstance(value, str) else value
        for data in sources
        for name in _PAYMENT
        if isinstance(value := data.get(name), str | float) or (isinstance(value, int) and abs(value) < _LARGEST_ID)
    }
    return found if found or any(sources) else None


def _read(data: JsonObject, name: str) -> float | None:
    value: Any = data[name]
    if isinstance(value, str):
        found = re.fullmatch(_WRITTEN, value.strip())
        if found:
            data = {name: found[1].replace(",", "")}
    amount = number(data, name)
    if amount is None or not 0 <= amount <= _MOST:
        return None
    return int(amount) if amount.is_integer() else amount
