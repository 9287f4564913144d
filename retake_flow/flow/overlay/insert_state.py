"""Inserts a new state before or after another and redirects the routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retake_flow.errors import ExpressionError
from retake_flow.flow.diagnostics import Position, Problem, did_you_mean
from retake_flow.flow.expressions.expression import Expression, Template, is_template
from retake_flow.flow.names import is_within, join, last, parent
from retake_flow.flow.text.tree import Node, Target, from_data, states, target_names, targets, targets_of

_CODE = "RF025"


class _Refused(Exception):
    """It is unclear where the routes should lead."""

    def __init__(self, place: Position, message: str, hint: str, code: str = _CODE) -> None:
        super().__init__(message)
        self.problem = Problem(place, code, message, hint)


def insert(tree: Node, here: Mapping[str, Node], path: str, keyword: str, anchor: Node) -> list[Problem]:
    """Redirect the routes of a flow through a state that was added to it.

    Args:
        tree: The flow, changed in place.
        here: All its states by path, including the new one.
        path: The new state.
        keyword: `before` or `after`.
        anchor: The value of that key: the name of a state beside the new one, or, for `after`, a mapping of
            `state` and `on`.

    Returns:
        The problem, if any; the routes are then unchanged.
    """
    try:
        beside, event = _anchor(keyword, anchor)
        other = join(parent(path), beside)
        if other == path or other not in here or parent(other) != parent(path):
            names = {last(known) for known in here if parent(known) == parent(path)}
            message = f"there is no state {beside!r} beside {path!r}"
            raise _Refused(anchor.at, message, did_you_mean(beside, names - {last(path)}), "RF023")
        if keyword == "before":
            _before(tree, here, path, other, anchor)
        else:
            _after(here, path, other, event, anchor)
        _move(here[parent(path)] if parent(path) else tree, path, other, keyword)
    except _Refused as refused:
        return [refused.problem]
    return []


def _move(owner: Node, path: str, other: str, word: str) -> None:
    """Move the new state to its place in the order of the states, which diagrams and lists follow."""
    held = owner.value["states"].value
    names = [name for name in held if name != last(path)]
    names.insert(names.index(last(other)) + (word == "after"), last(path))
    owner.value["states"].value = {name: held[name] for name in names}


def _anchor(word: str, anchor: Node) -> tuple[str, str]:
    """The name of the state and the event in the value of `before` or `after`."""
    state, on = (anchor.get("state"), anchor.get("on")) if anchor.mapping else (anchor, None)
    whole = not anchor.mapping or (word == "after" and anchor.value.keys() <= {"state", "on"})
    if state is None or not isinstance(state.value, str) or not (on is None or isinstance(on.value, str)) or not whole:
        more = "" if word == "before" else ", or {state: NAME, on: EVENT}"
        raise _Refused(anchor.at, f"{word!r} takes the name of a state beside this one{more}", "", "RF014")
    return state.value, "" if on is None else str(on.value)


def _before(tree: Node, here: Mapping[str, Node], path: str, other: str, anchor: Node) -> None:
    success = _unrouted_success(here, path, other, anchor)
    for target in list(targets(tree)):
        own = is_within(target.bearer, path) or (target.bearer and is_within(target.bearer, other))
        # The initial target of a history state is named in it, and so counts as coming from outside.
        if not own and target.means(here) == other:
            target.node.value = join(parent(target.node.value), last(path))
            if target.means(here) != path:
                target.node.value = path
            target.node.at = target.node.origin = anchor.at
    _lay_route(here[path], success, from_data(last(other), anchor.at), anchor)


def _after(here: Mapping[str, Node], path: str, other: str, event: str, anchor: Node) -> None:
    event = event or _success_of(here[other], other, anchor)
    routes = here[other].get("transitions")
    route = routes.get(event) if routes is not None else None
    if routes is None or route is None or not any(True for _ in target_names(route)):
        message = f"the state {other!r} has no transition on {event!r}"
        raise _Refused(anchor.at, message, f"give {other!r} and {path!r} their transitions in the overlay")
    success = _unrouted_success(here, path, "", anchor)
    listed = isinstance(route.value, list)
    looking = next(_looks_at_event(route), None) if listed or route.get("when") is not None else None
    if looking is not None:
        message = f"the target of {other!r} on {event!r} depends on {looking!r}, which {path!r} does not have"
        hint = f"give {other!r} and {path!r} their transitions in the overlay instead of `after`"
        raise _Refused(anchor.at, message, hint)
    onward = route.copy()
    if listed or route.get("when") is not None:
        routes.value[event] = Node(last(path), anchor.at, route.key, anchor.at)
    else:
        [node] = target_names(route)
        onward = Node(node.value, anchor.at, anchor.key, anchor.key)
        node.value, node.at, node.origin = last(path), anchor.at, anchor.at
    _lay_route(here[path], success, onward, anchor)


def _lay_route(state: Node, event: str, route: Node, anchor: Node) -> None:
    if event:
        routes = state.value.setdefault("transitions", from_data({}, anchor.at))
        route.key = route.origin = anchor.key
        if routes.mapping:  # else the schema reports it
            routes.value[event] = route


def _unrouted_success(here: Mapping[str, Node], path: str, other: str, anchor: Node) -> str:
    """The success event of the new state, if it does not route it itself; else ""."""
    state = here[path]
    known = state.entries("transitions")
    if state.get("do") is not None or state.get("wait") is not None:
        return "" if "done" in known else "done"
    ask = state.get("ask")
    if ask is not None:
        answers = ask.entries("decisions") or ["answered"]
        open_ends = [answer for answer in answers if answer not in known]
        if len(open_ends) <= 1:
            return open_ends[0] if open_ends else ""
        message = f"several answers to {path!r} could be its continuing event: {', '.join(open_ends)}"
        raise _Refused(anchor.at, message, "give all of them but one a transition")
    inside = [(path, state), *states(state, path)]
    if not any(_leaves(target, path, here) for inner, node in inside for target in targets_of(inner, node)):
        where = f"to {last(other)!r}" if other else "on"
        raise _Refused(anchor.at, f"{path!r} has no transition that leads {where}", "give it one that does")
    return ""


def _leaves(target: Target, path: str, here: Mapping[str, Node]) -> bool:
    meant = target.means(here)
    return meant is not None and not is_within(meant, path)


def _success_of(state: Node, path: str, anchor: Node) -> str:
    events = state.entries("transitions")
    likely = [event for event in events if not (event in ("timeout", "stop", "error") or "." in event)]
    if "done" in likely:
        return "done"
    if len(likely) == 1:
        return likely[0]
    hint = f"write `after: {{state: {last(path)}, on: EVENT}}`, where EVENT is one of: {', '.join(events) or 'none'}"
    raise _Refused(anchor.at, f"the continuing event of {path!r} is not clear", hint)


def _looks_at_event(route: Node) -> Iterator[str]:
    """The names in the guards and variables of a route that refer to its event."""
    for path, node in route.walk():
        text, bare = node.value, path[-1:] in (("when",), ("if",))
        if isinstance(text, str) and (bare or is_template(text)):
            try:
                names = (Expression if bare else Template)(text, node.at).names()
            except ExpressionError:
                continue  # the check reports it
            yield from (chain[0] for chain in sorted(names) if chain[0] in ("result", "event"))
