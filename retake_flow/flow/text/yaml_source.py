"""Reads YAML text into plain data in which every key and value has its line and column."""

from __future__ import annotations

import codecs
import math
import re
from typing import Any

from ruamel.yaml.composer import ComposerError
from ruamel.yaml.cyaml import CParser
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.events import CollectionEndEvent as EndEvent
from ruamel.yaml.events import CollectionStartEvent as StartEvent
from ruamel.yaml.resolver import Resolver

from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.text.tree import Node, Path, from_data
from retake_flow.quick_dataclasses import dataclass, field

#: The key with which an overlay names the flow that it extends.
EXTENDS = "extends"
_LARGEST = 1_000_000  # characters
_MOST_NODES = 50_000  # aliases can expand a small text enormously
_DEEPEST = 100


@dataclass(slots=True)
class Source:
    """A parsed YAML text.

    Attributes:
        tree: The data with its positions; nothing at all if it cannot be read.
        data: The plain data: dict, list, str, int, float, bool, None.
        problems: The parts that could not be read, including duplicate keys.
        extends: Where an overlay names the flow that it extends; None if the data is not the result of an overlay.
        base: The file of that flow.
        explained: The messages for targets that an overlay removes, by the position of the target.
        removed: Where an overlay removes states and inputs, by their places in the extended flow.
        damaged: The paths of the states that could not be placed as an overlay says.
    """

    file: str
    text: str
    tree: Node
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    extends: Position | None = None
    base: str = ""
    explained: dict[Position, Problem] = field(default_factory=dict)
    removed: dict[Path, Position] = field(default_factory=dict)
    damaged: frozenset[str] = frozenset()

    def value(self, path: Path) -> Position:
        """Where the value at `path` begins; if it is missing, where its parent begins."""
        return self._find(path)[0].at

    def key(self, path: Path) -> Position:
        """Where the key of `path` is."""
        node, found = self._find(path)
        return node.key if found else node.at

    def origin(self, path: Path) -> Position:
        """Where the line of `path` was first written, even if an overlay has changed it."""
        node, found = self._find(path)
        return node.origin if found else node.at

    def _find(self, path: Path) -> tuple[Node, bool]:
        """The value at a path, or the innermost one around it that is there; and which of the two it is."""
        node = self.tree
        for step in path:
            inner = node.get(step)
            if inner is None:
                return node, False
            node = inner
        return node, True


def parse(content: str | bytes, file: str) -> Source:
    """Read YAML 1.2; mistakes are in the result's `problems`."""
    text, problems = decode(content, file)
    if len(text) > _LARGEST:
        problems = [Problem(Position(file, 1, 1), "RF001", f"the file is larger than {_LARGEST} characters")]
    source = Source(file, text, from_data(None, Position(file, 1, 1)), problems=problems)
    if problems:
        return source
    try:
        events, anchors = _events(text)
        if not events:
            source.problems.append(
                Problem(Position(file, 1, 1), "RF001", "the file is empty", "a flow begins with `flow: NAME`")
            )
            return source
        source.tree = _Reader(source, events, anchors).read(0)
        source.data = source.tree.data
    except YAMLError as error:
        source.problems.append(_yaml_problem(error, text, file))
    except _TooLarge as error:
        source.problems.append(Problem(Position(file, error.line, error.column), "RF001", str(error)))
    return source


def require_kind(source: Source, kind: str, keys: tuple[str, ...]) -> Source:
    """The source, if it is of the expected kind; else one without data, with a problem that quotes nothing of it.

    A source of a kind, such as `flow`, has at least one of its keys.
    """
    if isinstance(source.data, dict):
        fits = any(key in source.data for key in keys)
    else:
        fits = source.data is None and any(re.search(rf"^{key}\s*:", source.text, re.MULTILINE) for key in keys)
    if fits:
        return source
    if source.data is None and source.problems:
        first = source.problems[0]
        kind_of_mistake = re.sub(r"['\"].*", "…", first.message, flags=re.DOTALL)
        said = Problem(first.position, first.code, kind_of_mistake, first.hint)
    else:
        message = f"this is no {kind}: it has none of the keys {', '.join(keys)}"
        said = Problem(source.value(()), "RF014", message, f"a {kind} begins with `{keys[0]}: NAME`")
    return Source(source.file, source.text, from_data(None, said.position), problems=[said])


def _events(text: str) -> tuple[list[Event], dict[str, int]]:
    """The events of a YAML text's values, in order, and those that each alias stands for.

    ruamel's composer would take as long again, and crash on deep nesting; and its `YAML` looks for plug-ins each time.

    Raises:
        YAMLError: It is not YAML.
        _TooLarge: It nests too deep.
    """
    events: list[Event] = []
    anchors: dict[str, int] = {}
    depth = 0
    parser = CParser(text)
    while parser.check_event():
        event = parser.get_event()
        if isinstance(event, ScalarEvent) and event.anchor is None:  # as most are
            events.append(event)
            continue
        mark = event.start_mark
        if isinstance(event, DocumentStartEvent) and events:
            raise ComposerError(None, None, "but found another document", mark)
        if isinstance(event, AliasEvent):
            if event.anchor not in anchors:
                raise ComposerError(None, None, "found undefined alias", mark)
        elif isinstance(event, NodeEvent) and event.anchor is not None:
            if event.anchor in anchors:
                raise ComposerError(None, None, "second occurrence", mark)
            anchors[event.anchor] = len(events)
        depth += isinstance(event, StartEvent) - isinstance(event, EndEvent)
        if depth > _DEEPEST:
            raise _TooLarge(f"this nests deeper than {_DEEPEST}", mark.line + 1, mark.column + 1)
        if isinstance(event, _WITHIN):
            events.append(event)
    return events, anchors


def decode(content: str | bytes, file: str) -> tuple[str, list[Problem]]:
    """The text of a content, whose bytes must be UTF-8, and any problem with it."""
    if isinstance(content, str):
        return content, []
    raw = content.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode(), []
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        before = raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.decode()) + 1
        hint = "save the file as UTF-8 text"
        return "", [Problem(Position(file, line, column), "RF001", "this is not UTF-8 text", hint)]


class _TooLarge(Exception):
    """The YAML grows past what a flow can be."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Reader:
    """Turns YAML's events into plain data and notes their positions."""

    def __init__(self, source: Source, events: list[Event], anchors: dict[str, int]) -> None:
        self.source = source
        self.nodes = 0
        self._events = events
        self._anchors = anchors
        self._next = 0

    def read(self, depth: int, key: Position | None = None) -> Node:
        """The next value, with the position of its key; an alias is read as if its content were written here again."""
        event = self._events[self._next]
        if isinstance(event, AliasEvent):
            after, self._next = self._next + 1, self._anchors[event.anchor]
            node = self.read(depth, key)
            self._next = after
            return node
        self._next += 1
        self.nodes += 1
        if self.nodes > _MOST_NODES or depth > _DEEPEST:
            raise _TooLarge(f"with its aliases it holds more than {_MOST_NODES} values or nests deeper than {_DEEPEST}")
        at = self._position(event)
        key = key or at
        return Node(self._value(event, depth), at, key, key)

    def _value(self, event: Event, depth: int) -> Any:
        if isinstance(event, MappingStartEvent):
            return self._unquoted_expression(event) or self._mapping(depth)
        return self._list(depth) if isinstance(event, StartEvent) else self._scalar(event)

    def _skip(self) -> Event:
        depth = 0
        while True:
            event = self._events[self._next]
            self._next += 1
            depth += isinstance(event, StartEvent) - isinstance(event, EndEvent)
            if not depth:
                return event

    def _unquoted_expression(self, start: Event) -> str:
        """A `{{ … }}` written without quotation marks; "" for a mapping."""
        here = self._next
        if not (start.flow_style and isinstance(self._events[here], MappingStartEvent)):
            return ""
        self._next -= 1
        text = self.source.text[start.start_mark.index : self._skip().end_mark.index]
        if not (text.startswith("{{") and text.endswith("}}")):
            self._next = here
            return ""
        hint = "write " + (f'"{text}"' if '"' not in text else f"'{text}'")
        self._problem(self._position(start), "`{{ … }}` has to stand in quotation marks", hint=hint)
        return text

    def _list(self, depth: int) -> list[Node]:
        items = []
        while not isinstance(self._events[self._next], EndEvent):
            items.append(self.read(depth + 1))
        self._next += 1
        return items

    def _mapping(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := self._events[self._next], MappingEndEvent):
            if isinstance(event, AliasEvent):
                event = self._events[self._anchors[event.anchor]]
            here = self._position(event)
            self._skip()
            key = "" if isinstance(event, StartEvent) else str(event.value)
            if isinstance(event, StartEvent):
                self._problem(here, "a key must be a plain word")
            elif key in found:
                line = found[key].key.line
                self._problem(here, f"the key {key!r} is here twice; the first is at line {line}", "RF003")
            else:
                found[key] = self.read(depth + 1, here)
                continue
            self._skip()
        self._next += 1
        return found

    def _scalar(self, event: Event) -> Any:
        text, tag = str(event.value), _tag(event)
        kind = tag.rpartition(":")[2]
        if kind == "int" and _OCTAL.fullmatch(text):
            hint = f"write {text.lstrip('0_') or '0'} for the number, '{text}' for the text"
            self._problem(
                self._position(event), f"{text} can be read as a number, an octal number or a text", hint=hint
            )
        if kind not in ("str", "timestamp", *_SCALARS):
            self._problem(self._position(event), f"the tag {tag!r} is not allowed")
        try:
            return _SCALARS[kind](text) if kind in _SCALARS else text
        except ValueError:
            return text

    def _problem(self, position: Position, message: str, code: str = "RF002", hint: str = "") -> None:
        self.source.problems.append(Problem(position, code, message, hint))

    def _position(self, event: Event) -> Position:
        mark = event.start_mark
        return Position(self.source.file, mark.line + 1, mark.column + 1)


def _tag(event: Event) -> str:
    """The tag of a scalar: as written, else from its text by the rules of YAML 1.2."""
    if event.tag not in (None, "!"):
        return str(event.tag)
    plain, _ = event.implicit
    for tag, form in Resolver.yaml_implicit_resolvers.get(event.value[:1], ()) if plain else ():
        if form.match(event.value):
            return str(tag)
    return "tag:yaml.org,2002:str"


_WITHIN = (NodeEvent, EndEvent)
_OCTAL = re.compile(r"[-+]?0[0-9_]+")


def _integer(text: str) -> int:
    if len(text) > 30:
        raise ValueError(text)
    return int(text.replace("_", ""), 0) if text.lstrip("+-").startswith(("0x", "0o")) else int(text.replace("_", ""))


def _number(text: str) -> float | str:
    number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    # Infinity and not-a-number have no JSON form and no use in a flow.
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
