"""Builds the states of one flow file from its data, and notes what cannot be resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from retake_flow.flow import calendar, duration
from retake_flow.flow.diagnostics import Problem, list_of_known
from retake_flow.flow.expressions.expression import Expression, Template, is_template, templates
from retake_flow.flow.model import (
    ActionState,
    Activity,
    CompositeState,
    FinalState,
    HistoryState,
    Input,
    OwnAction,
    QuestionState,
    RestingState,
    State,
    SubFlow,
    SubFlowState,
    WaitState,
)
from retake_flow.flow.names import SEPARATOR, find_target, join, last, parent
from retake_flow.flow.schema.state import KINDS
from retake_flow.flow.state_parts import TIMES, Ask, Effect, Escalation, Poll, Raise, Retry, Route, Tell, Undo, Value
from retake_flow.flow.text.yaml_source import Path, Source

#: The keys of effects that a route may have itself.
EFFECTS = ("set", "cancel", "raise", "tell", "scene")
#: The scope of events that are dropped only when the flow ends.
WHOLE_FLOW = "flow"
_MOST_ALIKE = 100  # states of one name to search for the one that is meant

#: Gives a sub-flow and its states, from the name as written, its position, and the path of its state.
Inner = Callable[[str, Problem, str], "tuple[SubFlow, str, dict[str, State]] | None"]


class Builder:
    """Builds the states of one file out of data that fits the schema.

    Args:
        source: The file.
        root: The path of the state that the file's flow runs in; "" for the flow itself.
        inner: Gives sub-flows.

    Attributes:
        damaged: The paths of the states that lost parts because of it.
    """

    def __init__(self, source: Source, root: str, inner: Inner) -> None:
        self.source = source
        self.root = root
        self.inner = inner
        self.problems: list[Problem] = []
        self.paths: dict[str, Path] = {}
        self._named: dict[str, list[str]] = {}
        self.damaged: set[str] = set()

    def states(self, data: Mapping[str, Any]) -> dict[str, State]:
        """All states, by path; those of a sub-flow after the state it runs in."""
        prefix = self.root + SEPARATOR if self.root else ""
        self.paths = {prefix + path: where for path, where in _paths(data["states"], ("states",), "")}
        for path in self.paths:
            self._named.setdefault(last(path), []).append(path)
        states: dict[str, State] = {}
        for path, where in self.paths.items():
            states.update(self._state(path, _at(data, where) or {}, where))
        return states

    def inputs(self, data: Mapping[str, Any]) -> dict[str, Input]:
        """The declared inputs."""
        return {name: Input(name, s, self.source.key(("inputs", name))) for name, s in data.get("inputs", {}).items()}

    def events(self, data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The declared events from outside, with the properties of their data."""
        declared = data.get("events", {})
        pairs = declared.items() if isinstance(declared, dict) else dict.fromkeys(declared).items()
        return {name: fields or {} for name, fields in pairs}

    def own_action(self, name: str, data: Mapping[str, Any]) -> OwnAction:
        """An action that the flow declares by `do`."""
        where = ("actions", name)
        do, given = _action_and_inputs(data)
        return OwnAction(
            name=name,
            do=do,
            given=self.value(given, (*where, "with")),
            position=self.source.key(where),
            description=data.get("description", ""),
            inputs=data.get("inputs", {}),
            result=data.get("result", {}),
            outcomes=tuple(data.get("outcomes", ("done",))),
            safe=data.get("idempotency", "once") == "safe",
        )

    def _state(self, path: str, data: Mapping[str, Any], where: Path) -> dict[str, State]:
        shared: dict[str, Any] = {
            "path": path,
            "parent": parent(path),
            "position": self.source.key(where),
            "root": self.root,
            "description": data.get("description", ""),
            "set": self.value(data.get("set", {}), (*where, "set")),
            "entry": self._effects(path, data.get("entry"), (*where, "entry")),
            "exit": self._effects(path, data.get("exit"), (*where, "exit")),
            "timeout": self._time(data["timeout"], (*where, "timeout")) if "timeout" in data else None,
            "activities": {
                name: self._activity(path, name, item, (*where, "activities", name))
                for name, item in data.get("activities", {}).items()
            },
            "routes": dict(self._routes(path, data.get("transitions", {}), (*where, "transitions"))),
            "always": self._routes_of_event(path, "", data.get("always"), (*where, "always")),
        }
        if "flow" in data and not data.keys() & {"do", "ask"}:
            return self._sub_flow(path, data, where, shared)
        return {path: self._of_kind(path, data, where, shared)}

    def _of_kind(self, path: str, data: Mapping[str, Any], where: Path, shared: dict[str, Any]) -> State:
        """Build a state of the kind that its keys determine, from the fields that all kinds share."""
        match next((kind for kind in KINDS if kind in data), ""):
            case "do":
                do, given = _action_and_inputs(data)
                return ActionState(
                    **shared,
                    do=do,
                    inputs=self.value(given, (*where, "with")),
                    needs=_needs(data),
                    retry=self._retry(data, where),
                    poll=self._poll(data, where),
                    undo=self._undo(data, where),
                    on_crash=data.get("on_crash", ""),
                )
            case "ask":
                return QuestionState(**shared, ask=self._ask(data["ask"], (*where, "ask")))
            case "states":
                children = tuple(path + SEPARATOR + name for name in data["states"])
                initial = self._initial(path, data, where)
                return CompositeState(**shared, initial=initial, children=children, **self._retries(path, data, where))
            case "wait":
                return WaitState(**shared, wait=self._time(data["wait"], (*where, "wait")))
            case "final":
                return self._final(path, data, where, shared)
            case "history":
                initial = self._initial(shared["parent"], data, where)
                return HistoryState(**shared, deep=data["history"] == "deep", initial=initial)
        return RestingState(**shared)

    def _final(self, path: str, data: Mapping[str, Any], where: Path, shared: dict[str, Any]) -> State:
        ends = shared["parent"] if data.get("ends") == "state" else self.root
        if "ends" in data and data["ends"] == "state" and ends == self.root:
            message, hint = f"{path!r} is inside no state that it could end", "leave out `ends`"
            self.problems.append(Problem(self.source.value((*where, "ends")), "RF014", message, hint))
        fails = ends == self.root and (data["final"] == "failed" or data.get("fails", False))
        reason = self.value(data.get("reason"), (*where, "reason"))
        return FinalState(**shared, final=data["final"], ends=ends, fails=fails, reason=reason)

    def _sub_flow(self, path: str, data: Mapping[str, Any], where: Path, shared: dict[str, Any]) -> dict[str, State]:
        unknown = Problem(self.source.value((*where, "flow")), "RF021", "")
        found = self.inner(data["flow"], unknown, path)
        if found is None:
            self.damaged.add(path)
        sub, initial, inside = found or (SubFlow(data["flow"], {}, ()), "", {})
        children = tuple(inner for inner, state in inside.items() if state.parent == path)
        given = self.value(data.get("with", {}), (*where, "with"))
        retried = self._retries(path, data, where)
        state = SubFlowState(**shared, initial=initial, children=children, sub=sub, inputs=given, **retried)
        return {path: state, **inside}

    def _retries(self, path: str, data: Mapping[str, Any], where: Path) -> dict[str, Any]:
        """How a composite state is re-entered after an error."""
        if "retry" not in data:
            return {}
        if "per_try" in data["retry"]:
            position = self.source.key((*where, "retry", "per_try"))
            message = "`per_try` limits the try of an action, and this state contains states"
            self.problems.append(Problem(position, "RF013", message, "limit them with `timeout`"))
        again = Route("", path, None, (), self.source.key((*where, "retry")), self.root, path)
        return {"retry": self._retry(data, where), "again": again}

    def _initial(self, around: str, data: Mapping[str, Any], where: Path) -> str:
        """The path of the initial state of a composite, or of the first target of a history state inside it."""
        return self.child(around, data["initial"], (*where, "initial")) if "initial" in data else ""

    def _effects(self, path: str, data: Any, where: Path) -> tuple[Effect, ...]:
        """The effects of entering or leaving a state or of a route, in the order written."""
        return tuple(
            Effect(
                self.value(item.get("set", {}), (*at, "set")),
                self._raises(path, item, (*at, "raise")),
                self._tell(item, at),
                item.get("scene", ""),
                self._condition(item["if"], (*at, "if")) if "if" in item else None,
                self.source.value(at),
                tuple(event for event, _ in _each(item.get("cancel"), at)),
            )
            for item, at in _each(data, where)
        )

    def _raises(self, path: str, data: Mapping[str, Any], where: Path) -> tuple[Raise, ...]:
        return tuple(self._raise(path, item, at) for item, at in _each(data.get("raise"), where))

    def _raise(self, path: str, written: Any, where: Path) -> Raise:
        given = {"event": written} if isinstance(written, str) else written
        return Raise(
            event=given["event"],
            position=self.source.value(where),
            data=self.value(given.get("data", {}), (*where, "data")),
            after=self._time(given["after"], (*where, "after")) if "after" in given else None,
            scope=self._scope(path, given["scope"], (*where, "scope")) if "scope" in given else None,
            source=path,
        )

    def _scope(self, path: str, written: str, where: Path) -> str:
        """The path of the state with which a delayed event is dropped."""
        while path != self.root and last(path) != written:
            path = parent(path)
        if path == self.root and written != WHOLE_FLOW:
            message = f"no state {written!r} is around this one"
            hint = f"name a state around, or write `scope: {WHOLE_FLOW}`"
            self.problems.append(Problem(self.source.value(where), "RF020", message, hint))
        return path

    def _tell(self, data: Mapping[str, Any], where: Path) -> Tell | None:
        match data.get("tell"):
            case None:
                return None
            case str(message):
                return Tell(self.value(message, (*where, "tell")))
            case given:
                return Tell(self.value(given["message"], (*where, "tell", "message")), given.get("kind", "told"))

    def _ask(self, given: Mapping[str, Any], at: Path) -> Ask:
        reminders = given.get("remind", [])
        later = enumerate(given.get("escalate", []))
        return Ask(
            message=self.value(given["message"], (*at, "message")),
            fields=given.get("answer", {}),
            decisions={name: fields or {} for name, fields in given.get("decisions", {}).items()},
            remind=tuple(self._time(item, (*at, "remind", index)) for index, item in enumerate(reminders)),
            timeout=self._time(given["timeout"], (*at, "timeout")) if "timeout" in given else None,
            escalate=tuple(
                Escalation(self._time(item["after"], (*at, "escalate", index, "after")), item["to"])
                for index, item in later
            ),
        )

    def _routes(self, path: str, data: Mapping[str, Any], where: Path) -> Iterator[tuple[str, tuple[Route, ...]]]:
        found: dict[str, tuple[Route, ...]] = {}
        for pattern, written in data.items():
            event = pattern.removesuffix(".*")  # `tip` takes `tip.large` too
            known = self._routes_of_event(path, event, written, (*where, pattern))
            if known:
                found[event] = (*found.get(event, ()), *known)
        yield from found.items()

    def _routes_of_event(self, path: str, event: str, written: Any, where: Path) -> tuple[Route, ...]:
        made = [self._route(path, event, item, at) for item, at in _each(written, where)]
        return tuple(route for route in made if route is not None)

    def _route(self, path: str, event: str, data: Any, where: Path) -> Route | None:
        full: Mapping[str, Any] = {"to": data} if isinstance(data, str) else data
        at = (*where, "to") if "to" in full and isinstance(data, dict) else where
        target = find_target(path, full["to"], self.paths, self.root) if "to" in full else ""
        if target is None:
            self.damaged.add(path)
            message = f"there is no state {full['to']!r}"
            self.problems.append(Problem(self.source.value(at), "RF020", message, self._suggestions(full["to"])))
            return None
        when = self._condition(full["when"], (*where, "when")) if "when" in full else None
        return Route(
            event=event,
            to=target,
            when=when,
            effects=(
                *self._effects(path, {key: full[key] for key in EFFECTS if key in full} or None, where),
                *self._effects(path, full.get("effects"), (*where, "effects")),
            ),
            position=self.source.value(at),
            root=self.root,
            source=path,
            reenter=full.get("reenter", False),
        )

    def _suggestions(self, written: str) -> str:
        """The possible meanings of a target that does not exist."""
        alike = islice(self._named.get(last(written), ()), _MOST_ALIKE)
        inside = next((known for known in alike if known.endswith(SEPARATOR + written)), None)
        if inside is not None:
            return f"write its path, {inside!r}"
        return list_of_known(written, self._named, self.problems)

    def child(self, path: str, name: str, where: Path) -> str:
        """The path of the initial state of a composite, or of the whole flow."""
        full = join(path, name)
        if full not in self.paths:
            hint = list_of_known(name, (last(p) for p in self.paths if parent(p) == path), self.problems)
            message = f"the initial state {name!r} is not inside {path or 'the flow'!r}"
            self.problems.append(Problem(self.source.value(where), "RF020", message, hint))
        return full

    def _activity(self, scope: str, name: str, data: Mapping[str, Any], where: Path) -> Activity:
        value = {k: self._time(data[k], (*where, k)) for k in ("every", "quiet", "delay") if k in data}
        raises = data.get("raises", {})
        do, given = _action_and_inputs(data)
        return Activity(
            name=name,
            scope=scope,
            do=do,
            inputs=self.value(given, (*where, "with")),
            needs=_needs(data),
            every=value.get("every"),
            quiet=value.get("quiet"),
            delay=value.get("delay", 0.0),
            raises=tuple((e, self._condition(raises[e], (*where, "raises", e))) for e in raises),
            retry=self._retry(data, where),
            position=self.source.key(where),
            ask=self._ask(data["ask"], (*where, "ask")) if "ask" in data else None,
            on_crash=data.get("on_crash", ""),
            root=self.root,
        )

    def _retry(self, data: Mapping[str, Any], where: Path) -> Retry | None:
        if "retry" not in data:
            return None
        values = {key: self._retry_value(key, item, (*where, "retry", key)) for key, item in data["retry"].items()}
        return Retry(**values)

    def _retry_value(self, key: str, written: Any, where: Path) -> Value:
        if key == "on":
            return tuple(written)
        value = self.value(written, where)
        if any(templates(value)):
            return value
        return (
            self._time_or_number(written, where) if key in TIMES else int(written) if key == "max" else float(written)
        )

    def _poll(self, data: Mapping[str, Any], where: Path) -> Poll | None:
        if "poll" not in data:
            return None
        given, at = data["poll"], (*where, "poll")
        return Poll(
            every=self._time(given["every"], (*at, "every")),
            until=self._condition(given["until"], (*at, "until")),
            delay=self._time(given.get("delay", 0.0), (*at, "delay")),
            timeout=self._time(given["timeout"], (*at, "timeout")) if "timeout" in given else None,
        )

    def _undo(self, data: Mapping[str, Any], where: Path) -> Undo | None:
        given = data.get("undo")
        if given is None:
            return None
        if isinstance(given, str):
            return Undo(given, {})
        return Undo(given["do"], self.value(given.get("with", {}), (*where, "undo", "with")))

    def _time(self, written: Any, where: Path) -> Value:
        """A literal duration, the expression that gives one, or a time of the calendar."""
        value = self.value(written, where)
        if not any(templates(value)):
            self._time_or_number(value, where)
        return value

    def _time_or_number(self, written: Any, where: Path) -> float:
        try:
            return calendar.next_time(written, 0.0) if isinstance(written, Mapping) else duration.seconds(written)
        except ValueError as error:
            self.problems.append(Problem(self.source.value(where), "RF014", f"{error}"))
            return 1.0

    def _condition(self, written: Any, where: Path) -> Expression:
        return Expression(str(written).lower() if isinstance(written, bool) else written, self.source.value(where))

    def value(self, written: Any, where: Path) -> Value:
        """Plain data with its templates parsed."""
        if isinstance(written, str) and is_template(written):
            return Template(written, self.source.value(where))
        if isinstance(written, dict):
            return {key: self.value(item, (*where, key)) for key, item in written.items()}
        if isinstance(written, list):
            return [self.value(item, (*where, index)) for index, item in enumerate(written)]
        return written


def _paths(states: Mapping[str, Any], where: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for name, data in states.items():
        yield prefix + name, (*where, name)
        if isinstance(data, dict) and "states" in data:
            yield from _paths(data["states"], (*where, name, "states"), prefix + name + SEPARATOR)


def _each(written: Any, where: Path) -> Iterator[tuple[Any, Path]]:
    """The items of a single value or a list, each with its position; none for None."""
    if isinstance(written, list):
        yield from ((item, (*where, index)) for index, item in enumerate(written))
    elif written is not None:
        yield written, where


def _at(data: Any, where: Path) -> Any:
    for step in where:
        data = data[step]
    return data


def _action_and_inputs(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The action and its inputs; with `lines`, `program.run` is a service."""
    do, given = data.get("do", ""), data.get("with", {})
    if do == "program.run" and isinstance(given.get("lines"), bool):
        do = "program.lines" if given["lines"] else do
        given = {name: value for name, value in given.items() if name != "lines"}
    return do, given


def _needs(data: Mapping[str, Any]) -> tuple[str, ...]:
    given = data.get("needs", ())
    return (given,) if isinstance(given, str) else tuple(given)
