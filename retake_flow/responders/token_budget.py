"""Token budget: counts what language models use in a run, in a file, so that a restart does not reset the count."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from retake_flow import private_file
from retake_flow.errors import CredentialsError, ResponderFailed
from retake_flow.quick_dataclasses import dataclass, field

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of use.

    Attributes:
        cost: Cost of a run, in the currency of the prices.
        input: The price of a million prompt tokens.
        output: The price of a million answer tokens.
    """

    tokens_per_hour: int | None = None
    tokens: int | None = None
    cost: float | None = None
    input: float = 0.0
    output: float = 0.0

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Limits:
        """The limits that a flow sets."""
        named = {name: section[name] for name in ("tokens_per_hour", "tokens", "cost") if name in section}
        return cls(**named, **section.get("price", {}))

    @property
    def any(self) -> bool:
        """Whether any limit is set."""
        return (self.tokens_per_hour, self.tokens, self.cost) != (None, None, None)

    def price(self, use: Use) -> float:
        """The cost of a use."""
        return (use.input * self.input + use.output * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class Use:
    """One request and its answer."""

    input: int
    output: int

    @property
    def tokens(self) -> int:
        """The tokens of both together."""
        return self.input + self.output


@dataclass(slots=True)
class Booking:
    """A counted use.

    Attributes:
        at: When, in seconds since the epoch.
    """

    at: float
    tokens: int
    cost: float = 0.0


@dataclass(slots=True)
class _Account:
    """The use of a run so far."""

    tokens: int = 0
    cost: float = 0.0
    lately: list[Booking] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)  # when each limit was reported


class Ledger:
    """The token account of one run."""

    def __init__(self, path: Path | None = None, now: Callable[[], float] = time.time) -> None:
        """Prepare to count.

        Args:
            path: The file; None to count in memory only.
            now: Seconds since the epoch.
        """
        self._path = path
        self._now = now
        self._account: _Account | None = None

    def exceeded_limit(self, limits: Limits, use: Use) -> tuple[str, str]:
        """The limit that a use of at most this size would exceed: its name and the amount used; "" and "" if none.

        Raises:
            ResponderFailed: The file cannot be read.
        """
        account = self._read()
        hour = sum(each.tokens for each in account.lately if each.at > self._now() - _HOUR)
        if limits.tokens is not None and account.tokens + use.tokens > limits.tokens:
            return "tokens", f"{account.tokens} of {limits.tokens} tokens in this run are used"
        if limits.cost is not None and account.cost + limits.price(use) > limits.cost:
            return "cost", f"{account.cost:.2f} of {limits.cost:.2f} in this run are spent"
        if limits.tokens_per_hour is not None and hour + use.tokens > limits.tokens_per_hour:
            return "tokens_per_hour", f"{hour} of {limits.tokens_per_hour} tokens in an hour are used"
        return "", ""

    def book(self, limits: Limits, use: Use) -> Booking:
        """Count a use.

        Raises:
            ResponderFailed: The file cannot be written.
        """
        account, booking = self._read(), Booking(self._now(), use.tokens, limits.price(use))
        account.tokens += booking.tokens
        account.cost += booking.cost
        account.lately = [*(each for each in account.lately if each.at > self._now() - _HOUR), booking]
        self._write()
        return booking

    def settle(self, booking: Booking, limits: Limits, use: Use) -> None:
        """Replace an estimated use by the actual one.

        Raises:
            ResponderFailed: The file cannot be written.
        """
        account = self._read()
        account.tokens += use.tokens - booking.tokens
        account.cost += limits.price(use) - booking.cost
        booking.tokens, booking.cost = use.tokens, limits.price(use)
        self._write()

    def should_report(self, limit: str) -> bool:
        """Whether to notify now that a limit is reached: once per run, or per hour for an hourly limit.

        Raises:
            ResponderFailed: The file cannot be written.
        """
        told = self._read().told
        if limit in told and not (limit == "tokens_per_hour" and told[limit] <= self._now() - _HOUR):
            return False
        told[limit] = self._now()
        self._write()
        return True

    def _read(self) -> _Account:
        if self._account is None:
            self._account = _Account() if self._path is None else _load(self._path)
        return self._account

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            private_file.replace(self._path, json.dumps(asdict(self._read())).encode())
        except OSError as error:
            raise ResponderFailed(f"{self._path}, the account of tokens, cannot be written: {error.strerror}") from None


def _load(path: Path) -> _Account:
    try:
        content = private_file.read(path)
        if content is None:
            return _Account()
        kept = json.loads(content)
        lately = [Booking(float(each["at"]), int(each["tokens"]), float(each["cost"])) for each in kept["lately"]]
        told = {str(limit): float(when) for limit, when in kept["told"].items()}
        return _Account(int(kept["tokens"]), float(kept["cost"]), lately, told)
    except (CredentialsError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        raise ResponderFailed(
            f"{path}, the account of tokens, cannot be read", hint="delete it to begin counting at nothing"
        ) from None
