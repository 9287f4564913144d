"""Builds the states of one flow file from its tree, and notes what cannot be resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from retake_flow.flow import calendar, duration
from retake_flow.flow.diagnostics import Position, Problem, list_of_known
from retake_flow.flow.expressions.expression import Expression, Template, is_template, templates
from retake_flow.flow.model import (
    ActionState,
    Activity,
    CompositeState,
    FinalState,
    HistoryState,
    OwnAction,
    QuestionState,
    RestingState,
    State,
    SubFlow,
    SubFlowState,
    WaitState,
)
from retake_flow.flow.names import SEPARATOR, find_target, join, last, parent
from retake_flow.flow.schema.builders import OWN_EFFECTS
from retake_flow.flow.schema.state import KINDS
from retake_flow.flow.state_parts import TIMES, Ask, Effect, Escalation, Poll, Raise, Retry, Route, Tell, Undo, Value
from retake_flow.flow.text.tree import Node, states

#: The scope of events that are dropped only when the flow ends.
WHOLE_FLOW = "flow"
_MOST_ALIKE = 100  # states of one name to search for the one that is meant

#: Gives a sub-flow, the path of its initial state and its states, from the node with its name and the path of the
#: state that it runs in.
Inner = Callable[[Node, str], "tuple[SubFlow, str, dict[str, State]] | None"]


class Builder:
    """Builds the states of one file out of a tree that fits the schema.

    Args:
        root: The path of the state that the file's flow runs in; "" for the flow itself.
        inner: Gives sub-flows.

    Attributes:
        damaged: The paths of the states that lost parts because of it.
    """

    def __init__(self, tree: Node, root: str, inner: Inner) -> None:
        self.problems: list[Problem] = []
        self.damaged: set[str] = set()
        self._root = root
        self._inner = inner
        if "states" not in tree:
            raise KeyError("states")
        self._states = dict(states(tree, root))
        self._named: dict[str, list[str]] = {}
        for path in self._states:
            self._named.setdefault(last(path), []).append(path)

    def states(self) -> dict[str, State]:
        """All states, by path; those of a sub-flow after the state it runs in."""
        built: dict[str, State] = {}
        for path, node in self._states.items():
            built.update(self._state(path, node))
        return built

    def child(self, path: str, owner: Node) -> str:
        """The path of the initial state of a composite, or of the whole flow."""
        node = owner.value["initial"]
        full = join(path, node.value)
        if full not in self._states:
            hint = list_of_known(node.value, (last(p) for p in self._states if parent(p) == path), self.problems)
            message = f"the initial state {node.value!r} is not inside {path or 'the flow'!r}"
            self._say(node.at, "RF020", message, hint)
        return full

    def _say(self, place: Position, code: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(place, code, message, hint))

    def _state(self, path: str, node: Node) -> dict[str, State]:
        shared: dict[str, Any] = {
            "path": path,
            "parent": parent(path),
            "position": node.key,
            "root": self._root,
            "description": plain_value(node, "description", ""),
            "set": _values(node, "set"),
            "entry": self._effects(path, _each(node, "entry")),
            "exit": self._effects(path, _each(node, "exit")),
            "timeout": self._time(node, "timeout"),
            "activities": {name: self._activity(path, name, item) for name, item in entries(node, "activities")},
            "routes": self._routes(path, node),
            "always": self._routes_of_event(path, "", _each(node, "always")),
        }
        if "flow" in node and "do" not in node and "ask" not in node:
            return self._sub_flow(path, node, shared)
        return {path: self._of_kind(path, node, shared)}

    def _of_kind(self, path: str, node: Node, shared: dict[str, Any]) -> State:
        """Build a state of the kind that its keys determine, from the fields that all kinds share."""
        match next((kind for kind in KINDS if kind in node), ""):
            case "do":
                do, inputs = _action_and_inputs(node)
                return ActionState(
                    **shared,
                    do=do,
                    inputs=inputs,
                    needs=_texts(node, "needs"),
                    retry=self._retry(node),
                    poll=self._poll(node),
                    undo=_undo(node),
                    on_crash=plain_value(node, "on_crash", ""),
                )
            case "ask":
                return QuestionState(**shared, ask=self._ask(node.value["ask"]))
            case "states":
                children = tuple(path + SEPARATOR + name for name, _ in entries(node, "states"))
                return CompositeState(
                    **shared, initial=self._initial(path, node), children=children, **self._retries(path, node)
                )
            case "wait":
                return WaitState(**shared, wait=self._time(node, "wait"))
            case "final":
                return self._final(path, node, shared)
            case "history":
                initial = self._initial(shared["parent"], node)
                return HistoryState(**shared, deep=plain_value(node, "history") == "deep", initial=initial)
        return RestingState(**shared)

    def _final(self, path: str, node: Node, shared: dict[str, Any]) -> State:
        of_state, outcome = plain_value(node, "ends") == "state", plain_value(node, "final")
        ends = shared["parent"] if of_state else self._root
        if of_state and ends == self._root:
            message = f"{path!r} is inside no state that it could end"
            self._say(node.value["ends"].at, "RF014", message, "leave out `ends`")
        fails = ends == self._root and (outcome == "failed" or plain_value(node, "fails", False))
        reason = node.get("reason")
        return FinalState(
            **shared, final=outcome, ends=ends, fails=fails, reason=None if reason is None else parse_templates(reason)
        )

    def _sub_flow(self, path: str, node: Node, shared: dict[str, Any]) -> dict[str, State]:
        name = node.value["flow"]
        found = self._inner(name, path)
        if found is None:
            self.damaged.add(path)
        sub, initial, inside = found or (SubFlow(name.value, {}, ()), "", {})
        children = tuple(inner for inner, state in inside.items() if state.parent == path)
        inputs, retried = _values(node, "with"), self._retries(path, node)
        state = SubFlowState(**shared, initial=initial, children=children, sub=sub, inputs=inputs, **retried)
        return {path: state, **inside}

    def _retries(self, path: str, node: Node) -> dict[str, Any]:
        """How a composite state is re-entered after an error."""
        written = node.get("retry")
        if written is None:
            return {}
        if "per_try" in written:
            message = "`per_try` limits the try of an action, and this state contains states"
            self._say(written.value["per_try"].key, "RF013", message, "limit them with `timeout`")
        return {"retry": self._retry(node), "again": Route("", path, None, (), written.key, self._root, path)}

    def _initial(self, around: str, node: Node) -> str:
        """The path of the initial state of a composite, or of the first target of a history state inside it."""
        return self.child(around, node) if "initial" in node else ""

    def _effects(self, path: str, nodes: Iterable[Node]) -> tuple[Effect, ...]:
        """The effects of entering or leaving a state or of a route, in the order written."""
        return tuple(
            Effect(
                _values(node, "set"),
                tuple(self._raise(path, each) for each in _each(node, "raise")),
                _tell(node),
                plain_value(node, "scene", ""),
                _condition(node, "if"),
                node.at,
                _texts(node, "cancel"),
            )
            for node in nodes
        )

    def _raise(self, path: str, node: Node) -> Raise:
        if isinstance(node.value, str):
            return Raise(node.value, node.at, source=path)
        return Raise(
            event=plain_value(node, "event"),
            position=node.at,
            data=_values(node, "data"),
            after=self._time(node, "after"),
            scope=self._scope(path, node.value["scope"]) if "scope" in node else None,
            source=path,
        )

    def _scope(self, path: str, node: Node) -> str:
        """The path of the state with which a delayed event is dropped."""
        while path != self._root and last(path) != node.value:
            path = parent(path)
        if path == self._root and node.value != WHOLE_FLOW:
            hint = f"name a state around, or write `scope: {WHOLE_FLOW}`"
            self._say(node.at, "RF020", f"no state {node.value!r} is around this one", hint)
        return path

    def _ask(self, node: Node) -> Ask:
        return Ask(
            message=parse_templates(node.value["message"]),
            fields=plain_value(node, "answer", {}),
            decisions={name: fields.data or {} for name, fields in entries(node, "decisions")},
            remind=tuple(map(self._duration, _each(node, "remind"))),
            timeout=self._time(node, "timeout"),
            escalate=tuple(
                Escalation(self._time(each, "after"), plain_value(each, "to")) for each in _each(node, "escalate")
            ),
        )

    def _routes(self, path: str, node: Node) -> dict[str, tuple[Route, ...]]:
        found: dict[str, tuple[Route, ...]] = {}
        for pattern, written in entries(node, "transitions"):
            event = pattern.removesuffix(".*")  # `tip` takes `tip.large` too
            routes = self._routes_of_event(path, event, written.as_list)
            if routes:
                found[event] = (*found.get(event, ()), *routes)
        return found

    def _routes_of_event(self, path: str, event: str, nodes: Iterable[Node]) -> tuple[Route, ...]:
        routes = (self._route(path, event, node) for node in nodes)
        return tuple(route for route in routes if route is not None)

    def _route(self, path: str, event: str, node: Node) -> Route | None:
        bare = isinstance(node.value, str)
        to = node if bare else node.get("to")
        target = "" if to is None else find_target(path, to.value, self._states, self._root)
        place = (to or node).at
        if to is not None and target is None:
            self.damaged.add(path)
            self._say(place, "RF020", f"there is no state {to.value!r}", self._suggestions(to.value))
            return None
        own = [node] if any(key in node for key in OWN_EFFECTS) else []
        return Route(
            event=event,
            to=target or "",
            when=_condition(node, "when"),
            effects=self._effects(path, [*own, *_each(node, "effects")]),
            position=place,
            root=self._root,
            source=path,
            reenter=not bare and plain_value(node, "reenter", False),
        )

    def _suggestions(self, written: str) -> str:
        """The possible meanings of a target that does not exist."""
        alike = islice(self._named.get(last(written), ()), _MOST_ALIKE)
        inside = next((known for known in alike if known.endswith(SEPARATOR + written)), None)
        if inside is not None:
            return f"write its path, {inside!r}"
        return list_of_known(written, self._named, self.problems)

    def _activity(self, scope: str, name: str, node: Node) -> Activity:
        do, inputs = _action_and_inputs(node)
        return Activity(
            name=name,
            scope=scope,
            do=do,
            inputs=inputs,
            needs=_texts(node, "needs"),
            every=self._time(node, "every"),
            quiet=self._time(node, "quiet"),
            delay=self._time(node, "delay", 0.0),
            raises=tuple((event, _expression(condition)) for event, condition in entries(node, "raises")),
            retry=self._retry(node),
            position=node.key,
            ask=self._ask(node.value["ask"]) if "ask" in node else None,
            on_crash=plain_value(node, "on_crash", ""),
            root=self._root,
        )

    def _retry(self, node: Node) -> Retry | None:
        values = {key: self._retry_value(key, item) for key, item in entries(node, "retry")}
        return Retry(**values) if values else None

    def _retry_value(self, key: str, node: Node) -> Value:
        if key == "on":
            return tuple(node.data)
        value = parse_templates(node)
        if any(templates(value)):
            return value
        return self._seconds(node) if key in TIMES else int(value) if key == "max" else float(value)

    def _poll(self, owner: Node) -> Poll | None:
        node = owner.get("poll")
        if node is None:
            return None
        return Poll(
            every=self._time(node, "every"),
            until=_expression(node.value["until"]),
            delay=self._time(node, "delay", 0.0),
            timeout=self._time(node, "timeout"),
        )

    def _time(self, owner: Node, key: str, default: Value = None) -> Value:
        node = owner.get(key)
        return default if node is None else self._duration(node)

    def _duration(self, node: Node) -> Value:
        """A literal duration, the expression that gives one, or a time of the calendar."""
        value = parse_templates(node)
        if not any(templates(value)):
            self._seconds(node)
        return value

    def _seconds(self, node: Node) -> float:
        try:
            return calendar.next_time(node.data, 0.0) if node.mapping else duration.seconds(node.value)
        except ValueError as error:
            self._say(node.at, "RF014", f"{error}")
            return 1.0


def own_action(name: str, node: Node) -> OwnAction:
    """An action that the flow declares by `do`."""
    do, given = _action_and_inputs(node)
    return OwnAction(
        name=name,
        do=do,
        given=given,
        position=node.key,
        description=plain_value(node, "description", ""),
        inputs=plain_value(node, "inputs", {}),
        result=plain_value(node, "result", {}),
        outcomes=_texts(node, "outcomes") or ("done",),
        safe=plain_value(node, "idempotency") == "safe",
    )


def parse_templates(node: Node) -> Value:
    """The plain data of a node with its templates parsed."""
    written = node.value
    if isinstance(written, str):
        return Template(written, node.at) if is_template(written) else written
    if isinstance(written, dict):
        return {key: parse_templates(item) for key, item in written.items()}
    return [parse_templates(item) for item in written] if isinstance(written, list) else written


# A stored flow is not validated again: if its parts have other shapes than expected, these functions raise errors.


def plain_value(owner: Node, key: str, default: Any = None) -> Any:
    """The plain data of a key of a mapping, or of nothing; or else a default."""
    node = (owner.value or {}).get(key)
    return default if node is None else node.data


def entries(owner: Node, key: str) -> Iterable[tuple[str, Node]]:
    """The entries of the mapping of a key; none if there is no such key."""
    node = owner.get(key)
    return () if node is None else node.value.items()


def _each(owner: Node, key: str) -> list[Node]:
    """The value of a key, or its items if it is a list; none if there is no such key."""
    node = owner.get(key)
    return [] if node is None or node.value is None else node.as_list


def _values(owner: Node, key: str) -> dict[str, Value]:
    return {name: parse_templates(node) for name, node in entries(owner, key)}


def _texts(owner: Node, key: str) -> tuple[str, ...]:
    """One text or a list of them."""
    return tuple(node.value for node in _each(owner, key))


def _condition(owner: Node, key: str) -> Expression | None:
    node = owner.get(key)
    return None if node is None else _expression(node)


def _expression(node: Node) -> Expression:
    written = node.value
    return Expression(str(written).lower() if isinstance(written, bool) else written, node.at)


def _tell(owner: Node) -> Tell | None:
    node = owner.get("tell")
    if node is None:
        return None
    if isinstance(node.value, str):
        return Tell(parse_templates(node))
    return Tell(parse_templates(node.value["message"]), plain_value(node, "kind", "told"))


def _undo(owner: Node) -> Undo | None:
    node = owner.get("undo")
    if node is None:
        return None
    is_name = isinstance(node.value, str)
    return Undo(node.value, {}) if is_name else Undo(plain_value(node, "do"), _values(node, "with"))


def _action_and_inputs(node: Node) -> tuple[str, dict[str, Value]]:
    """The action and its inputs; with `lines`, `program.run` is a service."""
    do, given = plain_value(node, "do", ""), _values(node, "with")
    if do == "program.run" and isinstance(given.get("lines"), bool):
        do = "program.lines" if given.pop("lines") else do
    return do, given
