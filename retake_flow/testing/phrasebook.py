"""The built-in steps, as documented for people."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from retake_flow.testing.gherkin.vocabulary import readable
from retake_flow.testing.steps import load

_ORDER: Final = ("given", "when", "then", None)
#: The values in the places of examples.
_EXAMPLES: Final[Mapping[str, str]] = {
    "after": "5",
    "at": "10",
    "audience": "operator",
    "by": "ann",
    "call": "POST /agent/rtmp",
    "challenge": "two and two",
    "codec": "h264",
    "count": "2",
    "decision": "allow",
    "does": "rotates the stream key",
    "end": "completed",
    "error": "unavailable",
    "event": "tip",
    "every": "8.5",
    "file": "go-live.yaml",
    "first": "3",
    "fps": "30",
    "input": "size",
    "issued": "2",
    "kind": "tip",
    "last": "20",
    "least": "2",
    "messages": "100",
    "most": "3",
    "mode": "644",
    "name": "night-owl",
    "nth": "5",
    "once": "",
    "other": "7",
    "origin": "https://retake.tv",
    "outcome": "missing",
    "part": "encoder",
    "place": "credentials",
    "question": "approve",
    "reason": "length",
    "scene": "ended",
    "seconds": "2",
    "service": "encoder",
    "shape": "new",
    "shown": "not black",
    "solution": "4.00",
    "speed": "0.7",
    "start": "10",
    "state": "broadcast/pushing/on_air",
    "status": "503",
    "text": "hello",
    "time": "30s",
    "times": "2",
    "token": "rtk_…",
    "url": "https://x.com/somebody/status/1",
    "used": "2",
    "value": '"1280x720"',
    "variable": "trouble",
    "version": "2.1.2",
    "viewers": "50",
    "way": "fails",
    "ways": "voice and screen",
    "which": "every",
    "who": "ann",
    "words": "status 503",
}
#: The tables and texts of examples, by the name of the function.
_BELOW: Final[Mapping[str, tuple[str, ...]]] = {
    "answers": ("| way | north |",),
    "decides": ("| hours | 2 |",),
    "ends": ("| agent_name | night-owl |",),
    "event": ("| amount | 5.5 |",),
    "gives": ("| agent_name |", "| night-owl  |"),
    "got": ("| message | Hello |",),
    "inputs": ("| name | value    |", "| size | 1280x720 |"),
    "states": ("| look |", "| rest |"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A documented step.

    Attributes:
        topic: The topic of the step, and when it can be used.
        kind: `Given`, `When` or `Then`.
        wording: Its wording, with `{places}`.
        meaning: What it does.
        example: A step with this wording, with its table.
    """

    topic: str
    kind: str
    wording: str
    meaning: str
    example: str


def steps() -> list[Step]:
    """All built-in steps, by topic and kind."""
    topics = {name: number for number, name in enumerate(load())}
    contexts = [c for c in step_function_context_registry.values() if c.step_func.__module__ in topics]
    contexts.sort(key=lambda context: (topics[context.step_func.__module__], _ORDER.index(context.type)))
    return [_step(context) for context in contexts]


def _step(context: StepFunctionContext) -> Step:
    function = context.step_func
    wording = readable(context.parser)
    kind = str(context.type).capitalize()
    example = "\n".join((f"{kind} {_fill(wording)}", *(f"  {line}" for line in _below(function.__name__, wording))))
    topic = (sys.modules[function.__module__].__doc__ or "").partition("\n")[0]
    return Step(topic, kind, wording, (function.__doc__ or "").partition("\n")[0], example)


def _below(function: str, wording: str) -> tuple[str, ...]:
    return () if wording.endswith(" comes") else _BELOW.get(function, ())


def _fill(wording: str) -> str:
    text = re.sub(r"\{(\w+)\}", lambda place: _EXAMPLES[place[1]], wording)
    return re.sub(r"\(([^)]*)\)", r"\1", text).strip()
