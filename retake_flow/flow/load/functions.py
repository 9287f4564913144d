"""Functions: Python functions as actions of a flow, described from their source."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from retake_flow import plain_file
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.expressions.expression import Template
from retake_flow.flow.load import python_action
from retake_flow.flow.load.builder import Builder
from retake_flow.flow.load.files import Files
from retake_flow.flow.load.python_action import Description, Unreadable
from retake_flow.flow.model import ActionState, OwnAction, State, performers
from retake_flow.flow.schema.builders import ACTION_NAME

_CALL: Final = ["-P", "-m", "retake_flow.actions.own.function_process"]
#: The groups of the built-in actions, among which no plugin is sought.
BUILT_IN: Final = frozenset(
    {"chat", "credentials", "http", "operator", "program", "public", "retake", "share", "studio"}
)


class Functions:
    """The functions that one file of a flow uses.

    Attributes:
        unusable: The names of the actions that cannot be used; the problems say why.

    Args:
        files: The files of the flow; the sources beside it are kept among them.
        builder: Of that file.
    """

    def __init__(self, files: Files, builder: Builder) -> None:
        self.unusable: set[str] = set()
        self._files = files
        self._builder = builder

    def declared(self, data: Mapping[str, Any]) -> dict[str, OwnAction]:
        """The actions that the file declares."""
        found: dict[str, OwnAction | None] = {}
        for name, item in data.get("actions", {}).items():
            if "python" in item:
                at = self._builder.source.value(("actions", name, "python"))
                given = self._builder.value(item.get("with", {}), ("actions", name, "with"))
                found[name] = self._action(name, item["python"], at, given, beside=True)
            else:
                found[name] = self._builder.own_action(name, item)
        return self._usable(found)

    def installed(self, states: Mapping[str, State]) -> dict[str, OwnAction]:
        """The actions of installed packages that the states name."""
        used = dict(_named(states.values()))
        offered = python_action.installed() if used else {}
        found = {name: self._action(name, offered[name], at, {}) for name, at in used.items() if name in offered}
        return self._usable(found)

    def _usable(self, found: Mapping[str, OwnAction | None]) -> dict[str, OwnAction]:
        self.unusable |= {name for name, action in found.items() if action is None}
        return {name: action for name, action in found.items() if action is not None}

    def _action(
        self, name: str, function: str, at: Position, given: Mapping[str, Any], *, beside: bool = False
    ) -> OwnAction | None:
        module, _, attribute = function.partition(":")
        unknown = Problem(at, "RF040", "")
        try:
            found = self._source(module, unknown, beside=beside)
            if found is None:
                return None
            file, text = found
            described = python_action.describe(text, file, attribute)
        except Unreadable as error:
            self._files.say(unknown, f"the action {name!r} cannot be used: {error}", error.hint)
            return None
        return _own_action(name, function, described, at, given)

    def _source(self, module: str, unknown: Problem, *, beside: bool) -> tuple[str, str] | None:
        """The file and the text of a module: an installed one, or one beside the flow; None if that was reported."""
        if beside and python_action.source_of(module) is None:
            return self._files.text(f"./{module.replace('.', '/')}.py", unknown)
        return _installed_source(module)


def _installed_source(module: str) -> tuple[str, str]:
    """The file and the text of an installed module.

    Raises:
        Unreadable: It is not there, or cannot be read.
    """
    place = python_action.source_of(module)
    if place is None:
        raise Unreadable(f"there is no module {module!r}", "install its package, or put its file beside the flow")
    try:
        return str(place), plain_file.read(place).decode()
    except (OSError, UnicodeError) as error:
        raise Unreadable(f"{place} cannot be read: {error}") from None


def offered() -> tuple[dict[str, OwnAction], dict[str, str]]:
    """The actions of installed packages, and for those that cannot be used, why."""
    found, unusable = {}, {}
    for name, function in python_action.installed().items():
        module, _, attribute = function.partition(":")
        try:
            if name.partition(".")[0] in BUILT_IN or not re.match(ACTION_NAME, name):
                raise Unreadable("an action is named GROUP.ACTION, in a group of its own, such as `house.draw`")
            file, text = _installed_source(module)
            described = python_action.describe(text, file, attribute)
            found[name] = _own_action(name, function, described, Position(file, 1, 1), {})
        except Unreadable as error:
            unusable[name] = str(error)
    return found, unusable


def called_function(command: Sequence[Any]) -> str | None:
    """The function that a command calls, as MODULE:FUNCTION; None for other programs."""
    return str(command[-1]) if list(command[1:-1]) == _CALL else None


def _own_action(name: str, function: str, described: Description, at: Position, given: Mapping[str, Any]) -> OwnAction:
    """A function as an action: a program that calls it in a process of its own."""
    inputs = {each: Template(f"{{{{ inputs.{each} }}}}", at) for each in described.inputs}
    command = [sys.executable, *_CALL, function]
    return OwnAction(
        name,
        "program.run",
        {**given, "command": command, "input": inputs},
        at,
        described.description,
        described.inputs,
        described.result,
        described.outcomes,
        described.safe,
        described.effect,
    )


def _named(states: Iterable[State]) -> Iterable[tuple[str, Position]]:
    """The actions that states name, other than those that are built in."""
    for state in states:
        named = [(doing.do, doing.position) for doing in performers(state)]
        if isinstance(state, ActionState) and state.undo is not None:
            named.append((state.undo.do, state.position))
        yield from (each for each in named if each[0].partition(".")[0] not in BUILT_IN)
