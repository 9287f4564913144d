"""Notices: selects what people learn about a run, and delivers it without delaying the run."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count
from typing import Final
from urllib.parse import quote

from retake_flow.backoff import Backoff
from retake_flow.errors import RetakeFlowError
from retake_flow.os_errors import as_our_error
from retake_flow.ports.actions import Clock
from retake_flow.ports.notices import OPERATOR, SHARED, Kind, Notice, Notifier
from retake_flow.run.records import Record, record_to_run_time
from retake_flow.run.stats import Stats, summary

#: How long notices of one kind are gathered after the first was sent, in seconds.
GATHERED = 60.0
#: How many of the gathered notices are sent word for word.
MOST_TOLD = 10

#: The kinds that must be sent before others make sense.
_FIRST: Final[dict[Kind, Kind]] = {"recovered": "trouble"}
#: The kinds that are never held back: questions and their answers, notices that occur once, and the end.
_AT_ONCE: Final[frozenset[Kind]] = frozenset({"gate", "reminder", "escalation", "live", "shared", "warning", "ended"})


class NoticeThrottle:
    """Lets the first notice of a kind through and gathers those that follow."""

    def __init__(self, clock: Clock, through: Callable[[Notice], None]) -> None:
        self._clock = clock
        self._through = through
        self._gathered: dict[Kind, list[Notice]] = {}
        self._waiting: dict[Kind, asyncio.Task[None]] = {}

    def put(self, notice: Notice) -> None:
        """Send a notice now, or later with others of its kind."""
        if notice.kind in self._gathered:
            self._gathered[notice.kind].append(notice)
            return
        if notice.kind not in _AT_ONCE:
            self._gathered[notice.kind] = []
            later = self._later(notice.kind, self._clock.now() + GATHERED)
            self._waiting[notice.kind] = asyncio.create_task(later, name=f"gathering {notice.kind}")
        first = _FIRST.get(notice.kind)
        if first is not None and self._gathered.get(first):
            gathered, self._gathered[first] = self._gathered[first], []
            self._tell(gathered)
        self._through(notice)

    def release(self) -> None:
        """Send all gathered notices at once."""
        for task in self._waiting.values():
            task.cancel()
        self._waiting.clear()
        gathered, self._gathered = self._gathered, {}
        for notices in gathered.values():
            self._tell(notices)

    async def close(self) -> None:
        """Send all gathered notices, and leave nothing running."""
        tasks = [*self._waiting.values()]
        self.release()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _later(self, kind: Kind, due: float) -> None:
        await self._clock.sleep_until(due)
        while notices := self._gathered[kind]:  # more keep coming: gather the next for as long again
            self._gathered[kind] = []
            self._tell(notices)
            await self._clock.sleep_until(self._clock.now() + GATHERED)
        del self._gathered[kind], self._waiting[kind]

    def _tell(self, notices: list[Notice]) -> None:
        if len(notices) == 1:
            self._through(notices[0])
        elif notices:
            last = notices[-1]
            lines = [notice.text for notice in notices[:MOST_TOLD]]
            more = len(notices) - len(lines)
            text = "\n".join([*lines, *([f"({more} more)"] if more else [])])
            self._through(Notice(last.kind, f"{last.title} ({len(notices)})", text, last.audience))


#: How long until an undelivered notice is sent again.
RESENT = Backoff(5.0, rate=5.0, cap=1800.0)
#: How long further errors are held back after one was reported, in seconds.
QUIET = 600.0
#: From this many failures in a row, an action that is retried soon is reported.
TROUBLE_FROM = 3
#: An activity's question that is asked again within this time (seconds) after it was withdrawn counts as the same.
SAME_WITHIN = 600.0

_GATES: Final[dict[str, tuple[Kind, str]]] = {
    "gate_opened": ("gate", "a question"),
    "gate_reminder": ("reminder", "a question still waits for an answer"),
    "gate_escalated": ("escalation", "a question that nobody has answered"),
}


#: The kinds of notices that are sent as they are recorded; every other kind is trouble.
_KINDS: Final[dict[str, Kind]] = {
    "live": "live",
    "recovered": "recovered",
    "tip": "tip",
    "milestone": "milestone",
    "warning": "warning",
}


class Notices:
    """Receives the records of a run and notifies people of some of them; close it before its event loop ends.

    Attributes:
        title: What people know the run by; every notice begins with it.
    """

    def __init__(
        self,
        notifiers: Sequence[Notifier],
        *,
        clock: Clock,
        note: Callable[..., None],
        title: str = "retake-flow",
        page: str = "",
    ) -> None:
        """Prepare to send notices.

        Args:
            notifiers: The channels. A notice goes to those of its audience, or to the operator's if it has none.
            clock: Gives the time.
            note: Writes a record of each try: `notice_sent` or `notice_failed`.
            title: What people know the run by; every notice begins with it.
            page: The address at which people see the run and answer; "" when there is none.
        """
        self._page = page
        self._channels = [_Channel(notifier, clock, note) for notifier in notifiers]
        self._clock = clock
        self.title = title
        self._quiet_until = 0.0
        self._held_back = 0
        self._floods = NoticeThrottle(clock, self._send)
        self._stats = Stats()
        self._asked: dict[str, tuple[str, float | None]] = {}

    def on_record(self, record: Record) -> None:
        """Notify those whom a record concerns, in the background."""
        self._stats = self._stats.counting((record,))
        notice = None if self._asked_before(record) or _may_pass(record) else self._notice(record)
        if notice is not None and self._channels:
            if notice.kind == "ended":
                self._floods.release()
            self._floods.put(notice)

    def resend_missed(self, journal: Iterable[Record], open_gates: Collection[str]) -> None:
        """Send notices of open questions that were not delivered before the process ended, by the remaining channels.

        `open_gates` are the ids of the gates that wait for an answer.
        """
        untold: dict[str, tuple[Notice, list[_Channel]]] = {}
        for record in journal:
            self._stats = self._stats.counting((record,))
            again = self._asked_before(record)
            match record:
                case {"event": "gate_opened" | "gate_escalated"} if notice := self._question(record):
                    known = untold.get(_of(notice.about)) if again else None
                    untold[_of(notice.about)] = notice, known[1] if known else self._channels_of(notice)
                case {"event": "notice_sent", "about": gate, "kind": kind, "channel": name} if _of(gate) in untold:
                    notice, left = untold[_of(gate)]
                    if kind in (notice.kind, "reminder"):
                        untold[_of(gate)] = notice, [channel for channel in left if channel.name != name]
        for notice, left in untold.values():
            for channel in left if notice.about in open_gates else ():
                channel.put(notice)

    async def close(self, within: float = 10.0) -> None:
        """Give current deliveries, and one last try of waiting ones, this many seconds; leave nothing running."""
        await self._floods.close()
        tasks = [task for channel in self._channels if (task := channel.stop_waiting()) is not None]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=within)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for channel in self._channels:
            channel.give_up()

    def _send(self, notice: Notice) -> None:
        for channel in self._channels_of(notice):
            channel.put(notice)

    def _channels_of(self, notice: Notice) -> list[_Channel]:
        theirs = [channel for channel in self._channels if channel.audience == notice.audience]
        if notice.audience == SHARED:
            return theirs  # notices for communities do not go to the operator
        return theirs or [channel for channel in self._channels if channel.audience == OPERATOR]

    def _notice(self, record: Record) -> Notice | None:
        match record:
            case {"event": "gate_opened" | "gate_reminder" | "gate_escalated"}:
                return self._question(record)
            case {"event": "notice", "kind": "shared", "message": message}:
                return Notice("shared", "", message, SHARED)
            case {"event": "notice", "kind": "told", "message": message}:
                return self._build_notice("told", "", message)
            case {"event": "notice", "kind": kind, "message": message}:
                return self._build_notice(_KINDS.get(kind, "trouble"), str(kind).replace("_", " "), message)
            case {"event": "run_resumed", "died": True}:
                return self._build_notice(
                    "trouble", "resumed", "The process that drove it had died; the run has been resumed."
                )
            case {"event": "stop_requested", "reason": reason} if self._stats.on_air:
                return self._build_notice("warning", "stopping", f"The stream ends now: {reason}.")
            case {"event": "run_ended", "outcome": outcome, "state": state, "reason": reason}:
                said = [f"It ended in {state or 'no state'}.", reason or "", summary(record.get("stats", {}))]
                return self._build_notice("ended", outcome, "\n".join(filter(None, said)))
        return self._failure(record)

    def _failure(self, record: Record) -> Notice | None:
        match record:
            case {"event": "error", "place": place, "message": message}:
                return self._trouble(place, f"{message}\n{record.get('hint') or ''}".strip())
            case {"event": "activity_ended", "outcome": "exited", "activity": activity, "reason": reason}:
                return self._trouble(activity, f"it ended: {reason}")
            case {"event": "undo_finished", "outcome": str(outcome), "message": message} if outcome.startswith(
                "error."
            ):
                return self._build_notice("trouble", "not taken back", message)
        return None

    def _asked_before(self, record: Record) -> bool:
        """Whether an activity's question is asked again because its state was left and entered again.

        It is if its words are the same, or if it comes soon after it was withdrawn: the words may change meanwhile.
        """
        match record:
            case {"event": "gate_opened", "gate": gate, "message": message} if ":" in gate:
                before, closed = self._asked.get(_of(gate), (None, None))
                self._asked[_of(gate)] = message, None
                return bool(before == message) or (
                    closed is not None and record_to_run_time(record) - closed <= SAME_WITHIN
                )
            case {"event": "gate_closed", "gate": gate} if _of(gate) in self._asked:
                self._asked[_of(gate)] = self._asked[_of(gate)][0], record_to_run_time(record)
            case {"event": "gate_answered" | "gate_expired", "gate": gate}:
                self._asked.pop(_of(gate), None)
        return False

    def _question(self, record: Record) -> Notice | None:
        kind, title = _GATES[record["event"]]
        match record:
            case {"gate": gate, "message": message, "audience": audience, "answer_with": command}:
                link = f"\n\nOr open {self._page}#gate-{quote(gate, safe='/:')}" if self._page else ""
                return Notice(
                    kind, f"{self.title}: {title}", f"{message}\n\nTo answer:\n{command}{link}", audience, gate
                )
        return None

    def _trouble(self, place: str, text: str) -> Notice | None:
        """Trouble that may come in floods: reported once, then held back for a while and counted."""
        now = self._clock.now()
        if now < self._quiet_until:
            self._held_back += 1
            return None
        if self._held_back:
            text = f"{text}\n({self._held_back} more since the last such notice)"
        self._quiet_until, self._held_back = now + QUIET, 0
        return self._build_notice("trouble", f"trouble in {place}", text)

    def _build_notice(self, kind: Kind, title: str, text: str) -> Notice:
        return Notice(kind, f"{self.title}: {title}" if title else self.title, text)


def _may_pass(record: Record) -> bool:
    """Whether it is an error that is retried soon and has not occurred often: temporary errors are not reported."""
    return record["event"] == "error" and int(record.get("failures", 0)) in range(1, TROUBLE_FROM)


def _of(gate: str) -> str:
    """The identity of a gate: an activity's question is the same one whenever it is asked."""
    return gate.rpartition(".")[0] if ":" in gate else gate


class _Channel:
    """The notices for one channel, delivered one by one, each retried until it arrives."""

    def __init__(self, notifier: Notifier, clock: Clock, note: Callable[..., None]) -> None:
        self.name, self.audience = notifier.channel, notifier.audience
        self._notifier = notifier
        self._clock = clock
        self._note = note
        self._waiting: deque[Notice] = deque()
        self._delivering: asyncio.Task[None] | None = None
        self._pause: asyncio.Task[None] | None = None
        self._closing = False

    def put(self, notice: Notice) -> None:
        """Deliver a notice after those that wait."""
        if self._closing:
            return
        self._waiting.append(notice)
        if self._delivering is None or self._delivering.done():
            self._delivering = asyncio.create_task(self._deliver(), name=f"notices to {self._notifier.channel}")

    def stop_waiting(self) -> asyncio.Task[None] | None:
        """Accept no more notices and try each waiting one once; returns the task that does so, if any."""
        self._closing = True
        if self._pause is not None:
            self._pause.cancel()
        return self._delivering

    def give_up(self) -> None:
        """Record what was not delivered."""
        while self._waiting:
            self._note_delivery(
                "notice_failed", self._waiting.popleft(), message="it did not finish in time", again_in=None
            )

    async def _deliver(self) -> None:
        while self._waiting:
            for failures in count(1):
                again_in = RESENT.wait(failures)
                if await self._is_delivered(self._waiting[0], again_in) or self._closing:
                    break
                await self._rest(again_in)
            self._waiting.popleft()

    async def _is_delivered(self, notice: Notice, again_in: float) -> bool:
        try:
            await self._notifier.send(notice)
        except Exception as raised:
            message = as_our_error(raised, self._notifier.channel).message
            self._note_delivery("notice_failed", notice, message=message, again_in=None if self._closing else again_in)
            return False
        self._note_delivery("notice_sent", notice)
        return True

    async def _rest(self, seconds: float) -> None:
        self._pause = asyncio.create_task(self._clock.sleep_until(self._clock.now() + seconds))
        try:
            await asyncio.wait([self._pause])
        finally:
            self._pause.cancel()

    def _note_delivery(self, event: str, notice: Notice, **fields: object) -> None:
        try:
            self._note(event, kind=notice.kind, about=notice.about, channel=self._notifier.channel, **fields)
        except RetakeFlowError:
            return  # the run is over or driven elsewhere; the notice still counts
        except Exception:
            logging.getLogger(__name__).exception("%s could not be noted", event)
