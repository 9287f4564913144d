"""Many viewers in few words: crowds, repeated cues and trolls, expanded while they happen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from heapq import merge
from itertools import count
from random import Random
from typing import Any

from retake_flow.flow.schema.builders import SCENE_NAME
from retake_flow.rehearsal.setup import trolls
from retake_flow.rehearsal.setup.option_fields import Fields
from retake_flow.rehearsal.setup.viewer_script import Cue

_NUMBER = "{n}"
_TALK = (
    "what are you working on?",
    "this is oddly calming",
    "can you show that again?",
    "hello from the train",
    "why does it do that?",
    "nice one",
    "I did not expect that",
    "how long have you been live?",
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Viewers who write many messages, each with a different text: `#001 …`, `#002 …`.

    Attributes:
        viewers: The number of viewers.
        messages: The number of messages that they write together.
        start: Seconds from going live until the first message may come; `from` in JSON.
        over: Seconds over which the messages are spread at random.
        name: The prefix of their names.
    """

    viewers: int
    messages: int
    start: float = 0.0
    over: float = 0.0
    name: str = "viewer"

    @classmethod
    def read(cls, fields: Fields) -> Crowd:
        """Read a crowd from JSON."""
        crowd = cls(
            viewers=fields.whole("viewers", least=1),
            messages=fields.whole("messages", least=1),
            start=fields.number("from", 0.0),
            over=fields.number("over", 0.0),
            name=fields.text("name", "viewer"),
        )
        fields.end()
        return crowd

    def as_json(self) -> dict[str, Any]:
        """The crowd as `read` reads it, in its object."""
        told = asdict(self)
        return {"crowd": {"from": told.pop("start"), **told}}

    def cues(self, dice: Random) -> Iterator[Cue]:
        """The acts of the crowd; each viewer writes once before the rest is random."""
        digits = max(3, len(str(self.messages)))
        times = sorted(self.start + dice.random() * self.over for _ in range(self.messages))
        for number, at in enumerate(times, 1):
            viewer = number if number <= self.viewers else dice.randint(1, self.viewers)
            yield Cue(at, f"{self.name}-{viewer:02}", text=f"#{number:0{digits}} {dice.choice(_TALK)}")


@dataclass(frozen=True, slots=True)
class Repeat:
    """A cue that repeats; `{n}` in its name or text counts the repetitions.

    Attributes:
        cue: The cue, first at its own time.
        every: Seconds between two repetitions.
        until: Seconds after going live when it stops; None for never.
    """

    cue: Cue
    every: float
    until: float | None = None

    @classmethod
    def read(cls, fields: Fields) -> Repeat:
        """Read a repeated cue from JSON: a cue with `repeat`, and `until`."""
        every = fields.number("repeat")
        if every < 0.01:
            raise fields.wrong("repeat", "seconds, a hundredth at least")
        until = fields.number("until") if fields.anything("until") is not None else None
        return cls(Cue.read(fields), every, until)

    def as_json(self) -> dict[str, Any]:
        """The repeated cue as `read` reads it."""
        return {**asdict(self.cue), "repeat": self.every, "until": self.until}

    def cues(self, dice: Random) -> Iterator[Cue]:
        """All its repetitions."""
        for number in count(1):
            at = self.cue.at + (number - 1) * self.every
            if self.until is not None and at > self.until:
                return
            name, text = (text.replace(_NUMBER, str(number)) for text in (self.cue.name, self.cue.text))
            yield replace(self.cue, at=at, name=name, text=text)


@dataclass(frozen=True, slots=True)
class Trolls:
    """Everything that trolls write (`trolls.STOCK`), one text after the other.

    Attributes:
        start: Seconds from going live until the first text; `from` in JSON.
        every: Seconds between two texts.
        rounds: How often all of them come.
    """

    start: float = 0.0
    every: float = 1.0
    rounds: int = 1

    @classmethod
    def read(cls, fields: Fields) -> Trolls:
        """Read trolls from JSON."""
        found = cls(fields.number("from", 0.0), fields.number("every", 1.0), fields.whole("rounds", 1, least=1))
        fields.end()
        return found

    def as_json(self) -> dict[str, Any]:
        """The trolls as `read` reads them, in their object."""
        return {"trolls": {"from": self.start, "every": self.every, "rounds": self.rounds}}

    def cues(self, dice: Random) -> Iterator[Cue]:
        """The acts of the trolls."""
        for number, (name, text) in enumerate(trolls.STOCK * self.rounds):
            yield Cue(self.start + number * self.every, name, text=text)


@dataclass(frozen=True, slots=True)
class Reaction:
    """The reaction of a viewer each time that a scene comes on.

    Attributes:
        scene: The scene.
        cue: The act; its time counts from the moment when the scene comes on.
    """

    scene: str
    cue: Cue

    @classmethod
    def read(cls, fields: Fields) -> Reaction:
        """Read a reaction from JSON: a cue with `scene`."""
        scene = fields.text("scene")
        if not re.fullmatch(SCENE_NAME, scene):
            raise fields.wrong("scene", "the name of a scene, such as brb")
        return cls(scene, Cue.read(fields))

    def as_json(self) -> dict[str, Any]:
        """The reaction as `read` reads it."""
        return {**asdict(self.cue), "scene": self.scene}

    def cues(self, dice: Random) -> Iterator[Cue]:
        """Nothing: it has no time of its own."""
        return iter(())


Part = Cue | Crowd | Repeat | Trolls | Reaction
"""A part of the viewers' script."""


def read_part(fields: Fields) -> Part:
    """Read a part of the script from JSON: `{"crowd": {…}}`, `{"trolls": {…}}`, or a cue, perhaps with `repeat`
    or `scene`.

    Raises:
        UsageError: It is none.
    """
    for name, kind in (("crowd", Crowd), ("trolls", Trolls)):
        if fields.has(name):
            inner = Fields(fields.anything(name), f"{fields.where}.{name}")
            fields.end()
            read: Part = kind.read(inner)
            return read
    if fields.has("scene"):
        return Reaction.read(fields)
    return Repeat.read(fields) if fields.has("repeat") else Cue.read(fields)


def part_as_json(part: Part) -> dict[str, Any]:
    """A part of the script as `read_part` reads it."""
    return asdict(part) if isinstance(part, Cue) else part.as_json()


def cues(script: Sequence[Part], seed: int | None) -> Iterator[Cue]:
    """The acts of viewers in a script, in order; the same each time with a seed."""
    parts = []
    for number, part in enumerate(script):
        dice = Random(None if seed is None else f"{seed}, viewers, {number}")
        parts.append(iter([part]) if isinstance(part, Cue) else part.cues(dice))
    return merge(*parts, key=lambda cue: cue.at)
