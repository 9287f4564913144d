"""The data of a flow file as a tree in which every value has its positions.

Overlays are merged, and the model is built, from such trees. Targets are the places in them that name a state.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.names import SEPARATOR, find_target, join, parent
from retake_flow.quick_dataclasses import dataclass

#: The place of a value in a tree: keys of mappings and indices of lists, from the root.
Path = tuple[str | int, ...]


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

    @property
    def data(self) -> Any:
        """The plain data."""
        if isinstance(self.value, dict):
            return {key: node.data for key, node in self.value.items()}
        return [node.data for node in self.value] if isinstance(self.value, list) else self.value

    def get(self, key: str | int) -> Node | None:
        """The value of a key or an index; None if there is none."""
        if isinstance(self.value, dict):
            return self.value.get(key)
        listed = isinstance(self.value, list) and isinstance(key, int) and key < len(self.value)
        return self.value[key] if listed else None

    def entries(self, key: str) -> dict[str, Node]:
        """The mapping of a key; an empty one if it has none."""
        node = self.get(key)
        return node.value if node is not None and node.mapping else {}

    def __contains__(self, key: str) -> bool:
        """Whether it is a mapping with this key."""
        return isinstance(self.value, dict) and key in self.value

    @property
    def as_list(self) -> list[Node]:
        """Its items if it is a list; else only itself."""
        return self.value if isinstance(self.value, list) else [self]

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """The value itself and all inside it, each before those inside it, with their paths."""
        yield path, self
        inner = enumerate(self.value) if isinstance(self.value, list) else self.value.items() if self.mapping else ()
        for key, node in inner:
            yield from node.walk((*path, key))

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
    for name, state in owner.entries("states").items():
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
    always = state.get("always")
    for event, route in [*([("", always)] if always is not None else []), *state.entries("transitions").items()]:
        yield from (Target(path, event, node) for node in target_names(route))


def target_names(route: Node) -> Iterator[Node]:
    """The texts that name targets in the routes of one event."""
    for item in route.as_list:
        node = item.get("to") if item.mapping else item
        if node is not None and isinstance(node.value, str):
            yield node


def _initial(owner: Node, bearer: str, inside: str) -> Iterator[Target]:
    node = owner.get("initial")
    if node is not None and isinstance(node.value, str):
        yield Target(bearer, "", node, inside)
