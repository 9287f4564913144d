"""Figures of a run, stored with its snapshot, so that its status is known without reading its whole journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self

from retake_flow.run.records import Record, record_to_run_time
from retake_flow.run.scenes import Scenes
from retake_flow.run.vitals import Vitals

#: The version of the stored form. Figures of any other version are counted again from the journal.
VERSION: Final = 5


class Figures:
    """The figures of a journal, up to one of its records.

    Attributes:
        number: The number of the last record that was counted.
        vitals: The state of the stream.
        scenes: The scene that is on.
        unanswered: The messages in chat since the agent wrote last.
        asked: When the first of them was read, by the run's time; None without one.
        reactions: How often the agent wrote after messages, and the sum of the seconds since the first of them.
    """

    def __init__(self) -> None:
        self.number = 0
        self.vitals = Vitals()
        self.scenes = Scenes()
        self.unanswered = 0
        self.asked: float | None = None
        self.reactions: tuple[int, float] = (0, 0.0)

    def count(self, records: Iterable[tuple[int, Record]]) -> None:
        """Count records with their numbers; those that are counted already are passed over."""
        for number, record in records:
            if number <= self.number:
                continue
            self.number = number
            self.vitals.note(record)
            self.scenes.note(record, record_to_run_time(record))
            match record["event"]:
                case "chat_message":
                    self.unanswered += 1
                    self.asked = record_to_run_time(record) if self.asked is None else self.asked
                case "chat_sent":
                    self._note_answer(record_to_run_time(record))

    def _note_answer(self, at: float) -> None:
        if self.asked is not None:
            times, seconds = self.reactions
            self.reactions = times + 1, round(seconds + max(0.0, at - self.asked), 3)
        self.unanswered, self.asked = 0, None

    def dump(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "version": VERSION,
            "number": self.number,
            "unanswered": self.unanswered,
            "asked": self.asked,
            "reactions": self.reactions,
            "vitals": vars(self.vitals),
            "scenes": vars(self.scenes),
        }

    @classmethod
    def load(cls, data: Any) -> Self:
        """The figures in data that `dump` made; fresh ones, which have counted nothing, when it made none."""
        figures = cls()
        match data:
            case {
                "version": int(version),
                "number": int(number),
                "unanswered": int(unanswered),
                "asked": None | int() | float() as asked,
                "reactions": [int(times), int() | float() as seconds],
                "vitals": dict(vitals),
                "scenes": dict(scenes),
            } if version == VERSION and all(
                vars(mine).keys() == stored.keys()
                for mine, stored in ((figures.vitals, vitals), (figures.scenes, scenes))
            ):
                figures.number, figures.unanswered = number, unanswered
                figures.asked, figures.reactions = asked, (times, seconds)
                vars(figures.vitals).update(vitals)
                vars(figures.scenes).update(scenes)
        return figures
