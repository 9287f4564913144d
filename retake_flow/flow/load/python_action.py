"""Python actions: reads from the source of a function what it takes and gives, without running any of it."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from retake_flow.flow.side_effects import effect_of
from retake_flow.plugins import GROUP
from retake_flow.quick_dataclasses import dataclass, field

_LONGEST: Final = 1_000_000  # characters of a source
_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}
_HINT: Final = "types are str, int, float, bool, list[…], dict, Literal[…], `… | None`, and a TypedDict of the module"


class Unreadable(Exception):
    """A function is not there, or cannot be an action."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Description:
    """What a function takes and gives; the fields are those of `OwnAction`."""

    description: str = ""
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    result: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ("done",)
    safe: bool = False
    effect: str = ""


def describe(text: str, file: str, name: str) -> Description:
    """What a function takes and gives.

    Args:
        text: The source of its module.
        file: Its file, for messages.
        name: Its name.

    Raises:
        Unreadable: It is not there, not marked as an action, or has types that inputs cannot have.
    """
    if len(text) > _LONGEST:
        raise Unreadable(f"{file} is longer than {_LONGEST} characters")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(f"{file}:{error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise Unreadable(f"{file} is no Python") from None
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == name]
    if not functions:
        raise Unreadable(f"{file} has no function {name!r}")
    function = functions[-1]
    marks = [mark for mark in function.decorator_list if _last(mark) == "action"]
    if not marks:
        raise Unreadable(
            f"{file}:{function.lineno}: {name!r} is not marked as an action",
            "write above it: @action(), with `from retake_flow.plugins import action`",
        )
    records = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef) and "TypedDict" in map(_last, n.bases)}
    try:
        outcomes, result = _returned(function.returns, records)
        inputs = _inputs(function, records)
    except _Unknown as error:
        raise Unreadable(f"{file}:{error.line}: the type {error.shown!r} cannot be used here", _HINT) from None
    words = (ast.get_docstring(function) or "").partition("\n")[0]
    return Description(words, inputs, result, outcomes, _is_safe(marks[0]), effect_of(tree, function))


class _Unknown(Exception):
    def __init__(self, node: ast.expr | ast.arg) -> None:
        self.line, self.shown = node.lineno, ast.unparse(node)[:60]


def _last(node: ast.expr) -> str:
    """The last part of a dotted name, of what is called if it is a call."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_safe(mark: ast.expr) -> bool:
    given = {each.arg: each.value for each in mark.keywords} if isinstance(mark, ast.Call) else {}
    said = given.get("idempotency")
    return isinstance(said, ast.Constant) and said.value == "safe"


def _inputs(
    function: ast.FunctionDef | ast.AsyncFunctionDef, records: Mapping[str, ast.ClassDef]
) -> dict[str, dict[str, Any]]:
    given = function.args
    for other in (given.vararg, given.kwarg):
        if other is not None:
            raise _Unknown(other)
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [
        *[None] * (len(plain) - len(given.defaults)),
        *given.defaults,
        *given.kw_defaults,
    ]
    told = _arguments(ast.get_docstring(function) or "")
    found = {}
    for argument, default in zip([*plain, *given.kwonlyargs], defaults, strict=True):
        schema = _schema(argument.annotation, records) if argument.annotation else {}
        schema |= {"description": told[argument.arg]} if argument.arg in told else {}
        if default is not None:
            try:
                value = ast.literal_eval(default)
            except (ValueError, TypeError, RecursionError):
                raise _Unknown(default) from None
            schema |= {"optional": True} if value is None else {"default": value}
        found[argument.arg] = schema
    return found


def _arguments(docstring: str) -> dict[str, str]:
    """The descriptions of arguments in a docstring of Google's style."""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", docstring, re.MULTILINE)
    return dict(re.findall(r"^ +(\w+)(?: \([^)]*\))?: (.+)$", section[1], re.MULTILINE)) if section else {}


def _returned(
    node: ast.expr | None, records: Mapping[str, ast.ClassDef]
) -> tuple[tuple[str, ...], dict[str, dict[str, Any]]]:
    """The outcomes and the fields of the result."""
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return ("done",), {}
    if isinstance(node, ast.Subscript) and _last(node.value) == "Literal":
        return tuple(map(str, _literals(node))), {}
    if isinstance(node, ast.Subscript) and _last(node.value) == "tuple":
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
        if len(parts) == 2:
            return _returned(parts[0], records)[0], _returned(parts[1], records)[1]
    if isinstance(node, ast.Name) and node.id in records:
        return ("done",), _fields(records[node.id], records)
    raise _Unknown(node)


def _fields(record: ast.ClassDef, records: Mapping[str, ast.ClassDef]) -> dict[str, dict[str, Any]]:
    parts = [part for part in record.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)]
    others = {name: each for name, each in records.items() if name != record.name}
    return {part.target.id: _schema(part.annotation, others) for part in parts if isinstance(part.target, ast.Name)}


def _literals(node: ast.Subscript) -> Sequence[Any]:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if not all(isinstance(part, ast.Constant) for part in parts):
        raise _Unknown(node)
    return [part.value for part in parts if isinstance(part, ast.Constant)]


def _schema(node: ast.expr, records: Mapping[str, ast.ClassDef]) -> dict[str, Any]:
    """The JSON Schema of a type."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        if isinstance(node.right, ast.Constant) and node.right.value is None:
            return {**_schema(node.left, records), "optional": True}
    elif isinstance(node, ast.Subscript) and _last(node.value) == "Literal":
        return {"enum": list(_literals(node))}
    elif isinstance(node, ast.Subscript) and _last(node.value) == "list":
        return {"type": "array", "items": _schema(node.slice, records)}
    elif isinstance(node, ast.Subscript) and _last(node.value) == "dict":
        return {"type": "object"}
    elif _last(node) == "Any":
        return {}
    elif isinstance(node, ast.Name) and node.id in _TYPES:
        return {"type": _TYPES[node.id]}
    elif isinstance(node, ast.Name) and node.id in records:
        return {"type": "object", "properties": _fields(records[node.id], records)}
    raise _Unknown(node)


# --- installed packages -------------------------------------------------------------------------------------------


def installed() -> dict[str, str]:
    """The actions that installed packages offer: their names, each with its MODULE:FUNCTION."""
    from importlib import metadata  # a tenth of a first check, and seldom needed

    return {point.name: point.value for point in metadata.entry_points(group=GROUP)}


def source_of(module: str) -> Path | None:
    """The file of an installed module, found without importing it or a package around it."""
    path: Sequence[str] | None = [place for place in sys.path if place and place != os.getcwd()]
    for number, _ in enumerate(parts := module.split(".")):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: number + 1]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None
