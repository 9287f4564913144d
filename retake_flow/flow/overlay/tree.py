"""The data of a flow file as a tree, so that flows can be merged before the model is built.

Every value carries its positions. Targets are the places that name a state.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.names import SEPARATOR, find_target, join, parent
from retake_flow.flow.text.yaml_source import Path, Source
from retake_flow.quick_dataclasses import dataclass


@dataclass(slots=True)
class Node:
    """One value.

    Attributes:
        value: A mapping or a list of nodes, or a text, number, Boolean or None.
        at: Where it begins; in the overlay if that has changed it.
        key: Where its key is, by the same rule; without a key, where it begins.
        origin: Where its line was first written, before any changes.
    """

    value: Any
    at: Position
    key: Position
    origin: Position

    @property
    def mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.value, dict)

    def get(self, key: str) -> Node | None:
        """The value of a key; None if there is none, or this is not a mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def copy(self) -> Node:
        """A deep copy."""
        value = self.value
        if isinstance(value, dict):
            value = {key: node.copy() for key, node in value.items()}
        elif isinstance(value, list):
            value = [node.copy() for node in value]
        return Node(value, self.at, self.key, self.origin)


def from_data(value: Any, at: Position) -> Node:
    """A tree of generated plain data, all at one position."""
    if isinstance(value, dict):
        value = {key: from_data(item, at) for key, item in value.items()}
    elif isinstance(value, list):
        value = [from_data(item, at) for item in value]
    return Node(value, at, at, at)


def to_data(node: Node) -> Any:
    """The data of a tree."""
    if isinstance(node.value, dict):
        return {key: to_data(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [to_data(item) for item in node.value]
    return node.value


def from_source(source: Source) -> Node:
    """The tree of a source."""
    return _node(source, source.data, ())


def _node(source: Source, data: Any, path: Path) -> Node:
    value = data
    if isinstance(data, dict):
        value = {key: _node(source, item, (*path, key)) for key, item in data.items()}
    elif isinstance(data, list):
        value = [_node(source, item, (*path, index)) for index, item in enumerate(data)]
    return Node(value, source.value(path), source.key(path), source.origin(path))


def source_of(tree: Node, file: str, text: str) -> Source:
    """The source with the data and positions of a tree."""
    source = Source(file, text, to_data(tree))
    for path, node in _walk(tree, ()):
        source.values[path], source.keys[path] = node.at, node.key
        if node.origin != node.key:
            source.origins[path] = node.origin
    return source


def _walk(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    yield path, node
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(node.value, list):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index))


@dataclass(frozen=True, slots=True)
class Target:
    """A place that names a state.

    Attributes:
        bearer: The path of the state that has it; "" for the flow itself.
        event: The event of its route; "" for eventless routes and initial states.
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
        return find_target(self.bearer, written, paths)


def path_of(state: str) -> tuple[str, ...]:
    """The place of a state in the data of its flow."""
    return tuple(step for name in state.split(SEPARATOR) for step in ("states", name))


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
    yield from _initial(state, path, parent(path) if state.get("history") else path)
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
