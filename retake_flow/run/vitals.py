"""Stream vitals from the journal: time on air, viewers, and what the encoder sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from retake_flow.flow.duration import words
from retake_flow.run.records import Record, record_to_run_time

#: A figure older than this many seconds is shown with its age.
FRESH: Final = 45.0
#: Why a stream went off air that was brought back: its encoder, the platform, its picture, a program of the studio, a
#: change of the process that drives the run, or another reason.
REASONS: Final = ("encoder", "offline", "picture", "studio", "process", "other")
_ENCODER: Final = ("bitrate", "fps", "frames", "dropped", "speed")


class Vitals:
    """The last measurements from the records of a run; `now` is the run's own time.

    Its attributes hold plain data only, since they are stored.
    """

    def __init__(self) -> None:
        self._viewers: int | None = None
        self._uptime: Sequence[float] | None = None  # seconds on air, and when that was reported
        self._off_since: float | None = None  # when the stream went off air, or was due on air
        self._was_live = False
        self._to_air: float | None = None  # seconds from when it was due on air until it was, the last time
        self._trouble = ""  # why it is off air, if reported
        self._encoder: Mapping[str, Any] | None = None
        self._encoder_seen = 0.0  # when that was measured
        self._encoder_key = ""
        self._recoveries = dict.fromkeys(REASONS, 0)
        self._cause, self._cause_at = "", 0.0  # what may take the stream off air in the same step, and when
        self._lost_by = REASONS[-1]
        self._last = 0.0

    def note(self, record: Record) -> None:
        """Update the vitals with a record."""
        at = record_to_run_time(record)
        self._blame(record)
        if reason := self._reason(record):
            self._cause, self._cause_at = reason, at
        match record:
            case {"event": "run_ended"}:
                self._encoder = self._uptime = self._off_since = None
            case {"event": "run_resumed"} | {"event": "error", "kind": "not_driven"}:
                self._assume_lost(self._last, "process")  # the programs that its process started ended with it
            case {"event": "action_started", "action": "retake.start_stream"} if not self._uptime:
                self._off_since = self._off_since or at
            case {"event": "activity_started", "action": "studio.encoder", "activity": str(key)}:
                self._encoder_key = key
                self._off_since = self._off_since or at
                self._assume_lost(at)
            case {"event": "activity_ended" | "activity_failed", "activity": key} if key == self._encoder_key:
                self._assume_lost(at)
            case {"event": "state_left", "state": state} if self._encoder_key.startswith((f"{state}:", f"{state}/")):
                self._assume_lost(at)
            case {"event": "notice", "kind": "recovered"}:
                self._recoveries[self._lost_by] += 1
                self._lost_by = REASONS[-1]
            case {"result": dict(result)}:
                self._note_result(result, at)
        self._last = at

    def _blame(self, record: Record) -> None:
        """Remember why the stream is off air according to a record: its encoder or a state's action failed."""
        match record:
            case {"event": "activity_ended", "activity": place, "reason": str(why)} | {
                "event": "error",
                "place": place,
                "message": str(why),
            } if place == self._encoder_key or ":" not in place:
                self._trouble = why

    def _reason(self, record: Record) -> str:
        """Which of the `REASONS` a record is to take the stream off air; "" for none."""
        match record:
            case {"event": "activity_ended" | "activity_failed", "activity": key}:
                return "encoder" if key == self._encoder_key else "studio"
            case {"event": "event_raised", "name": "black" | "frozen"}:
                return "picture"
        return ""

    def _assume_lost(self, at: float, reason: str = "") -> None:
        """Assume that nothing is sent any more."""
        if self._uptime is not None:
            self._off_since = at
            self._lost_by = reason or (self._cause if self._cause_at == at else REASONS[-1])
        self._encoder = self._uptime = None

    def _note_result(self, result: Mapping[str, Any], at: float) -> None:
        if isinstance(result.get("viewers"), int):
            self._viewers = result["viewers"]
        if result.get("is_live") is True and _is_number(result.get("uptime_seconds")):
            if self._off_since is not None:
                self._to_air = at - self._off_since
            self._uptime, self._off_since, self._was_live = (result["uptime_seconds"], at), None, True
            self._trouble = ""
        elif result.get("is_live") is False and self._uptime is not None:
            self._uptime, self._off_since, self._lost_by = None, at, "offline"
        if all(_is_number(result.get(name)) for name in _ENCODER):
            self._encoder, self._encoder_seen = result, at

    def data(self, now: float) -> dict[str, Any]:
        """All vitals as JSON data, without unknown values."""
        data: dict[str, Any] = {} if self._viewers is None else {"viewers": self._viewers}
        if self._uptime is not None:
            data |= {"on_air": True, "uptime_seconds": round(self._uptime[0] + now - self._uptime[1])}
        elif self._off_since is not None:
            data |= {"on_air": False, "off_air_seconds": round(now - self._off_since)}
            data |= {"trouble": self._trouble} if self._trouble else {}
        if self._encoder is not None:
            data |= {**self._encoder, "age_seconds": round(now - self._encoder_seen, 1)}
        return {**data, "recoveries": sum(self._recoveries.values())} if data else {}

    @property
    def recoveries(self) -> Mapping[str, int]:
        """How often the stream was brought back, by what had taken it off air."""
        return self._recoveries

    @property
    def seconds_to_air(self) -> float | None:
        """Seconds from when the stream was last due on air until it was on air; None before that."""
        return self._to_air

    @property
    def viewers(self) -> str:
        """The number of viewers; `-` when it is unknown."""
        return "-" if self._viewers is None else str(self._viewers)

    def on_air(self, now: float) -> str:
        """How long the stream has been on air; "" when it is not known to be on air."""
        if self._uptime is None:
            return ""
        times = sum(self._recoveries.values())
        again = f", brought back {times}×" if times else ""
        return words(self._uptime[0] + now - self._uptime[1]) + again

    def off_air(self, now: float) -> float | None:
        """How many seconds the stream has been off air while it should be on; None when it is not."""
        return None if self._off_since is None or self._uptime is not None else max(0.0, now - self._off_since)

    def stream(self, now: float) -> str:
        """A line saying that the stream is off air, for how long and why; "" when it is on air or not meant to be."""
        seconds = self.off_air(now)
        if seconds is None:
            return ""
        lasting = f"{seconds:.0f} s" if seconds < 59.5 else words(seconds)
        said = f"off air for {lasting}" if self._was_live else f"not on air yet, for {lasting}"
        return f"{said}: {self._trouble}" if self._trouble else said

    def encoder(self, now: float) -> str:
        """What the encoder sends; "" when nothing is known."""
        if self._encoder is None:
            return ""
        seen, at = self._encoder, self._encoder_seen
        said = [
            f"{seen['bitrate']:.0f} kbit/s",
            f"{seen['fps']:.0f} fps",
            f"{seen['frames']} frames",
            f"{seen['dropped']} dropped",
            f"speed {seen['speed']:.2f}",
        ]
        if seen.get("slow_for"):
            said.append(f"too slow for {words(seen['slow_for'])}")
        return ", ".join(said) + (f" ({words(now - at)} ago)" if now - at > FRESH else "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
