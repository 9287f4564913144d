"""Feed: turns a run's records into what the stage shows (schemas/stage.schema.json), and keeps the page in step.

The feed is pure: records go in, a state of the page comes out. Texts are masked and freed of control characters on
their way in.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

from retake_flow.errors import RetakeFlowError
from retake_flow.redact import MASK, bears_secret, scrub
from retake_flow.run.records import Record, masked, record_to_run_time
from retake_flow.run.scenes import Scenes
from retake_flow.sanitize import one_line, strip_controls
from retake_flow.stage.stage_settings import PAGE, Pictures, Settings
from retake_flow.tasks import beside

MOST_LINES: Final = 40
MOST_MESSAGES: Final = 60
#: How long an alert shows, in seconds, and how many wait.
ALERT_SECONDS: Final = 8.0
MOST_ALERTS: Final = 5
LONGEST_TEXT: Final = 500

_ALERTING: Final = ("tip", "follow")


class Feed:
    """The content of one run's stage.

    Args:
        agent: The agent's name, as far as it is known.
        history: Returns the records so far. Until `recall` they are not read, and new ones are not taken.
    """

    def __init__(self, agent: str, pictures: Pictures, history: Callable[[], Iterable[Record]] | None = None) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.scenes = Scenes()
        self._captions = Captions()
        self._settings = Settings(pictures)
        self._history = history
        self._agent = _line(agent)
        self._viewers: int | None = None
        self._summary = {"viewers": 0, "messages": 0, "supporters": 0}
        self._ids = count(1)
        self._log: deque[dict[str, Any]] = deque(maxlen=MOST_LINES)
        self._chat: deque[dict[str, Any]] = deque(maxlen=MOST_MESSAGES)
        self._alerts: deque[dict[str, Any]] = deque(maxlen=MOST_ALERTS)
        self._alert_until: float | None = None

    # --- what comes in ------------------------------------------------------------------------------------

    def on_record(self, record: Record) -> None:
        """Take a record of the run; one that is damaged or unknown changes nothing."""
        if self._history is not None:
            return
        try:
            self._take(record, record_to_run_time(record))
        except (AttributeError, KeyError, TypeError, ValueError):
            return
        self.changed()

    def recall(self) -> None:
        """Take the records so far when the stage is first shown."""
        if self._history is None:
            return
        records, self._history = self._history(), None
        for record in records:
            self.on_record(record)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Set the initial settings, which the flow and the operator may replace."""
        self._settings.begin(masked(settings, _mask))
        self.changed()

    def speaks(self, text: str, at: float) -> None:
        """Show the caption of a text that is being spoken; "" when it has ended."""
        self._captions.speaks(_text(text), at)
        self.changed()

    # --- what goes out ------------------------------------------------------------------------------------

    def state(self, now: float) -> dict[str, Any]:
        """The state of the page at a time, in seconds since the epoch."""
        self._next_alert(now)
        settings = self._settings.at(now)
        settings.pop(PAGE, None)
        scene, since = self.scenes.at(now), self.scenes.on_air_since
        time = {} if since is None else {"time": round(now - since)}
        return {
            "title": "",
            **settings,
            "agent": {"name": self._agent, **settings.get("agent", {})},
            "theme": settings.get("theme", {}),
            "ticker": self._ticker(settings.get("ticker", [])),
            "scene": scene,
            "now": round(now, 3),
            "on_air_since": since,
            "viewers": self._viewers,
            "log": list(self._log),
            "chat": list(self._chat),
            "caption": self._captions.at(now),
            "alert": self._alerts[0] if self._alerts else None,
            "summary": {**time, **self._summary} if scene == "ended" else {},
        }

    def page(self, now: float) -> str:
        """The address of the page over the stage at a time; "" for none."""
        return "" if self.scenes.at(now) == "ended" else str(self._settings.at(now).get(PAGE, ""))

    def due(self, now: float) -> float | None:
        """When the state changes by itself next, in seconds since the epoch; None when it does not."""
        times = (self._alert_until, self._captions.due(now), self.scenes.due(now), self._settings.due(now))
        return min((time for time in times if time is not None), default=None)

    # --- records ------------------------------------------------------------------------------------------

    def _take(self, record: Record, at: float) -> None:
        self.scenes.note(record, at)
        match record:
            case {"event": "account", "agent": str(name)} if name:
                self._agent = _line(name)
            case {"event": "scene_set"}:
                self._settings.apply(masked(record, _mask), at)
            case {"event": "action_started" | "activity_started", "action": "studio.show", "inputs": {"text": text}}:
                self._line(text, at)
            case {"event": "said", "how": how, "text": text} if "screen" in how:
                self._line(text, at)
            case {"event": "chat_message" | "chat_deed", "author": author, "kind": kind}:
                self._enter(record, _line(author), str(kind), at)
            case {"event": "chat_sent", "text": text} if "to" not in record:
                self._add({"kind": "agent", "author": self._agent, "text": _text(text)})
            case {"event": "event_raised", "name": "first_message", "data": {"author": author}}:
                self._greet(_line(author))
            case {"event": "activity_result" | "action_finished", "result": {"viewers": int(viewers)}}:
                self._viewers = viewers
                self._summary["viewers"] = max(self._summary["viewers"], viewers)

    def _enter(self, record: Record, author: str, kind: str, at: float) -> None:
        entry = {"kind": kind, "author": author, "text": _text(record.get("text", ""))}
        entry |= {name: masked(record[name]) for name in ("amount", "currency", "side") if name in record}
        added = self._add(entry)
        self._summary["messages"] += record["event"] == "chat_message"
        self._summary["supporters"] += kind == "tip"
        if kind in _ALERTING:
            if not self._alerts:
                self._alert_until = at + ALERT_SECONDS
            self._alerts.append(added)

    def _line(self, text: Any, at: float) -> None:
        self._log.append({"id": next(self._ids), "at": round(at), "text": _text(text)})

    def _add(self, entry: dict[str, Any]) -> dict[str, Any]:
        entry = {"id": next(self._ids), **entry}
        self._chat.append(entry)
        return entry

    def _greet(self, author: str) -> None:
        for place in reversed(range(len(self._chat))):
            if self._chat[place]["author"] == author and self._chat[place]["kind"] != "agent":
                self._chat[place] = {**self._chat[place], "new": True}
                return

    def _next_alert(self, now: float) -> None:
        while self._alerts and self._alert_until is not None and now >= self._alert_until:
            self._alerts.popleft()
            self._alert_until += ALERT_SECONDS
        if not self._alerts:
            self._alert_until = None

    def _ticker(self, given: str | list[str]) -> list[str]:
        """The lines that were set, then the latest tip and the latest follower."""
        lines = [given] if isinstance(given, str) else list(given)
        for kind, word in (("tip", "Latest tip"), ("follow", "Latest follower")):
            latest = next((entry for entry in reversed(self._chat) if entry["kind"] == kind), None)
            if latest is not None:
                amount = f", {latest['amount']:.15g} {latest.get('currency', '')}" if latest.get("amount") else ""
                lines.append(f"{word}: {latest['author']}{amount}".rstrip())
        return lines


def _mask(text: str) -> str:
    scrubbed = scrub(text)
    return MASK if bears_secret(scrubbed) else strip_controls(scrubbed)


def _text(text: Any) -> str:
    return _mask(str(text))[:LONGEST_TEXT]


def _line(text: Any) -> str:
    return one_line(scrub(str(text)))[:60]


#: Characters of a piece: two lines of the stage, three in a wide script.
LONGEST: Final = 84
#: How fast a voice speaks, in characters a second.
PACE: Final = 14.0


class Captions:
    """The caption of the text that is being spoken."""

    def __init__(self) -> None:
        self._pieces: list[tuple[float, str]] = []

    def speaks(self, text: str, at: float) -> None:
        """Begin with a text at a time, in seconds; "" ends the caption."""
        self._pieces = []
        for piece in textwrap.wrap(" ".join(text.split()), LONGEST):
            self._pieces.append((at, piece))
            at += len(piece) / PACE

    def at(self, now: float) -> str:
        """The caption at a time; the last piece stays until the speech ends."""
        begun = [piece for start, piece in self._pieces if start <= now]
        return begun[-1] if begun else ""

    def due(self, now: float) -> float | None:
        """When the next piece comes; None without one."""
        return next((start for start, _ in self._pieces if start > now), None)


#: The shortest time between two updates, in seconds.
UPDATE_PACE: Final = 0.1
#: The seconds after which a page that was not reached gets the state again.
AGAIN: Final = 2.0

Update = Callable[[Mapping[str, Any]], Awaitable[None]]


@asynccontextmanager
async def presenting(
    feed: Feed, update: Update, now: Callable[[], float], changed: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Keep a page in step with the feed's state. A page that fails changes nothing for the run.

    `changed` is called whenever the feed has changed, before the page does.
    """
    news = asyncio.Event()

    def announce() -> None:
        changed()
        news.set()

    feed.changed = announce
    try:
        async with beside(_present(feed, update, now, news), "stage"):
            yield
    finally:
        feed.changed = lambda: None


async def _present(feed: Feed, update: Update, now: Callable[[], float], news: asyncio.Event) -> None:
    while True:
        news.clear()
        due = feed.due(now())
        try:
            await update(feed.state(now()))
        except RetakeFlowError:
            due = now() + AGAIN
        await asyncio.sleep(UPDATE_PACE)
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - now())):
                await news.wait()
        except TimeoutError:
            pass
