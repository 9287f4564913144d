"""Mocks: results of actions, read from a file of `ACTION or STATE: ANSWER`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import ActionSpec, Catalogue, with_own
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.model import Flow
from retake_flow.flow.text.yaml_source import Path, Source, decode, parse
from retake_flow.ports.actions import Call
from retake_flow.whatif.simulate import mock_replies, script_fields
from retake_flow.whatif.simulate.mock_replies import Reply
from retake_flow.whatif.simulate.script_fields import InvalidField, Part

_KEYS: Final = ("outcome", "value", "reason", "error", "after", "exits")


class Mocks:
    """The results of the actions that need no line of the script."""

    def __init__(self, answers: Mapping[str, tuple[Reply, ...]] | None = None) -> None:
        """Take the results by place or action; each is a list whose last item repeats."""
        self._answers = answers or {}
        self._given: Counter[str] = Counter()

    def next(self, call: Call, *, undo: bool) -> Reply | None:
        """The result of a call; None if the call waits for the script.

        An undo gets the result of its action: the result of a state is only for the state's own action.
        """
        key = next((key for key in (() if undo else (call.place,)) + (call.do,) if key in self._answers), None)
        if key is None:
            return None
        answers = self._answers[key]
        self._given[key] += 1
        return answers[min(self._given[key], len(answers)) - 1]


def read(content: bytes, file: str, flow: Flow, catalogue: Catalogue) -> Mocks:
    """Read a mock file, YAML or JSON.

    Raises:
        UsageError: The file has mistakes; the message says where.
    """
    text, problems = decode(content, file)
    source = Source(file, text, problems=problems) if problems else parse(text, file)
    if source.problems:
        raise UsageError("\n".join(map(str, source.problems)))
    if not isinstance(source.data, dict):
        raise UsageError(f"{source.value(())}: expected a mapping from actions or states to their results")
    reading = _Reading(source, flow, with_own(flow, catalogue))
    answers = dict(reading.answers())
    if reading.problems:
        raise UsageError("\n".join(reading.problems))
    return Mocks(answers)


class _Reading:
    def __init__(self, source: Source, flow: Flow, catalogue: Catalogue) -> None:
        self.problems: list[str] = []
        self._source = source
        self._catalogue = catalogue
        self._performing = script_fields.action_places(flow)

    def answers(self) -> Iterator[tuple[str, tuple[Reply, ...]]]:
        for name, written in self._source.data.items():
            items = written if isinstance(written, list) else [written]
            try:
                key, spec = self._resolve(name)
                if not items:
                    raise InvalidField((name,), "the list is empty", "write at least one answer, or leave it out")
            except InvalidField as error:
                self._say(error)
                continue
            at: list[Path] = [(name, i) for i in range(len(items))] if items is written else [(name,)]
            found = [self._answer(item, path, spec) for item, path in zip(items, at, strict=True)]
            yield key, tuple(answer for answer in found if answer is not None)

    def _resolve(self, name: str) -> tuple[str, ActionSpec]:
        """The action or the place that is meant, and the action there."""
        if name in self._catalogue:
            return name, self._catalogue[name]
        place = script_fields.resolve(name, {place: place for place in self._performing}, (name,), key=True)
        if place is not None:
            return place, self._catalogue[self._performing[place]]
        hint = did_you_mean(name, [*self._performing, *self._catalogue], "`retake-flow actions` lists the actions")
        raise InvalidField(
            (name,), f"there is no action, and no state or activity with an action, named {name!r}", hint, key=True
        )

    def _answer(self, written: Any, path: Path, spec: ActionSpec) -> Reply | None:
        try:
            return _read(written, path, spec)
        except InvalidField as error:
            self._say(error)
            return None

    def _say(self, error: InvalidField) -> None:
        at = self._source.key(error.path) if error.key else self._source.value(error.path)
        self.problems.append(f"{at}: {error.message}" + (f" ({error.hint})" if error.hint else ""))


def _read(written: Any, path: Path, spec: ActionSpec) -> Reply:
    """One result: a mapping, or only the outcome."""
    part = Part({"outcome": written} if isinstance(written, str) else written, path, _KEYS)
    after, exits = part.seconds("after") or 0.0, part.seconds("exits")
    if exits is not None and not spec.service:
        hint = "`after` says how long it takes"
        raise InvalidField((*path, "exits"), f"{spec.name!r} is not a service, so it cannot exit", hint)
    if "error" in part:
        beside = next((key for key in ("outcome", "value", "reason", "exits") if key in part), "")
        if beside:
            raise InvalidField((*path, beside), f"{beside!r} and 'error' do not go together")
        return Reply(fault=mock_replies.fault(part["error"], (*path, "error")), after=after)
    if "reason" in part and exits is None:
        raise InvalidField((*path, "reason"), "a 'reason' belongs to 'exits'")
    if part.text("outcome") == mock_replies.EXITED:
        raise InvalidField(
            (*path, "outcome"), "a service that is mocked becomes ready first", "`exits` says when it ends after that"
        )
    ending = Part({key: part[key] for key in ("outcome", "value") if key in part}, path, _KEYS)
    said = mock_replies.result(ending, path, spec)
    return Reply(said.outcome, said.value, part.text("reason"), after=after, exits=exits)
