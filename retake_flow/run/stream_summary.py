"""Summary of a stream from the journal: how long it ran, how many people watched, wrote and tipped."""

from __future__ import annotations

from retake_flow.flow.duration import words
from retake_flow.run.dates import record_to_run_time
from retake_flow.run.records import Record


class StreamSummary:
    """Counts the records of a run's journal from its beginning."""

    def __init__(self) -> None:
        self._starting: list[str] = []  # only plain data here: it is stored
        self._began: float | None = None
        self._on_air = 0.0
        self._streams = 0
        self._recoveries = 0
        self._viewers = 0
        self._messages = 0
        self._tips = 0
        self._tipped = 0.0

    @property
    def on_air(self) -> bool:
        """Whether a stream is live."""
        return self._began is not None

    def count(self, record: Record) -> None:
        """Count one record."""
        match record:
            case {"event": "action_started", "action": "retake.start_stream", "state": state} if (
                state not in self._starting
            ):
                self._starting.append(state)
            case {"event": "action_finished", "outcome": "done", "state": state} if state in self._starting:
                self._start_push(record_to_run_time(record))
            case {"event": "undo_finished", "action": "retake.stop_stream"}:
                self._end_push(record_to_run_time(record), record.get("result"))
            case {"event": "notice", "kind": "recovered"}:
                self._recoveries += 1
            case {"event": "chat_message"}:
                self._messages += 1
            case {"event": "event_raised", "name": "tip", "by": str(), "data": {"amount": int() | float() as amount}}:
                self._tips += 1
                self._tipped += amount
            case {"event": "activity_result" | "action_finished", "result": {"viewers": int(viewers)}}:
                self._viewers = max(self._viewers, viewers)

    def figures(self, now: float) -> dict[str, int | float]:
        """The summary as data, at a time."""
        running = 0.0 if self._began is None else max(0.0, now - self._began)
        return {
            "seconds_on_air": round(self._on_air + running),
            "viewers_max": self._viewers,
            "messages": self._messages,
            "tips": self._tips,
            "tipped": self._tipped,
            "recoveries": self._recoveries,
        }

    @property
    def text(self) -> str:
        """The summary in one line; "" when there was no stream."""
        if not self._streams:
            return ""
        said = [
            f"On air for {words(self._on_air)}",
            f"{self._viewers} watching at most",
            f"messages: {self._messages}",
            f"tips: {self._tips}" + (f" ({self._tipped:g})" if self._tips else ""),
            f"recoveries: {self._recoveries}",
        ]
        return "; ".join(said) + "."

    def _start_push(self, at: float) -> None:
        if self._began is None:
            self._streams += 1
            self._began = at

    def _end_push(self, at: float, result: object) -> None:
        if self._began is not None:
            self._on_air += max(0.0, at - self._began)
        self._began = None
        match result:
            case {"viewers": int(viewers)}:
                self._viewers = max(self._viewers, viewers)
