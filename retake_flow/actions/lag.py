"""Lag: how long after its first frames the platform shows a stream live, learnt from earlier streams of the agent.

All times are seconds since the first frames were sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import ceil, inf
from pathlib import Path
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from retake_flow import private_file
from retake_flow.api.models import STATUS_PACE
from retake_flow.errors import CredentialsError
from retake_flow.quick_dataclasses import dataclass

#: A lag known to this many seconds is known well enough.
PRECISE: Final = 0.2

_KEPT = 8  # streams
_FADES = 0.7  # weight of a stream relative to the next newer one
_MARGIN = 0.15  # seconds; the speed of programs and networks varies
_LATEST = 24.0  # seconds; the guide's thirty leave room for one more poll
_LONGEST = 60.0  # seconds; no stream is confirmed with a longer lag
_POINTS = 8  # of an interval, at which the cost of a poll is computed

Source = Literal["looks", "uptime", "contradicted"]


@dataclass(frozen=True, slots=True)
class Lag:
    """The bounds of the lag that one stream has shown.

    Attributes:
        after: A time at which the stream was not live yet.
        by: A time at which it was live.
        source: The basis: `looks` at the status, or also the `uptime` in it. `contradicted`: looks alone, since the
            uptime counts from another moment on this platform.
    """

    after: float
    by: float
    source: Source = "looks"

    @property
    def width(self) -> float:
        """The uncertainty of the lag."""
        return self.by - self.after

    def within(self, other: Lag) -> Lag | None:
        """The intersection of both; None if they contradict each other."""
        after, by = max(self.after, other.after), min(self.by, other.by)
        sources = (self.source, other.source)
        return Lag(after, by, max(sources, key=get_args(Source).index)) if after < by else None

    def points(self) -> Iterator[float]:
        """Possible values of the lag, equally likely."""
        return (self.after + self.width * (number + 0.5) / _POINTS for number in range(_POINTS))


def trustworthy(lags: Sequence[Lag]) -> Sequence[Lag]:
    """The lags that can be trusted: if the uptime was once misleading, only those from looks."""
    misled = any(lag.source == "contradicted" for lag in lags)
    return [lag for lag in lags if lag.source != "uptime"] if misled else lags


def first_look(lags: Sequence[Lag]) -> float | None:
    """The time of a first poll with which earlier streams would have waited least; newer streams count more.

    A poll that comes too early costs the pause until the next one. So the first poll comes a little later than the lag,
    and a single exception changes nothing.

    Args:
        lags: The lags of earlier streams, newest last.

    Returns:
        None if no lag is known.
    """
    known = trustworthy(lags)
    ends = sorted(chain.from_iterable((lag.by, (lag.after + lag.by) / 2) for lag in known))
    best = min(ends, key=lambda end: _cost(end, known), default=None)
    return None if best is None else min(max(0.0, best + _MARGIN), _LATEST)


def _cost(look: float, lags: Sequence[Lag]) -> float:
    """How long streams with these lags would have waited with a first poll at this time and the guide's interval after
    it.
    """
    weighed = ((_FADES**age, lag) for age, lag in enumerate(reversed(lags)))
    return sum(weight * sum(_wait(look, at) for at in lag.points()) for weight, lag in weighed)


def _wait(look: float, lag: float) -> float:
    return look - lag if lag <= look else (look - lag) % STATUS_PACE


class LagFile:
    """The lags of one agent, in a small file next to its credentials; if it cannot be used, the lags are unknown.

    Args:
        origin: The platform that the lags belong to; a rehearsal teaches nothing about retake.tv.
    """

    def __init__(self, credentials: Path, origin: str) -> None:
        self.path = path_beside(credentials)
        self._platform = urlsplit(origin).hostname or ""

    def load(self) -> tuple[Lag, ...]:
        """The lags that can be read, newest last."""
        entries = self._content().get(self._platform)
        found = (_parse(entry) for entry in entries[-_KEPT:]) if isinstance(entries, list) else ()
        return tuple(lag for lag in found if lag is not None)

    def save(self, lags: Sequence[Lag]) -> None:
        """Save the newest lags.

        Raises:
            OSError: The file cannot be written.
        """
        entries = [[round(lag.after, 3), round(lag.by, 3), lag.source] for lag in lags[-_KEPT:]]
        content = {**self._content(), self._platform: entries}
        private_file.replace(self.path, json.dumps(content).encode() + b"\n")

    def _content(self) -> Mapping[str, Any]:
        try:
            content = json.loads(private_file.read(self.path) or b"{}")
        except (CredentialsError, OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


def path_beside(credentials: Path) -> Path:
    """The path of the lag file for these credentials."""
    return credentials.with_name(f"{credentials.name}.lag")


def _parse(entry: object) -> Lag | None:
    match entry:
        case [int() | float() as after, int() | float() as by, source] if -_LONGEST <= after < by <= _LONGEST:
            known = (each for each in get_args(Source) if each == source)
            return next((Lag(float(after), float(by), each) for each in known), None)
    return None


_CLOCKS_AGREE = 60.0  # seconds on air after which the platform's clock and this machine's may have drifted apart


class Measurement:
    """The measured lag of one push.

    Args:
        began: When its encoder was started, which is before 0.
        known: The lags of earlier pushes, newest last.

    Attributes:
        lag: The result of all polls so far; None until one has found the stream live.
    """

    def __init__(self, began: float, known: Sequence[Lag]) -> None:
        self.lag: Lag | None = None
        self._began = began
        self._known = trustworthy(known)
        self._looks = Lag(began, inf)
        self._trip = 0.0  # seconds from a request to its response
        self._counts = not any(lag.source == "contradicted" for lag in known)

    def add_miss(self, asked: float) -> None:
        """Note a poll, requested at this time, that did not find the stream live."""
        if self.lag is None:
            self._looks = Lag(asked, inf)

    def add_hit(self, asked: float, answered: float, uptime: int) -> None:
        """Note a poll that found the stream live, for this many full seconds."""
        first, self._trip = self.lag is None, answered - asked
        if first:
            self.lag = self._looks = Lag(self._looks.after, answered)
        if self._counts and answered - self._looks.by < _CLOCKS_AGREE:
            self._count(Lag(asked - uptime - 1, answered - uptime, "uptime"))
        if first:
            self._compare()

    def is_informative(self, earliest: float) -> float | None:
        """When one more poll would be most informative, by its uptime; None if it would show nothing new.

        Args:
            earliest: The earliest time of the next poll.
        """
        if self.lag is None or not self._counts or self.lag.width <= PRECISE + self._trip:
            return None
        # At that moment one more second of uptime is either full or not, which halves the possible range of the lag.
        middle = (self.lag.after + self.lag.by) / 2
        return middle + ceil(max(0.0, earliest - middle))

    def _count(self, by_uptime: Lag) -> None:
        """Use the uptime, unless it does not count from the moment of going live."""
        if by_uptime.by < self._began - 1:
            self._counts = False  # it counts an earlier push
        elif by_uptime.by <= self._looks.after or by_uptime.after >= self._looks.by:
            self._counts = False
            self.lag = Lag(self._looks.after, self._looks.by, "contradicted")
        elif self.lag is not None:
            self.lag = self.lag.within(by_uptime) or self.lag

    def _compare(self) -> None:
        """Adopt the more exact lag of an earlier stream, if the two agree."""
        if self.lag is not None and self.lag.source != "contradicted":
            closer = (self.lag.within(known) for known in reversed(self._known) if known.width < self.lag.width)
            self.lag = next((both for both in closer if both is not None), self.lag)
