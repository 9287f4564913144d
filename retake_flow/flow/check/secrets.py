"""Finds where a secret of a flow would become readable: in questions, messages, reasons, or on the platform."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.check.dataflow.symbols import Declarations
from retake_flow.flow.check.dataflow.undefined_values import Evaluation
from retake_flow.flow.check.references import Chain, mentions
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.fields import Declared, is_secret
from retake_flow.flow.model import ActionState, Activity, FinalState, Flow, State, SubFlowState, askers, performers
from retake_flow.flow.state_parts import Ask

#: The kinds of chat responders whose settings viewers read or an external service receives.
_SAID_BY_RESPONDERS = {"greeter", "openai"}
_HINT = "secrets are for actions that need them, such as `studio.encoder`; leave it out here"


def problems(
    flow: Flow, catalogue: Catalogue, declarations: Declarations, seen: Mapping[Expression, Evaluation]
) -> Iterator[Problem]:
    """The places where people would read a secret."""
    secrets = Secrets(flow, catalogue, declarations, seen)
    if not secrets.any:
        return
    for state in flow.states.values():
        if isinstance(state, FinalState):
            yield from _readable_secrets(state.reason, "the reason", state, secrets)
        for tell in (effect.tell for effect in state.effects() if effect.tell is not None):
            yield from _readable_secrets(tell.message, "the notice to the operator", state, secrets)
        for asker, ask in askers(state):
            yield from _readable_secrets(ask.message, "the question", asker, secrets)
        for doing in performers(state):
            yield from _action_problems(doing.do, doing.inputs, doing, catalogue, secrets)
        if isinstance(state, ActionState) and state.undo is not None:
            yield from _action_problems(state.undo.do, state.undo.inputs, state, catalogue, secrets)


def _action_problems(
    do: str, inputs: Mapping[str, Any], who: State | Activity, catalogue: Catalogue, secrets: Secrets
) -> Iterator[Problem]:
    spec = catalogue.get(do)
    for name in {spec.says, *spec.public} & inputs.keys() if spec is not None else ():
        yield from _readable_secrets(inputs[name], f"the input {name!r} of {do}", who, secrets)
    responder = inputs.get("responder")
    said = responder if isinstance(responder, Mapping) else {}
    for name in sorted(_SAID_BY_RESPONDERS & said.keys()):
        yield from _readable_secrets(said[name], f"{name!r} of the input 'responder' of {do}", who, secrets)


def _readable_secrets(value: Any, where: str, who: State | Activity, secrets: Secrets) -> Iterator[Problem]:
    for expression in templates(value):
        for mention in mentions(expression):
            if mention.shown and secrets.holds(who.root, mention.chain, expression):
                message = f"{'.'.join(mention.chain)!r} is secret, and people can read {where}"
                yield Problem(expression.position, "RF090", message, _HINT)


class Secrets:
    """Knows which names of a flow hold a secret."""

    def __init__(
        self, flow: Flow, catalogue: Catalogue, declarations: Declarations, seen: Mapping[Expression, Evaluation]
    ) -> None:
        self._flow = flow
        self._seen = seen
        self._catalogue = catalogue
        self._declarations = declarations
        self._inputs = {("", name) for name, given in flow.inputs.items() if is_secret(given.schema)}
        self._fields: dict[str, frozenset[str]] = {}
        for state in flow.states.values():
            named = state.sub.inputs.items() if isinstance(state, SubFlowState) else ()
            self._inputs |= {(state.path, name) for name, given in named if is_secret(given.schema)}
            self._fields |= {asker.key: found for asker, ask in askers(state) if (found := _secret(ask))}
            self._fields |= {doing.key: found for doing in performers(state) if (found := self._of_result(doing))}
        self._vars: set[tuple[str, str]] = set()
        self._data: set[str] = set()
        self.any = bool(self._inputs or self._fields)
        while self.any and self._grow():
            pass

    def holds(self, root: str, chain: Chain, expression: Expression) -> bool:
        """Whether a name is or contains a secret, where an expression of a flow or sub-flow uses it."""
        match chain:
            case ("inputs" | "vars" as kind, *rest):
                held = self._inputs if kind == "inputs" else self._vars
                return (root, rest[0]) in held if rest else any(place == root for place, _ in held)
            case ("outputs", *rest):
                return self._any_output(root, rest)
            case ("activities", *rest):
                named = self._declarations.activities(root)
                found = named.get(rest[0], ()) if rest else itertools.chain(*named.values())
                return any(_part(self._fields.get(activity.key, frozenset()), rest[1:]) for activity in found)
            case ("result", *rest) | ("event", "result", *rest):
                return self._result(expression, rest)
            case ("event", name, *_):
                return name in self._data
            case ("event",):
                return bool(self._data) or self._result(expression, [])
        return False

    def _any_output(self, root: str, names: list[str]) -> bool:
        """Whether the named output of a flow or sub-flow, or any of them, has secrets."""
        states = self._declarations.states_of(root)
        named = [states[name] for name in names[:1] if name in states] if names else states.values()
        return any(self._output(state, names[1:]) for state in named)

    def _output(self, state: State, names: list[str]) -> bool:
        if isinstance(state, SubFlowState):
            return self._any_output(state.path, names)
        return _part(self._fields.get(state.path, frozenset()), names)

    def _result(self, expression: Expression, names: list[str]) -> bool:
        """Whether the result has secrets; when anything may have led there, its names decide."""
        evaluation = self._seen.get(expression)
        for now in evaluation.occurrences if evaluation is not None else ():
            places = [now.place] if now is not None else list(self._fields) if names else []
            for place in places:
                state = self._flow.states.get(place)
                if isinstance(state, FinalState) and state.ends and state.ends_flow:
                    return self._output(self._flow.states[state.root], names)
                if _part(self._fields.get(place, frozenset()), names):
                    return True
        return False

    def _of_result(self, doing: ActionState | Activity) -> frozenset[str]:
        return self._catalogue[doing.do].secrets if doing.do in self._catalogue else frozenset()

    def _grow(self) -> bool:
        """Follow secrets one step further: into variables, and into the inputs of sub-flows."""
        known = len(self._vars) + len(self._inputs) + len(self._data)
        for state in self._flow.states.values():
            for values in state.sets():
                self._vars |= {(state.root, name) for name, value in values.items() if self._within(value, state.root)}
            if isinstance(state, SubFlowState):
                given = state.inputs.items()
                self._inputs |= {(state.path, name) for name, value in given if self._within(value, state.root)}
            for each in state.raises():
                self._data |= {name for name, value in each.data.items() if self._within(value, state.root)}
        return len(self._vars) + len(self._inputs) + len(self._data) > known

    def _within(self, value: Any, root: str) -> bool:
        return any(
            mention.shown and self.holds(root, mention.chain, expression)
            for expression in templates(value)
            for mention in mentions(expression)
        )


def _secret(ask: Ask) -> frozenset[str]:
    asked: list[Declared] = [ask.fields, *ask.decisions.values()]
    return frozenset(name for fields in asked for name, schema in fields.items() if schema.get("secret"))


def _part(secret: frozenset[str], names: list[str]) -> bool:
    """Whether a result with these secret fields contains a secret, or the named part of it does."""
    return names[0] in secret if names else bool(secret)
