"""YAML text to plain data in which every key and value knows its line and column."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import MappingEndEvent, MappingStartEvent, SequenceEndEvent, SequenceStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from retake_flow.flow.problems import Position, Problem
from retake_flow.quick_dataclasses import dataclass, field

Path = tuple[str | int, ...]
#: The key with which a file says which flow it changes.
EXTENDS = "extends"
_LARGEST = 1_000_000  # characters
_MOST_NODES = 50_000  # aliases can make a small text explode
_DEEPEST = 100


@dataclass(slots=True)
class Source:
    """A parsed YAML text.

    Attributes:
        file: The name shown in messages.
        text: What was read.
        data: The plain data: dict, list, str, int, float, bool, None.
        problems: What could not be read; duplicate keys too.
        values: Where each value begins.
        keys: Where the key stands that leads to a value.
        origins: Where a line was written first that an overlay has touched, so that its key is said to stand there.
        extends: Where an overlay names the flow that it extends; None when the data is as it is written.
        base: The file of that flow.
        explained: What to say of a target that is unknown since an overlay removes it, by where it is written.
        removed: Where an overlay removes states and inputs, by where they were in what it extends.
        damaged: The paths of the states that could not be put where an overlay wants them.
    """

    file: str
    text: str
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    origins: dict[Path, Position] = field(default_factory=dict)
    extends: Position | None = None
    base: str = ""
    explained: dict[Position, Problem] = field(default_factory=dict)
    removed: dict[Path, Position] = field(default_factory=dict)
    damaged: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def value(self, path: Path) -> Position:
        """Where the value at `path` begins; of what is not there, where its parent begins."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Position(self.file, 1, 1))

    def key(self, path: Path) -> Position:
        """Where the key that leads to `path` stands."""
        return self.keys.get(path) or self.value(path)

    def origin(self, path: Path) -> Position:
        """Where the line of `path` was written first, also if an overlay has touched what is in it."""
        return self.origins.get(path) or self.key(path)


def parse(text: str, file: str) -> Source:
    """Read YAML 1.2; mistakes are in the answer's `problems`."""
    source = Source(file, text)
    if len(text) > _LARGEST:
        source.problems.append(Problem(Position(file, 1, 1), "RF001", f"the file is larger than {_LARGEST} characters"))
        return source
    try:
        _measure(text)
        node = YAML(typ="safe", pure=False).compose(text)
        if node is None:
            source.problems.append(
                Problem(Position(file, 1, 1), "RF001", "the file is empty", "a flow begins with `flow: NAME`")
            )
            return source
        source.data = _Reader(source).read(node, (), 0)
    except YAMLError as error:
        source.problems.append(_yaml_problem(error, text, file))
    except _TooLarge as error:
        source.problems.append(Problem(Position(file, error.line, error.column), "RF001", str(error)))
    return source


def _measure(text: str) -> None:
    """Refuse what nests too deep, event by event: composing recurses in C, where too deep is a crash."""
    depth = 0
    for event in YAML(typ="safe", pure=False).parse(text):
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            mark = event.start_mark
            raise _TooLarge(f"this nests deeper than {_DEEPEST}", mark.line + 1, mark.column + 1)


def decode(raw: bytes, file: str) -> tuple[str, list[Problem]]:
    """The text in `raw`, which must be UTF-8, and what is wrong with it."""
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        before = raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.decode("utf-8-sig")) + 1
        hint = "save the file as UTF-8 text"
        return "", [Problem(Position(file, line, column), "RF001", "this is not UTF-8 text", hint)]


class _TooLarge(Exception):
    """The YAML grows past what a flow can be."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Reader:
    """Turns YAML nodes into plain data and notes their positions."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.nodes = 0

    def read(self, node: Node, path: Path, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > _MOST_NODES or depth > _DEEPEST:
            raise _TooLarge(f"with its aliases it holds more than {_MOST_NODES} values or nests deeper than {_DEEPEST}")
        self.source.values[path] = self._position(node)
        if isinstance(node, MappingNode) and (template := self._unquoted(node)):
            return template
        if isinstance(node, MappingNode):
            return dict(self._pairs(node, path, depth))
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _unquoted(self, node: MappingNode) -> str:
        """The `{{ … }}` that somebody has written without quotation marks; "" for a mapping."""
        if not (node.flow_style and node.value and isinstance(node.value[0][0], MappingNode)):
            return ""
        text = self.source.text[node.start_mark.index : node.end_mark.index]
        if not (text.startswith("{{") and text.endswith("}}")):
            return ""
        hint = "write " + (f'"{text}"' if '"' not in text else f"'{text}'")
        self._problem(self._position(node), "`{{ … }}` has to stand in quotation marks", hint=hint)
        return text

    def _pairs(self, node: MappingNode, path: Path, depth: int) -> Iterator[tuple[str, Any]]:
        seen: dict[str, Position] = {}
        for key_node, value_node in node.value:
            here = self._position(key_node)
            if not isinstance(key_node, ScalarNode):
                self._problem(here, "a key must be a plain word")
                continue
            key = str(key_node.value)
            if key in seen:
                first = seen[key]
                self._problem(here, f"the key {key!r} is here twice; the first is at line {first.line}", "RF003")
                continue
            seen[key] = here
            self.source.keys[(*path, key)] = here
            yield key, self.read(value_node, (*path, key), depth + 1)

    def _scalar(self, node: ScalarNode) -> Any:
        kind = str(node.tag).rpartition(":")[2]
        text = str(node.value)
        if kind == "int" and _OCTAL.fullmatch(text):
            hint = f"write {text.lstrip('0_') or '0'} for the number, '{text}' for the text"
            self._problem(self._position(node), f"{text} can be read as a number, an octal number or a text", hint=hint)
        try:
            return _SCALARS[kind](text) if kind in _SCALARS else self._other(node, kind, text)
        except ValueError:
            return text

    def _other(self, node: ScalarNode, kind: str, text: str) -> str:
        if kind not in ("str", "timestamp"):
            self._problem(self._position(node), f"the tag {node.tag!r} is not allowed", "RF002")
        return text

    def _problem(self, position: Position, message: str, code: str = "RF002", hint: str = "") -> None:
        self.source.problems.append(Problem(position, code, message, hint))

    def _position(self, node: Node) -> Position:
        mark = node.start_mark
        return Position(self.source.file, mark.line + 1, mark.column + 1)


_OCTAL = re.compile(r"[-+]?0[0-9_]+")


def _integer(text: str) -> int:
    if len(text) > 30:
        raise ValueError(text)
    return int(text.replace("_", ""), 0) if text.lstrip("+-").startswith(("0x", "0o")) else int(text.replace("_", ""))


def _number(text: str) -> float | str:
    number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    # Infinity and not-a-number have no JSON form, and nothing in a flow can mean them.
    return number if math.isfinite(number) else text


_SCALARS: dict[str, Any] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _number,
}


def _yaml_problem(error: YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) if isinstance(error, MarkedYAMLError) else None
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).split("\n", 1)[0]
    position = Position(file, mark.line + 1, mark.column + 1) if mark is not None else Position(file, 1, 1)
    line = text.splitlines()[position.line - 1 : position.line]
    hint = "indent with spaces; quote a text that holds ': ' or begins with {, [, *, & or @"
    if line and "{{" in line[0]:
        hint = 'put quotation marks around the whole value: "{{ … }}"'
    return Problem(position, "RF001", f"this is not YAML: {said}", hint)
