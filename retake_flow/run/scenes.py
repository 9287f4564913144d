"""Scenes: decides from a run's records which scene viewers see."""

from __future__ import annotations

from typing import Final

from retake_flow.flow.schema.builders import SCENES
from retake_flow.run.records import Record

#: How long "be right back" stays after everything works again, and at most, in seconds: a flow may go on without a
#: program that has failed.
LINGERS: Final = 1.5
LONGEST: Final = 20.0
#: How long "starting soon" stays after the first frames, in seconds. The platform shows most streams later, so that the
#: first thumbnail can be taken ahead.
OPENS: Final = 2.0
#: After so many seconds of a running encoder the stream counts as live, also in a flow that does not ask the platform.
UNASKED: Final = 10.0

_CONTENT: Final = "studio.content"
_ENCODER: Final = "studio.encoder"


class Scenes:
    """The scene that is on, by the records of a run.

    Its attributes hold plain data only, since they are stored.

    Attributes:
        on_air_since: When the stream was live first, in seconds since the epoch.
    """

    def __init__(self) -> None:
        self.on_air_since: float | None = None
        self._programs: dict[str, str] = {}  # activity to action, of the studio
        self._up: dict[str, bool] = {}  # whether a program is up, once it has been ready
        self._content = ""  # the activity whose content viewers see
        self._staged = False  # whether that content is the stage
        self._chosen = ""  # by the flow
        self._operators = ""  # the scene that an operator has chosen
        self._until: float | None = None  # when that ends
        self._encoding_since: float | None = None
        self._healing_since: float | None = None
        self._healed_at: float | None = None
        self._unconfirmed = False
        self._stopping = False
        self._over = False

    def visible(self, now: float) -> str:
        """The scene that viewers see at a time; "" when they see no content, or the log of a flow without scenes."""
        self._settle(now)
        staged = self._staged or (self._operators or self._chosen) not in ("", *SCENES)
        return self.at(now) if self._content and staged else ""

    def at(self, now: float) -> str:
        """The scene at a time, in seconds since the epoch; healing and the end come before the one that was chosen."""
        self._settle(now)
        if self._over:
            return "ended"
        if self._healing_since is not None:
            return "brb"
        return self._operators or self._chosen or ("live" if self._is_open(now) else "starting")

    def due(self, now: float) -> float | None:
        """When the scene may change by itself next; None when it does not."""
        self._settle(now)
        times = [self._back_at()] if self._healing_since is not None else []
        if self._encoding_since is not None and self.on_air_since is None:
            times.append(self._encoding_since + (UNASKED if self._is_open(now) else OPENS))
        if self._until is not None:
            times.append(self._until)
        return min(times, default=None)

    def note(self, record: Record, at: float) -> None:
        """Take a record of the run."""
        self._settle(at)
        match record:
            case {"event": "activity_started", "activity": str(key), "action": str(action)}:
                if action.startswith("studio."):
                    self._programs[key] = action
            case {"event": "activity_ready", "activity": str(key)} if key in self._programs:
                self._note_ready(key, at)
                self._note_content(key, record.get("value"))
            case {"event": "activity_failed" | "activity_ended", "activity": str(key)} if key in self._up:
                self._note_failure(key, at)
                if key == self._content and record["event"] == "activity_ended":
                    self._content = ""
            case {"event": "activity_result" | "action_finished", "result": {"is_live": bool(live)}}:
                self._note_live(live, at)
            case {"event": "run_resumed"}:
                self._content = ""
                if record.get("died") is True:
                    self._heal(at, unconfirmed=True)
            case {"event": "scene_set"}:
                self._choose(record, at)
            case _:
                self._note_phase(record)

    def _choose(self, record: Record, at: float) -> None:
        """Take the scene that the flow or an operator has chosen."""
        scene, lasts = record.get("to"), record.get("for")
        if record.get("clear"):
            self._operators, self._until = "", None
        elif scene is None:
            return
        elif "request" in record:
            self._operators = str(scene)
            self._until = at + lasts if isinstance(lasts, int | float) and lasts else None
        else:
            self._chosen = str(scene)

    def _note_content(self, key: str, value: object) -> None:
        """Note the content that is ready."""
        if self._programs[key] == _CONTENT:
            self._content = key
            self._staged = isinstance(value, dict) and value.get("shows") == "stage"

    def _note_phase(self, record: Record) -> None:
        match record:
            case {"event": "state_left", "state": str(state)} if self._content.startswith((f"{state}:", f"{state}/")):
                self._content = ""
            case {"event": "stop_requested"}:
                self._stopping = self._over = True
            case {"event": "run_ended"}:
                self._over, self._content = True, ""
            case {"event": "undo_started", "action": "retake.stop_stream"}:
                self._over = True
            case {"event": "action_started", "action": "retake.start_stream"}:
                self._over = self._stopping

    def _note_ready(self, key: str, at: float) -> None:
        """A program is ready."""
        self._up[key] = True
        if self._programs[key] == _ENCODER:
            self._encoding_since = at
        if not self._is_down() and not self._unconfirmed and self._healing_since is not None:
            self._healed_at = at + LINGERS

    def _note_failure(self, key: str, at: float) -> None:
        """A program has failed or ended."""
        self._up[key] = False
        encodes = self._programs[key] == _ENCODER
        if encodes:
            self._encoding_since = None
        self._heal(at, unconfirmed=encodes)

    def _note_live(self, live: bool, at: float) -> None:
        """The platform says whether the stream is live."""
        if not live:
            if self.on_air_since is not None and self._encoding_since is not None:
                self._heal(at, unconfirmed=True)
            return
        if self.on_air_since is None:
            self.on_air_since = at
        if self._healing_since is not None and not self._is_down():
            self._unconfirmed = False
            self._healed_at = max(at, self._healing_since + LINGERS)

    def _heal(self, at: float, *, unconfirmed: bool) -> None:
        if self.on_air_since is None:
            return
        self._healing_since = at if self._healing_since is None else self._healing_since
        self._healed_at = None
        self._unconfirmed = self._unconfirmed or unconfirmed

    def _is_open(self, now: float) -> bool:
        """Whether the start is over: the stream is live, or may be shown live at any moment."""
        encoding = self._encoding_since
        return self.on_air_since is not None or (encoding is not None and now >= encoding + OPENS)

    def _is_down(self) -> bool:
        return not all(self._up.values())

    def _back_at(self) -> float:
        """When healing is over, as things stand."""
        since = self._healing_since or 0.0
        latest = since + LONGEST
        if self._healed_at is not None:
            return min(latest, self._healed_at)
        if self._unconfirmed and not self._is_down() and self._encoding_since is not None:
            return min(latest, max(self._encoding_since, since) + UNASKED)
        return latest

    def _settle(self, now: float) -> None:
        """End what is over; a stream that the flow does not ask the platform about counts as live after a while."""
        if self._until is not None and now >= self._until:
            self._operators, self._until = "", None
        if self._healing_since is not None and now >= self._back_at():
            self._healing_since = self._healed_at = None
            self._unconfirmed = False
            self._up = dict.fromkeys(self._up, True)
        if self.on_air_since is None and self._encoding_since is not None and now >= self._encoding_since + UNASKED:
            self.on_air_since = self._encoding_since
