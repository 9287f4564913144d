"""Handles requests from outside the flow: to say something on the stream, and to change the stage."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from retake_flow.errors import RetakeFlowError, StoreError
from retake_flow.flow.model import Flow
from retake_flow.flow.state_parts import scene_names
from retake_flow.ports.actions import Call, Clock, Completion
from retake_flow.ports.runs import READY_WITHIN, Request
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import bears_secret
from retake_flow.run.run import Run, Work

#: Performs an action once.
Perform = Callable[[Call], Awaitable[Completion | RetakeFlowError]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to say a text.

    Attributes:
        needs: The services of which one has to run, or viewers notice nothing. A request that names no way uses all
            ways with a ready service.
        also: The other inputs, which a request may give.
    """

    do: str
    takes: str
    needs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


WAYS: Final[Mapping[str, Way]] = {
    "voice": Way("studio.speak", "text", ("studio.sound",)),
    "screen": Way("studio.show", "text", ("studio.content", "studio.log")),
    "chat": Way("chat.send", "message", also=("answers",)),
}
NOT_ON_AIR: Final = "the run is not on air"
_BROKEN_OFF: Final = "it was interrupted"
#: Seconds between two looks whether services have started.
_LOOK_EVERY: Final = 0.2


def ready_ways(flow: Flow, run: Run) -> list[str]:
    """The ways whose service is ready; a silent sound does not count."""
    services = dict(_ready_services(flow, run))
    return [
        name
        for name, way in WAYS.items()
        if any(services[each].get("speaks", True) for each in way.needs if each in services)
    ]


def _starts(services: Container[str], flow: Flow, run: Run) -> bool:
    """Whether one of these services is about to start."""
    found = (run.activities.get(activity.key) for activity in flow.activities() if activity.do in services)
    return any(service is not None and service.work in (Work.WAITING, Work.STARTING) for service in found)


async def _until_started(services: Container[str], flow: Flow, run_now: Callable[[], Run], clock: Clock) -> None:
    """Wait while one of these services is about to start, but not for ever."""
    until = clock.now() + READY_WITHIN
    while _starts(services, flow, run_now()) and clock.now() < until:
        await clock.sleep_until(clock.now() + _LOOK_EVERY)


async def say_when_ready(
    request: Request, flow: Flow, run_now: Callable[[], Run], call: Call, perform: Perform, clock: Clock
) -> None:
    """Say the text of a request once no service that it needs is starting, as all are after a takeover.

    Nothing is recorded before that, so the next process says it if this one dies. A process that leaves records what
    became of it.
    """
    wanted = request.data.get("ways") or WAYS
    needed = {each for name in wanted if name in WAYS for each in WAYS[name].needs}
    await _until_started(needed, flow, run_now, clock)
    try:
        await say(request, ready_ways(flow, run_now()), call, perform)
    except asyncio.CancelledError:
        if not run_now().has_ended:
            with suppress(StoreError):
                data = {name: str(request.data.get(name, "")) for name in ("by", "text")}
                call.note("said", request=request.number, **data, how=[], failed={}, reason=_BROKEN_OFF)
        raise


async def say(request: Request, ways: list[str], call: Call, perform: Perform) -> None:
    """Say the text of a request, in all its ways at once, and record the outcome.

    A request has the `text`, the `ways` (empty for all available ones), who asks (`by`), and for chat perhaps which
    messages it answers (`answers`). The action and its inputs are filled into `call`.
    """
    text, by = str(request.data.get("text", "")), str(request.data.get("by", ""))
    wanted = list(request.data.get("ways") or ways)
    try:
        # Recorded before it begins: in a crash, losing a text is better than saying it twice.
        call.note("say_requested", request=request.number, by=by, text=text, ways=wanted)
        failures = await asyncio.gather(*(_in(way, request.data, ways, call, perform) for way in wanted))
        failed = {way: why for way, why in zip(wanted, failures, strict=True) if why}
        how = [way for way in wanted if way not in failed]
        reason = "" if wanted else NOT_ON_AIR
        call.note("said", request=request.number, by=by, text=text, how=how, failed=failed, reason=reason)
    except StoreError:
        pass  # the run's next write reports it


async def _in(name: str, asked: Mapping[str, Any], ways: Container[str], call: Call, perform: Perform) -> str:
    """Say it in one way; returns why that failed, or nothing."""
    way = WAYS.get(name)
    if way is None:
        return f"there is no way {name!r} to say something"
    if name == "screen" and name not in ways:
        return NOT_ON_AIR
    inputs = {way.takes: str(asked.get("text", "")), **{key: asked[key] for key in way.also if key in asked}}
    done = await perform(replace(call, do=way.do, inputs=inputs))
    if isinstance(done, Completion):
        return ""
    return f"{done.message}; {done.hint}" if done.hint else done.message


CONTENT: Final = "studio.content"
_FIELDS: Final = ("to", "data", "for", "clear", "by")


class StageRequests:
    """Settles requests to change the stage, in their order: the last change is the one that stays.

    While the content is about to start, as after another process has taken up the run, they wait for it. Until then
    nothing is recorded, so that the next process settles them if this one dies.
    """

    def __init__(self, flow: Flow, run_now: Callable[[], Run], note: Callable[..., None], clock: Clock) -> None:
        self._flow = flow
        self._run_now = run_now
        self._note = note
        self._clock = clock
        self._waiting: deque[Request] = deque()

    def take(self, request: Request, start: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        """Settle a request, at once unless others wait or the content starts; `start` starts a task of the run."""
        self._waiting.append(request)
        if len(self._waiting) > 1:
            return
        if _starts((CONTENT,), self._flow, self._run_now()):
            start(self._settle_when_ready(), "screen")
        else:
            self._settle()

    async def _settle_when_ready(self) -> None:
        await _until_started((CONTENT,), self._flow, self._run_now, self._clock)
        while self._waiting and not self._run_now().has_ended:
            with suppress(StoreError):  # the run's next write reports it
                self._settle()

    def _settle(self) -> None:
        event, fields = settle_scene(self._waiting.popleft(), self._flow, self._run_now())
        self._note(event, **fields)


def settle_scene(request: Request, flow: Flow, run: Run) -> tuple[str, Mapping[str, Any]]:
    """The record that settles a request: `scene_set`, which the stage follows, or `scene_refused` with the reason."""
    asked = {name: request.data[name] for name in _FIELDS if name in request.data}
    texts = map(str, dict(request.data.get("data", {})).values())
    secret = "it contains a secret" if any(map(bears_secret, texts)) else ""
    if reason := _why_unknown(str(asked.get("to") or ""), flow) or _unready(asked, flow, run) or secret:
        return "scene_refused", {"request": request.number, **asked, "reason": reason}
    return "scene_set", {"request": request.number, **asked}


def _why_unknown(scene: str, flow: Flow) -> str:
    """Why a scene cannot be set; "" when it can."""
    known = scene_names(flow.scenes)
    return "" if not scene or scene in known else f"there is no scene {scene!r}; there are {', '.join(known)}"


def _unready(asked: Mapping[str, Any], flow: Flow, run: Run) -> str:
    """Why what is asked for cannot be changed now; "" when it can."""
    contents = [value for do, value in _ready_services(flow, run) if do == CONTENT]
    return _unshowable(asked, contents[0], flow) if contents else "the run shows no stage"


def _unshowable(asked: Mapping[str, Any], content: Mapping[str, Any], flow: Flow) -> str:
    page = "page" in asked.get("data", {})
    if asked.get("clear") or (page and content.get("pages")):
        return ""
    if page:
        return "pages need Chromium, which is not installed; `retake-flow doctor` says how to install it"
    if content.get("shows") == "stage" or flow.scenes:
        return ""
    return "the stream shows its log, not the stage; `retake-flow doctor` says why"


def _ready_services(flow: Flow, run: Run) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The actions of the activities that are ready, with their values."""
    for activity in flow.activities():
        doing = run.activities.get(activity.key)
        if doing is not None and doing.work is Work.READY:
            yield activity.do, doing.value
