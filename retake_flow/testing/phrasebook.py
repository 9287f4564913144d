"""All steps that come with the program, as people read about them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from retake_flow.testing.steps import load
from retake_flow.testing.vocabulary import shown

_ORDER: Final = ("given", "when", "then", None)
#: What stands in the places of examples.
_EXAMPLES: Final[Mapping[str, str]] = {
    "after": "5",
    "at": "10",
    "audience": "operator",
    "by": "ann",
    "call": "POST /agent/rtmp",
    "codec": "h264",
    "count": "2",
    "event": "tip",
    "every": "8.5",
    "first": "3",
    "issued": "2",
    "mode": "644",
    "name": "size",
    "nth": "2",
    "once": "",
    "origin": "https://retake.tv",
    "outcome": "completed",
    "part": "encoder",
    "place": "verification",
    "seconds": "2",
    "shape": "new",
    "state": "broadcast/pushing/on_air",
    "text": "hello",
    "time": "30s",
    "times": "2",
    "token": "rtk_…",
    "url": "https://x.com/somebody/status/1",
    "used": "2",
    "value": '"1280x720"',
    "version": "2.1.2",
    "way": "fails",
    "which": "every",
    "who": "ann",
    "words": "status 503",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step as people read about it.

    Attributes:
        kind: `Given`, `When` or `Then`; `*` when it can be any.
        wording: How it is worded, with `{places}`.
        meaning: What it does.
        example: A step that is worded so.
        origin: The module that defines it.
    """

    kind: str
    wording: str
    meaning: str
    example: str
    origin: str


def steps() -> list[Step]:
    """All steps that come with the program, by kind and topic."""
    topics = {name: number for number, name in enumerate(load())}
    contexts = [c for c in step_function_context_registry.values() if c.step_func.__module__ in topics]
    contexts.sort(key=lambda context: (_ORDER.index(context.type), topics[context.step_func.__module__]))
    return [described(context) for context in contexts]


def described(context: StepFunctionContext) -> Step:
    """A step for people."""
    wording = shown(context.parser)
    kind = (context.type or "*").capitalize()
    meaning = (context.step_func.__doc__ or "").strip().partition("\n")[0]
    return Step(kind, wording, meaning, f"{kind} {_filled(wording)}", context.step_func.__module__)


def _filled(wording: str) -> str:
    text = re.sub(r"\{(\w+)\}", lambda place: _EXAMPLES.get(place[1], "some"), wording)
    return re.sub(r"\(([^)]*)\)", r"\1", text).strip()
