"""Targets in the data of a flow: where a state is named, and which state is meant, before the model is built."""

from __future__ import annotations

from collections.abc import Container, Iterator

from retake_flow.flow.text.tree import Node
from retake_flow.quick_dataclasses import dataclass

SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Target:
    """A place that names a state.

    Attributes:
        bearer: The path of the state that has it; "" for the flow itself.
        event: The event of its route; "" for eventless routes and initial states.
        node: The text.
        inside: The path of the state that must directly contain the target; None when it is searched from `bearer`
            outward, as for routes.
    """

    bearer: str
    event: str
    node: Node
    inside: str | None = None

    def means(self, paths: Container[str]) -> str | None:
        """The path of the state that it names, if that is one of these."""
        written = self.node.value
        if self.inside is not None:
            path = join(self.inside, written)
            return path if path in paths else None
        return resolve_target(self.bearer, written, paths)


def resolve_target(bearer: str, written: str, paths: Container[str]) -> str | None:
    """The state that a route's target means: beside the state that has it, or outward level by level."""
    scope = bearer
    while scope:
        scope = around(scope)
        if join(scope, written) in paths:
            return join(scope, written)
    return None


def join(scope: str, name: str) -> str:
    """The path of a state in a state; "" is the flow itself."""
    return scope + SEPARATOR + name if scope else name


def around(path: str) -> str:
    """The path of the state around one; "" at the top."""
    return path.rpartition(SEPARATOR)[0]


def path_of(state: str) -> tuple[str, ...]:
    """The place of a state in the data of its flow."""
    return tuple(step for name in state.split(SEPARATOR) for step in ("states", name))


def within(path: str, outer: str) -> bool:
    """Whether a state is another one, or inside it."""
    return path == outer or path.startswith(outer + SEPARATOR)


def states(owner: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """All states in a flow or a state, each before those inside it."""
    held = owner.get("states")
    for name, state in held.value.items() if held is not None and held.mapping else ():
        path = join(prefix, name)
        yield path, state
        yield from states(state, path)


def targets(tree: Node) -> Iterator[Target]:
    """Every place in a flow that names a state to go to."""
    yield from _initial(tree, "", "")
    for path, state in states(tree):
        yield from targets_of(path, state)


def targets_of(path: str, state: Node) -> Iterator[Target]:
    """Every place in one state, without those inside it, that names a state to go to."""
    yield from _initial(state, path, around(path) if state.get("history") else path)
    always, routes = state.get("always"), state.get("transitions")
    if always is not None:
        yield from (Target(path, "", node) for node in target_names(always))
    for event, route in routes.value.items() if routes is not None and routes.mapping else ():
        yield from (Target(path, event, node) for node in target_names(route))


def target_names(route: Node) -> Iterator[Node]:
    """The texts that name targets in the routes of one event."""
    for item in route.value if isinstance(route.value, list) else [route]:
        node = item.get("to") if item.mapping else item
        if node is not None and isinstance(node.value, str):
            yield node


def _initial(owner: Node, bearer: str, inside: str) -> Iterator[Target]:
    node = owner.get("initial")
    if node is not None and isinstance(node.value, str):
        yield Target(bearer, "", node, inside)
