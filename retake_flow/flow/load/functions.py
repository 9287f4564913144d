"""Functions: Python functions as actions of a flow, described from their source."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from retake_flow import plain_file
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.expressions.expression import Template
from retake_flow.flow.load.builder import own_action, parse_templates
from retake_flow.flow.load.files import Files
from retake_flow.flow.model import ActionState, OwnAction, State, performers
from retake_flow.flow.schema.builders import ACTION_NAME
from retake_flow.flow.side_effects import effect_of
from retake_flow.flow.text.tree import Node
from retake_flow.plugins import GROUP

_CALL: Final = ["-P", "-m", "retake_flow.actions.own.function_process"]
#: The groups of the built-in actions, among which no plugin is sought.
BUILT_IN: Final = frozenset(
    {"chat", "credentials", "http", "operator", "program", "public", "retake", "share", "studio"}
)
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


def describe(action: str, function: str, source: tuple[str, str], at: Position, given: Mapping[str, Any]) -> OwnAction:
    """A function as an action: a program that calls it in a process of its own.

    Args:
        action: The name of the action.
        function: The function, as MODULE:FUNCTION.
        source: The file of its module, for messages, and its text.
        at: Where the flow declares or names it.
        given: The further inputs of the program.

    Raises:
        Unreadable: It is not there, not marked as an action, or has types that inputs cannot have.
    """
    file, text = source
    name = function.partition(":")[2]
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
    found = functions[-1]
    marks = [mark for mark in found.decorator_list if _last(mark) == "action"]
    if not marks:
        raise Unreadable(
            f"{file}:{found.lineno}: {name!r} is not marked as an action",
            "write above it: @action(), with `from retake_flow.plugins import action`",
        )
    records = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef) and "TypedDict" in map(_last, n.bases)}
    try:
        outcomes, result = _outcomes_and_result(found.returns, records)
        inputs = _inputs(found, records)
    except _Unknown as error:
        raise Unreadable(f"{file}:{error.line}: the type {error.shown!r} cannot be used here", _HINT) from None
    passed = {each: Template(f"{{{{ inputs.{each} }}}}", at) for each in inputs}
    return OwnAction(
        action,
        "program.run",
        {**given, "command": [sys.executable, *_CALL, function], "input": passed},
        at,
        (ast.get_docstring(found) or "").partition("\n")[0],
        inputs,
        result,
        outcomes,
        _is_safe(marks[0]),
        effect_of(tree, found),
    )


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
    described = _arguments(ast.get_docstring(function) or "")
    found = {}
    for argument, default in zip([*plain, *given.kwonlyargs], defaults, strict=True):
        schema = _schema(argument.annotation, records) if argument.annotation else {}
        schema |= {"description": described[argument.arg]} if argument.arg in described else {}
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


def _outcomes_and_result(
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
            return _outcomes_and_result(parts[0], records)[0], _outcomes_and_result(parts[1], records)[1]
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


def installed_actions() -> dict[str, str]:
    """The actions that installed packages offer: their names, each with its MODULE:FUNCTION."""
    return _entry_points(tuple((place, os.stat(place).st_mtime_ns) for place in sys.path if os.path.exists(place)))


@lru_cache(maxsize=1)
def _entry_points(places: tuple[tuple[str, int], ...]) -> dict[str, str]:
    """The same, read once until a place where packages are installed changes."""
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


class Functions:
    """The functions that a flow and its sub-flows use.

    Attributes:
        unusable: The names of the actions that cannot be used; the problems say why.
    """

    def __init__(self, files: Files) -> None:
        self.unusable: set[str] = set()
        self._files = files

    def declared_actions(self, tree: Node) -> dict[str, OwnAction]:
        """The actions that a file declares."""
        found: dict[str, OwnAction | None] = {}
        for name, node in tree.entries("actions").items():
            function, given = node.get("python"), node.get("with")
            if function is None:
                found[name] = own_action(name, node)
            else:
                inputs = {} if given is None else parse_templates(given)
                found[name] = self._action(name, function.value, function.at, inputs, beside=True)
        return self._usable(found)

    def named_actions(self, states: Mapping[str, State]) -> dict[str, OwnAction]:
        """The actions of installed packages that the states name."""
        used = dict(_actions_named(states.values()))
        offered = installed_actions() if used else {}
        found = {name: self._action(name, offered[name], at, {}) for name, at in used.items() if name in offered}
        return self._usable(found)

    def _usable(self, found: Mapping[str, OwnAction | None]) -> dict[str, OwnAction]:
        self.unusable |= {name for name, action in found.items() if action is None}
        return {name: action for name, action in found.items() if action is not None}

    def _action(
        self, name: str, function: str, at: Position, given: Mapping[str, Any], *, beside: bool = False
    ) -> OwnAction | None:
        unknown = Problem(at, "RF040", "")
        try:
            source = self._source(function.partition(":")[0], unknown, beside=beside)
            return None if source is None else describe(name, function, source, at, given)
        except Unreadable as error:
            self._files.say(unknown, f"the action {name!r} cannot be used: {error}", error.hint)
            return None

    def _source(self, module: str, unknown: Problem, *, beside: bool) -> tuple[str, str] | None:
        """The file and the text of a module: an installed one, or one next to the flow; None if that was reported."""
        if beside and source_of(module) is None:
            return self._files.text(f"./{module.replace('.', '/')}.py", unknown)
        return _installed_source(module)


def _installed_source(module: str) -> tuple[str, str]:
    """The file and the text of an installed module.

    Raises:
        Unreadable: It is not there, or cannot be read.
    """
    place = source_of(module)
    if place is None:
        raise Unreadable(f"there is no module {module!r}", "install its package, or put its file beside the flow")
    try:
        return str(place), plain_file.read(place).decode()
    except (OSError, UnicodeError) as error:
        raise Unreadable(f"{place} cannot be read: {error}") from None


def describe_installed() -> tuple[dict[str, OwnAction], dict[str, str]]:
    """The actions of installed packages, and for those that cannot be used, why."""
    found, unusable = {}, {}
    for name, function in installed_actions().items():
        try:
            if name.partition(".")[0] in BUILT_IN or not re.match(ACTION_NAME, name):
                raise Unreadable("an action is named GROUP.ACTION, in a group of its own, such as `house.draw`")
            source = _installed_source(function.partition(":")[0])
            found[name] = describe(name, function, source, Position(source[0], 1, 1), {})
        except Unreadable as error:
            unusable[name] = str(error)
    return found, unusable


def installed_files(actions: Mapping[str, OwnAction]) -> list[str]:
    """The files of the installed modules that have the functions among some actions."""
    commands = (action.given.get("command") for action in actions.values())
    functions = {called_function(command) for command in commands if isinstance(command, list)} - {None}
    places = (source_of(str(function).partition(":")[0]) for function in functions)
    return sorted(str(place) for place in places if place is not None)


def called_function(command: Sequence[Any]) -> str | None:
    """The function that a command calls, as MODULE:FUNCTION; None for other programs."""
    return str(command[-1]) if list(command[1:-1]) == _CALL else None


def _actions_named(states: Iterable[State]) -> Iterable[tuple[str, Position]]:
    """The actions that states name, other than those that are built in."""
    for state in states:
        named = [(doing.do, doing.position) for doing in performers(state)]
        if isinstance(state, ActionState) and state.undo is not None:
            named.append((state.undo.do, state.position))
        yield from (each for each in named if each[0].partition(".")[0] not in BUILT_IN)
