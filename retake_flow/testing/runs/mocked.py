"""Results of mocked actions: from the scenario, else from a mock file, else a success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import ActionSpec, Catalogue, with_own
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.model import Flow
from retake_flow.ports.actions import Call
from retake_flow.whatif.plan import samples
from retake_flow.whatif.simulate import mocks, script_fields
from retake_flow.whatif.simulate.mocks import EXITED, Mocks, Reply
from retake_flow.whatif.simulate.script_fields import InvalidField

_NEVER: Final = Reply("", after=float("inf"))


@dataclass(slots=True)
class _Replies:
    """The scenario's results for one action or place.

    Attributes:
        first: Results that are used once each, before all others.
        then: The results after them; the last repeats.
        after: The seconds that each takes.
    """

    first: list[Reply] = field(default_factory=list)
    then: list[Reply] = field(default_factory=list)
    after: float | None = None

    def next(self) -> Reply | None:
        """The next result; None if the scenario has none."""
        if self.first:
            return self.first.pop(0)
        if len(self.then) > 1:
            return self.then.pop(0)
        return self.then[0] if self.then else None


class MockedAnswers(Mocks):
    """The results of all actions of one scenario."""

    def __init__(self, flow: Flow, catalogue: Catalogue, mocks: Mocks) -> None:
        """Take the results of a mock file for actions that the scenario does not mention."""
        super().__init__()
        self._catalogue = with_own(flow, catalogue)
        self._mocks = mocks
        self._performing = script_fields.action_places(flow)
        self._undos = {undo.do for undo in flow.undos()}
        self._said: dict[str, _Replies] = {}

    def next(self, call: Call, *, undo: bool) -> Reply | None:
        """The result of a call; None if it never ends."""
        keys = (call.do,) if undo else (call.place, call.do)
        said = [self._said[key] for key in keys if key in self._said]
        found = (source.next() for source in said)
        reply = next(
            chain((each for each in found if each is not None), filter(None, [self._mocks.next(call, undo=undo)])),
            None,
        )
        if reply is None:
            reply = self._usual(self._catalogue[call.do])
        after = next((source.after for source in said if source.after is not None), None)
        reply = reply if after is None else replace(reply, after=max(after, reply.after))
        return None if reply.after == _NEVER.after else reply

    # --- steps of a scenario -----------------------------------------------------------------------------

    def gives(self, name: str, values: Sequence[Mapping[str, Any]], *, outcome: str = "", times: int = 0) -> None:
        """Let an action succeed.

        Args:
            name: The action, or the state or activity that performs it.
            values: Its results in turn; the last repeats. Omitted fields get plausible values.
            outcome: Its outcome.
            times: How often, before its other results; 0 means always.

        Raises:
            UsageError: There is no such action, outcome or field.
        """
        key, spec = self._resolve(name)
        outcome = outcome or spec.outcomes[0]
        if outcome not in spec.outcomes:
            raise UsageError(f"{spec.name!r} has no outcome {outcome!r}", hint=did_you_mean(outcome, spec.outcomes))
        if outcome == EXITED and spec.service:
            raise UsageError(
                f"{spec.name!r} is ready first", hint=f"write `{name} exits after 30s`, or later `{name} exits`"
            )
        for value in values:
            for unknown in value.keys() - spec.result.keys():
                raise UsageError(
                    f"the result of {spec.name!r} has no {unknown!r}", hint=did_you_mean(unknown, spec.result)
                )
        self._say(key, [Reply(outcome, samples.result(spec, value)) for value in values or [{}]], times)

    def fails(self, name: str, kind: str, *, times: int = 0) -> None:
        """Let an action fail with an error of some kind; `times` as for `gives`.

        Raises:
            UsageError: There is no such action or error.
        """
        key, _ = self._resolve(name)
        try:
            fault = mocks.fault(kind, ())
        except InvalidField as error:
            raise UsageError(error.message, hint=error.hint) from None
        self._say(key, [Reply(fault=replace(fault, message=f"{kind}, as the scenario says"))], times)

    def never(self, name: str) -> None:
        """Let an action never end.

        Raises:
            UsageError: There is no such action.
        """
        self._say(self._resolve(name)[0], [_NEVER], 0)

    def takes(self, name: str, seconds: float) -> None:
        """Let an action take that long each time.

        Raises:
            UsageError: There is no such action.
        """
        self._said.setdefault(self._resolve(name)[0], _Replies()).after = seconds

    def exits(self, name: str, seconds: float) -> None:
        """Let a service end by itself, that long after it was ready.

        Raises:
            UsageError: There is no such service.
        """
        key, spec = self._resolve(name)
        if not spec.service:
            raise UsageError(
                f"{spec.name!r} is not a service, so it cannot exit", hint=f"`{name} takes 2s` says how long it takes"
            )
        self._say(key, [replace(self._usual(spec), reason="it ended by itself", exits=seconds)], 0)

    def _say(self, key: str, replies: list[Reply], times: int) -> None:
        said = self._said.setdefault(key, _Replies())
        if times:
            said.first += replies * times
        else:
            said.then = replies

    def _usual(self, spec: ActionSpec) -> Reply:
        return Reply(spec.outcomes[0], samples.result(spec, {}))

    def _resolve(self, name: str) -> tuple[str, ActionSpec]:
        """The action or place with this name, and the action there."""
        if name in self._catalogue:
            if name not in self._performing.values() and name not in self._undos:
                raise UsageError(
                    f"the flow never performs {name!r}", hint=did_you_mean(name, self._performing.values())
                )
            return name, self._catalogue[name]
        found = script_fields.matching(name, self._performing)
        if len(found) > 1:
            raise UsageError(f"{name!r} may be any of {', '.join(found)}", hint="write more of the path")
        if not found:
            hint = did_you_mean(name, [*self._performing, *(path.rpartition("/")[2] for path in self._performing)])
            raise UsageError(f"there is no action, and no state or activity with an action, named {name!r}", hint=hint)
        return found[0], self._catalogue[self._performing[found[0]]]
