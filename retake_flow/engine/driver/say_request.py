"""Handles requests from outside the flow to say something on the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any, Final

from retake_flow.engine.driver.execute import known
from retake_flow.errors import StoreError
from retake_flow.flow.model import Flow
from retake_flow.ports.actions import ActionRunner, Call
from retake_flow.ports.runs import Request
from retake_flow.quick_dataclasses import dataclass
from retake_flow.run.run import Run, Work


@dataclass(frozen=True, slots=True)
class Way:
    """One way to say a text.

    Attributes:
        do: The action that says it.
        takes: The input for the text.
        needs: The services, without any of which nobody would notice. A request that names no way uses those that
            have one that is ready.
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


def there(flow: Flow, run: Run) -> list[str]:
    """The ways whose service is ready; a silent sound does not count."""
    services: dict[str, Mapping[str, Any]] = {}
    for activity in flow.activities():
        doing = run.activities.get(activity.key)
        if doing is not None and doing.work is Work.READY:
            services[activity.do] = doing.value
    return [
        name
        for name, way in WAYS.items()
        if any(services[each].get("speaks", True) for each in way.needs if each in services)
    ]


async def say(request: Request, ways: list[str], call: Call, actions: ActionRunner) -> None:
    """Say the text of a request, in all its ways at once, and record the outcome.

    Args:
        request: Has the `text`, the `ways` (empty for all available ones), who asks (`by`), and for chat perhaps which
            messages it answers (`answers`).
        ways: The available ways.
        call: A call of the run; the action and its inputs are filled in here.
        actions: Perform it.
    """
    text, by = str(request.data.get("text", "")), str(request.data.get("by", ""))
    wanted = list(request.data.get("ways") or ways)
    try:
        # Recorded before it begins: in a crash, losing a text is better than saying it twice.
        call.note("say_requested", request=request.number, by=by, text=text, ways=wanted)
        failures = await asyncio.gather(*(_in(way, request.data, ways, call, actions) for way in wanted))
        failed = {way: why for way, why in zip(wanted, failures, strict=True) if why}
        how = [way for way in wanted if way not in failed]
        reason = "" if wanted else NOT_ON_AIR
        call.note("said", request=request.number, by=by, text=text, how=how, failed=failed, reason=reason)
    except StoreError:
        pass  # the run's next write reports it


async def _in(name: str, asked: Mapping[str, Any], ways: Container[str], call: Call, actions: ActionRunner) -> str:
    """Say it in one way; returns why that failed, or nothing."""
    way = WAYS.get(name)
    if way is None:
        return f"there is no way {name!r} of saying something"
    if name == "screen" and name not in ways:
        return NOT_ON_AIR
    inputs = {way.takes: str(asked.get("text", "")), **{key: asked[key] for key in way.also if key in asked}}
    try:
        await actions.perform(replace(call, do=way.do, inputs=inputs))
    except Exception as raised:
        error = known(raised, way.do)
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return ""
