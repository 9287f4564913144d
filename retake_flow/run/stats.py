"""Stats of a run: how long it was on air, how many people watched, wrote and tipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Self

from retake_flow.flow.duration import words
from retake_flow.flow.names import STATS
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.records import record_to_run_time

Record = Mapping[str, Any]

_WATCHED: Final = frozenset({"retake.start_stream", "retake.stream_key", "studio.thumbnail"})
_MOST_CURRENCIES = 5  # the rest is counted as `other`
_LONGEST_CURRENCY = 12


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of a run, counted from its records. It is plain data, kept in the run's snapshot.

    Attributes:
        counts: The figures that are counted one by one, by name.
        tipped: The sum of the tips in each currency.
        seconds: How long the streams that are over were on air.
        began: When the present stream went on air, by the run's time.
        seen: The sum of the viewers that were seen while on air, and how often they were.
        doing: The action of each state and activity that counts, by its place.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    tipped: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    began: float | None = None
    seen: tuple[int, int] = (0, 0)
    doing: Mapping[str, str] = field(default_factory=dict)

    @property
    def on_air(self) -> bool:
        """Whether a stream is live."""
        return self.began is not None

    def counting(self, records: Iterable[Record]) -> Self:
        """The stats with some more records; the same object if none of them counts."""
        stats = self
        for record in records:
            stats = stats._with(record)
        return stats

    def _with(self, record: Record) -> Self:
        match record:
            case {"event": "action_started", "action": str(do), "state": str(place)} | {
                "event": "activity_started",
                "action": str(do),
                "activity": str(place),
            } if do in _WATCHED:
                return replace(self, doing={**self.doing, place: do})
            case {"event": "action_finished", "state": place, "outcome": outcome, "result": result} | {
                "event": "activity_result",
                "activity": place,
                "outcome": outcome,
                "result": result,
            }:
                return self._add_viewers(result)._add_action(self.doing.get(place) if outcome == "done" else "", record)
            case {"event": "undo_finished", "action": "retake.stop_stream", **rest}:
                return self._add_viewers(rest.get("result"))._off_air(record_to_run_time(record))
            case {"event": "run_ended"}:
                return self._off_air(record_to_run_time(record))
            case {"event": "notice", "kind": "recovered"}:
                return self._plus("recoveries")
            case {"event": "chat_message", **rest}:
                return (self._plus("authors") if rest.get("newcomer") else self)._plus("messages")._add_payment(rest)
            case {"event": "chat_deed", **rest}:
                return self._add_payment(rest)
        return self

    def shift(self, by: float) -> Self:
        """Shift the stats to a clock that is ahead by some seconds."""
        return self if self.began is None else replace(self, began=self.began + by)

    def figures(self, now: float) -> dict[str, Any]:
        """The figures, named as in `STATS`, at a time by the run's clock."""
        running = 0.0 if self.began is None else max(0.0, now - self.began)
        total, times = self.seen
        return {
            **{name: self.counts.get(name, 0) for name in STATS},
            "seconds_on_air": round(self.seconds + running),
            "viewers_mean": round(total / times, 1) if times else 0.0,
            "tipped": dict(self.tipped),
        }

    def _plus(self, name: str) -> Self:
        return replace(self, counts={**self.counts, name: self.counts.get(name, 0) + 1})

    def _add_action(self, do: str | None, record: Record) -> Self:
        match do:
            case "retake.stream_key":
                return self._plus("keys")
            case "studio.thumbnail":
                return self._plus("thumbnails")
            case "retake.start_stream" if self.began is None:
                return replace(self._plus("streams"), began=record_to_run_time(record))
        return self

    def _add_viewers(self, result: object) -> Self:
        match result:
            case {"viewers": int(viewers)} if viewers >= 0:
                most = max(self.counts.get("viewers_max", 0), viewers)
                seen = (self.seen[0] + viewers, self.seen[1] + 1) if self.on_air else self.seen
                return replace(self, counts={**self.counts, "viewers_max": most}, seen=seen)
        return self

    def _add_payment(self, deed: Record) -> Self:
        match deed:
            case {"kind": "tip", "amount": int() | float() as amount}:
                named = str(deed.get("currency") or "unknown")[:_LONGEST_CURRENCY]
                known = named if named in self.tipped or len(self.tipped) < _MOST_CURRENCIES else "other"
                tipped = {**self.tipped, known: round(self.tipped.get(known, 0.0) + amount, 9)}
                return replace(self._plus("tips"), tipped=tipped)
            case {"kind": "follow"}:
                return self._plus("follows")
            case {"kind": "trade"}:
                return self._plus("trades")
        return self

    def _off_air(self, at: float) -> Self:
        return self if self.began is None else replace(self, seconds=self.seconds + at - self.began, began=None)


def summary(figures: Mapping[str, Any]) -> str:
    """Figures in one line for people; "" when there was no stream."""
    if not figures.get("streams"):
        return ""
    tipped = figures["tipped"].items()
    sums = ", ".join(f"{amount:g}" + ("" if name == "unknown" else f" {name}") for name, amount in tipped)
    said = [
        f"On air for {words(figures['seconds_on_air'])}",
        f"{figures['viewers_max']} watching at most",
        f"messages: {figures['messages']}",
        f"tips: {figures['tips']}" + (f" ({sums})" if sums else ""),
        f"recoveries: {figures['recoveries']}",
    ]
    return "; ".join(said) + "."
