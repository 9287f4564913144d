"""Liveness: polls whether the platform shows a push as live, and learns when to poll."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from math import inf

from retake_flow.actions.lag import Lag, LagFile, Measurement, first_look
from retake_flow.api.realtime import SESSION_STARTED, live_room
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.responders import OpenRealtime
from retake_flow.tasks import beside

# While the lag is unknown, the first poll comes just after that of a client that follows the guide literally, so that
# it finds what that poll finds (docs/decisions). Such a client polls 3 s after the start of its encoder, plus the time
# of a call. Other programs that start at the same time delay our first frames a little, and therefore this poll.
_GUIDE_LOOK = (3.05, 3.25)  # seconds from the start of our encoder
_AFTER_FRAMES = 2.63  # seconds from our first frames
_LISTED_AT = 0.4  # seconds after the first frames: the first fetch of the list of live agents while the lag is unknown
_LISTED_EVERY = 0.8
_SOON = 0.3  # seconds before a poll, when a response would come too late


class Push:
    """One push of video, from the start of its encoder. Times are the loop's.

    Args:
        call_takes: How long a call with a new connection takes, in seconds.

    Attributes:
        began: When its encoder was started.
        sent_at: When its first frames were sent; infinite before that.
        sends: Set once frames are sent.
        announced: Set when something other than the stream status shows that it is live.
        listed: Whether that is the list of live agents, which did not show it before the first frames.
        shown: Set when the stream status has reported it live.
        measurement: The measurement of its lag; None before the first frames.
    """

    def __init__(self, call_takes: float) -> None:
        self.began = _now()
        self._call_takes = call_takes
        self.sent_at = inf
        self.sends = asyncio.Event()
        self.announced = asyncio.Event()
        self.listed = False
        self.shown = asyncio.Event()
        self.measurement: Measurement | None = None

    @property
    def guide_look(self) -> float:
        """When to poll first while the lag is unknown."""
        earliest, latest = (self.began + seconds for seconds in _GUIDE_LOOK)
        return max(earliest, min(self.sent_at + _AFTER_FRAMES, latest)) + self._call_takes

    @property
    def lag(self) -> Lag | None:
        """The lag as far as known; None until the push was seen live."""
        return self.measurement.lag if self.measurement else None


class Liveness:
    """The current push, and the lags learnt from earlier ones.

    Args:
        file: The file of lags; if it cannot be written, lags are kept in memory.
    """

    def __init__(self, file: LagFile, note: Callable[..., None]) -> None:
        self._file = file
        self._note = note
        self._earlier: tuple[Lag, ...] | None = None
        self._push: Push | None = None
        self._unkept = False

    @property
    def earlier(self) -> tuple[Lag, ...]:
        """The lags of earlier pushes, newest last."""
        if self._earlier is None:
            self._earlier = self._file.load()
        return self._earlier

    @property
    def lag(self) -> Lag | None:
        """The lag of the current push, as far as known."""
        return self._push.lag if self._push else None

    @contextmanager
    def push(self, call_takes: float = 0.0) -> Iterator[Push]:
        """The lifetime of one encoder; takes the argument of `Push`."""
        self._push = push = Push(call_takes)
        try:
            yield push
        finally:
            if self._push is push:
                self._push = None
            if push.lag is not None:
                self._earlier = (*self.earlier, push.lag)

    def first_frames(self, push: Push) -> None:
        """Note that the encoder of a push has just sent its first frames."""
        push.sent_at = _now()
        push.measurement = Measurement(push.began - push.sent_at, self.earlier)
        push.sends.set()

    def next_look(self, push: Push) -> float:
        """When to poll first for a push."""
        look = first_look(self.earlier)
        return push.guide_look if look is None else push.sent_at + look

    def moments(self, push: Push, earliest: float) -> Iterator[float]:
        """The times, after the first frames, at which the list of live agents may show more than the stream status.

        These lie before the first poll or, if the lag is known, between the first poll and the next allowed one.

        `earliest` is when the stream status may be polled again.
        """
        look = self.next_look(push)
        at, end = (look, earliest) if self.earlier else (push.sent_at + _LISTED_AT, look)
        while at <= end - _SOON:
            yield at
            at += _LISTED_EVERY

    async def due(self, earliest: float) -> bool:
        """Wait until the first poll of the current push is due, or something shows that it is live.

        Args:
            earliest: When the stream status may be polled again.

        Returns:
            Whether the list of live agents shows it.
        """
        push = self._push
        if push is None or not push.sends.is_set() or push.shown.is_set():
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout_at(max(self.next_look(push), earliest)):
                await push.announced.wait()
        return push.listed

    def add_look(self, live: bool, uptime: int, asked: float, answered: float) -> None:
        """Note a poll of the stream status: its result, and when it was requested and received."""
        push = self._push
        if push is None or push.measurement is None:
            return
        known = push.lag
        if live:
            push.measurement.add_hit(asked - push.sent_at, answered - push.sent_at, uptime)
            push.shown.set()
        else:
            push.measurement.add_miss(asked - push.sent_at)
        if push.lag is not None and push.lag != known:
            self._keep(push.lag)

    def is_informative(self, earliest: float) -> float | None:
        """When one more poll would show most of the lag of the current push; None if it would show nothing.

        Args:
            earliest: When the stream status may be polled again.
        """
        push = self._push
        if push is None or push.measurement is None:
            return None
        at = push.measurement.is_informative(earliest - push.sent_at)
        return None if at is None else push.sent_at + at

    def _keep(self, lag: Lag) -> None:
        try:
            self._file.save((*self.earlier, lag))
        except OSError as error:
            if not self._unkept:
                self._unkept = True
                message = f"{self._file.path} cannot be written: {error.strerror or error}"
                kept = "the time until retake.tv shows a stream is remembered for this run only"
                self._note("notice", kind="lag_unkept", message=f"{message}; {kept}")


def _now() -> float:
    return asyncio.get_running_loop().time()


_PATIENCE = 1.0  # seconds for an answer


@asynccontextmanager
async def watch_announcements(
    push: Push,
    user_id: str,
    listed: Callable[[], Awaitable[bool]],
    moments: Callable[[], Iterable[float]],
    realtime: OpenRealtime | None,
) -> AsyncIterator[None]:
    """Watch for signs that a push is live; the watching ends when this context is left.

    `listed` asks whether the agent is on the list of live agents; `moments` gives, after the first frames, the times to
    ask, in the loop's time.
    """

    async def watch() -> None:
        async with realtime(lambda: [live_room(user_id)], _Listener(push)) if realtime else nullcontext():
            await _ask(push, listed, moments)
            await push.shown.wait()

    async with beside(watch(), "announcements"):
        yield


async def _ask(push: Push, listed: Callable[[], Awaitable[bool]], moments: Callable[[], Iterable[float]]) -> None:
    if await _answer(listed) is not False:
        return  # the list shows every open session, or cannot be fetched
    await push.sends.wait()
    for at in moments():
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        if push.shown.is_set():
            return
        if await _answer(listed):
            push.listed = True
            push.announced.set()
            return


async def _answer(listed: Callable[[], Awaitable[bool]]) -> bool | None:
    """Whether the agent is listed; None if unknown."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await listed()
    except (RetakeFlowError, TimeoutError):
        return None


class _Listener:
    """Receives the event of a started session; a `retake_flow.ports.responders.EventListener`."""

    def __init__(self, push: Push) -> None:
        self._push = push

    def on_connected(self) -> None:
        """Real-time events arrive."""

    def on_lost(self, reason: str) -> None:
        """Events no longer arrive; the stream status is polled all the same."""

    def on_event(self, event: str, payload: Sequence[object]) -> None:
        """Handle an event; a session that started before there was video is not live yet."""
        if event == SESSION_STARTED and self._push.sends.is_set():
            self._push.announced.set()
