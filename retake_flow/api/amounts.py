"""Amounts: reads tips and trades as numbers, however the platform writes them."""

from __future__ import annotations

import re
from typing import Any

from retake_flow.api.lenient_json import JsonObject, number, scalars, words

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
    return " ".join(words(data, *_CURRENCIES).split())[:_LONGEST_CURRENCY]


def read_payment(*told: JsonObject) -> dict[str, str | int | float | bool] | None:
    """The relevant fields of a tip or a trade; later objects take precedence. None when there are none."""
    found = {name: value for data in told for name, value in scalars(data, _PAYMENT).items()}
    return found if found or any(told) else None


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
