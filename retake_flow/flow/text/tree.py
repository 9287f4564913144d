"""The data of a flow file as a tree in which every value carries its positions, so that flows can be merged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow.flow.diagnostics import Position
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


def plain(node: Node) -> Any:
    """The data of a tree."""
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
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
    """The source with the data and positions of a tree.

    Args:
        tree: The data.
        file: The name shown where no position is known.
        text: The text of that file.
    """
    source = Source(file, text, plain(tree))
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
