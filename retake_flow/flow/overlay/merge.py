"""Merges an overlay into the flow that it extends: mappings merge, lists and values replace, null removes.

Every key and value keeps its position, so that later messages point into the file at fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePath
from typing import Any

from retake_flow.flow.diagnostics import Position, Problem, list_of_known
from retake_flow.flow.names import SEPARATOR, join, last
from retake_flow.flow.overlay.insert_state import insert
from retake_flow.flow.schema.state import KINDS
from retake_flow.flow.text.tree import Node, Path, path_of, states, targets
from retake_flow.flow.text.yaml_source import EXTENDS, Source
from retake_flow.sanitize import one_line

#: The keys of a base's state that are dropped when the overlay changes its kind.
_OF_KIND = {
    "do": ("with", "needs", "retry", "poll", "undo", "on_crash"),
    "flow": ("with", "retry"),
    "states": ("initial", "retry"),
    "final": ("reason", "fails", "ends"),
    "history": ("initial",),
}
_ROUTES = ("transitions", "always")
#: The keys that other states may have but states of this kind may not.
_NOT_OF_KIND = {
    "ask": ("timeout",),
    "final": (*_ROUTES, "exit", "activities", "timeout"),
    "history": (*_ROUTES, "entry", "exit", "set", "activities", "timeout"),
}
_MOST_INSERTED = 100
#: Keys whose change alone does not count as a change.
_IDENTITY = ("flow", "version", "description")
#: The keys that an input loses when the overlay gives its value in another way.
_SUPERSEDED = {
    "value": ("default", "optional", "required", "env", "file"),
    "required": ("default", "optional", "value"),
    "default": ("value", "required"),
    "optional": ("value", "required"),
    "env": ("value",),
    "file": ("value",),
}


def merge(over: Source, base: Source) -> Source:
    """The result of an overlay, whose tree is used up, on the flow that it extends; problems are in its `problems`."""
    extends = over.tree.value[EXTENDS]
    merging = _Merge(base.tree.copy(), PurePath(base.file).name)
    merging.apply(over.tree)
    data = merging.tree.data
    if not merging.problems and _content(data) == _content(base.data):
        hint = f"run {one_line(base.file)} itself, or change something here"
        merging.say(extends.key, "RF024", f"this changes nothing of {merging.base}", hint)
    return Source(
        over.file,
        over.text,
        merging.tree,
        data,
        merging.problems,
        extends=extends.at,
        base=base.file,
        explained=base.explained | merging.explanations(),
        removed=merging.removals(),
        damaged=base.damaged | merging.damaged,
    )


def _content(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in _IDENTITY}


class _Merge:
    """The merge of one overlay into the tree of its base."""

    def __init__(self, tree: Node, base: str) -> None:
        self.tree = tree
        self.base = one_line(base)
        self.problems: list[Problem] = []
        self.damaged: set[str] = set()
        self._gone: dict[str, Position] = {}
        self._gone_inputs: dict[str, Position] = {}
        self._inserted: list[tuple[str, str, Node]] = []

    def say(self, place: Position, code: str, message: str, hint: str = "") -> None:
        """Record a mistake."""
        self.problems.append(Problem(place, code, message, hint))

    def apply(self, over: Node) -> None:
        """Merge, then insert the new states."""
        for key, node in over.value.items():
            if key == "states":
                self._states(self.tree, node, "")
            elif key == "inputs":
                self._inputs(node)
            elif key != EXTENDS:
                self._entry(self.tree, key, node, "the flow")
        _touch(self.tree, over)
        here = dict(states(self.tree))
        for path, word, anchor in self._inserted[:_MOST_INSERTED]:
            wrong = insert(self.tree, here, path, word, anchor) if path in here else []
            self._note_unplaced(path, *wrong)
        for path, _, anchor in self._inserted[_MOST_INSERTED : _MOST_INSERTED + 1]:
            message = f"an overlay inserts at most {_MOST_INSERTED} states; {path!r} is one more"
            self._note_unplaced(path, Problem(anchor.key, "RF025", message))
        self.damaged |= {path for path, _, _ in self._inserted[_MOST_INSERTED:]}

    def _note_unplaced(self, path: str, *wrong: Problem) -> None:
        """Record why a state could not be placed; where it leads and what leads to it is then unknown."""
        self.problems += wrong
        self.damaged |= {path} if wrong else set()

    def removals(self) -> dict[Path, Position]:
        """Where the overlay removes states and inputs, by their former paths."""
        removed: dict[Path, Position] = {path_of(path): place for path, place in self._gone.items()}
        return removed | {("inputs", name): place for name, place in self._gone_inputs.items()}

    def explanations(self) -> dict[Position, Problem]:
        """The messages for targets that no longer exist, by position."""
        here = dict(states(self.tree))
        found: dict[Position, Problem] = {}
        for target in targets(self.tree):
            path = None if target.means(here) else target.means(self._gone)
            if path is not None:
                who = repr(target.bearer) if target.bearer else "the flow"
                on = f" on {target.event!r}" if target.event else ""
                message = f"the state {path!r} is not there any more, and {who} goes to it{on} ({target.node.at})"
                found[target.node.at] = Problem(self._gone[path], "RF020", message, f"route {who} elsewhere{on}")
        return found

    # --- states ---------------------------------------------------------------------------------------------

    def _states(self, owner: Node, over: Node, prefix: str) -> None:
        """Merge states into a flow or a state; a key may be a path relative to it."""
        held = owner.get("states")
        if held is None or not held.mapping or not over.mapping:
            if held is None or self._fits(over, f"'states' of {_state(prefix)}"):
                self._entry(owner, "states", over, _state(prefix))
            return
        _touch(held, over)
        for written, node in over.value.items():
            self._change_by_path(held, written, node, prefix)

    def _change_by_path(self, held: Node, written: str, node: Node, prefix: str) -> None:
        *way, name = written.split(SEPARATOR)
        for step in way:
            state = held.get(step)
            inner = state.get("states") if state is not None else None
            if inner is None or not inner.mapping:
                said = f"there is no state {join(prefix, step)!r}" if state is None else f"{step!r} holds no states"
                hint = self._suggestion(step, held) if state is None else ""
                self.say(node.key, "RF023", f"{written!r} leads nowhere in {self.base}: {said}", hint)
                return
            held, prefix = inner, join(prefix, step)
        self._state(held, name, node, join(prefix, name))

    def _state(self, held: Node, name: str, node: Node, path: str) -> None:
        known = held.get(name)
        if node.value is None:
            if known is None:
                message = f"there is no state {path!r} in {self.base} to remove"
                self.say(node.key, "RF023", message, self._suggestion(name, held))
                return
            self._remove(path, known, node.key)
            del held.value[name]
            held.at = held.at if held.value else node.key
        elif known is not None and not self._fits(node, _state(path)):
            return
        elif known is None:
            self._add(held, name, node, path)
        else:
            self._change(known, node, path)

    def _add(self, held: Node, name: str, node: Node, path: str) -> None:
        if not node.mapping:
            held.value[name] = node
            return
        if self._replaces(node) or not (node.value.keys() & {*KINDS, *_ROUTES, "before", "after"}):
            self.say(node.key, "RF023", f"there is no state {path!r} in {self.base}", self._suggestion(name, held))
            return
        held.value[name] = node
        words = [word for word in ("before", "after") if word in node.value]
        anchors = [node.value.pop(word) for word in words]
        if len(words) > 1:
            message = f"{path!r} cannot be both before a state and after one"
            self._note_unplaced(path, Problem(anchors[1].key, "RF025", message))
        elif words:
            self._inserted.append((path, words[0], anchors[0]))

    def _change(self, known: Node, node: Node, path: str) -> None:
        if not node.mapping or not (known.mapping or known.value is None) or self._replaces(node):
            self._remove(path, known, node.key)
            known.value = node.value
        else:
            known.value = known.value or {}
            self._patch(known, node, path)
        _touch(known, node)

    def _patch(self, known: Node, node: Node, path: str) -> None:
        for word in ("before", "after"):
            if word in node.value:
                hint = "only a new state is inserted; change the transitions of those that are there"
                self.say(node.value.pop(word).key, "RF025", f"the state {path!r} is in {self.base} already", hint)
        self._drop_old_kind(known, node, path)
        for key, item in node.value.items():
            if key == "states":
                self._states(known, item, path)
            elif key == "activities" and item.mapping and known.get(key) is not None:
                self._activities(known.value[key], item, path)
            else:
                self._entry(known, key, item, _state(path))

    def _drop_old_kind(self, known: Node, node: Node, path: str) -> None:
        """Remove the keys of the kind or the action that the state no longer has."""
        old = next((kind for kind in KINDS if kind in known.value), None)
        new = next((kind for kind in KINDS if kind in node.value and node.value[kind].value is not None), old)
        if new == old:
            _forget_inputs(known, node)
            return
        self._remove(path, known, node.key, itself=False)
        of_old = () if old is None else (old, *_OF_KIND.get(old, ()), *_ROUTES)
        for key in (*of_old, *_NOT_OF_KIND.get(new or "", ())):
            known.value.pop(key, None)

    def _activities(self, known: Node, over: Node, path: str) -> None:
        for name, node in over.value.items():
            activity = known.get(name)
            if activity is not None and activity.mapping and node.mapping:
                if self._replaces(node) or node.value.keys() & {"do", "ask"} - activity.value.keys():
                    activity.value = {}
                _forget_inputs(activity, node)
            self._entry(known, name, node, f"the activities of {path!r}")
        _touch(known, over)

    def _replaces(self, node: Node) -> bool:
        """Whether the value here replaces everything that the base has there."""
        word = node.value.pop("replace", None)
        if word is not None and not isinstance(word.value, bool):
            self.say(word.at, "RF014", "'replace' must be true or false")
        return word is not None and word.value is True

    def _fits(self, node: Node, what: str) -> bool:
        """Whether this is a mapping or removes something; anything else is a mistake and leaves the base unchanged."""
        fits = node.mapping or node.value is None
        if not fits:
            given = "a list" if isinstance(node.value, list) else "a single value"
            self.say(node.at, "RF014", f"{what} must be a mapping, not {given}")
        return fits

    def _remove(self, path: str, state: Node, place: Position, *, itself: bool = True) -> None:
        self._gone |= {inner: place for inner, _ in states(state, path)}
        if itself:
            self._gone[path] = place

    def _suggestion(self, name: str, held: Node) -> str:
        alike = self._paths.get(name)
        return f"write its path, {alike!r}" if alike else list_of_known(name, held.value, self.problems)

    @cached_property
    def _paths(self) -> dict[str, str]:
        """The path of the first state of each name."""
        return {last(path): path for path, _ in reversed(list(states(self.tree)))}

    # --- inputs and everything else -------------------------------------------------------------------------

    def _inputs(self, over: Node) -> None:
        if over.mapping:
            self.tree.value.setdefault("inputs", Node({}, over.at, over.key, over.key))
        held = self.tree.get("inputs")
        if held is None or not over.mapping or not held.mapping:
            if self._fits(over, "'inputs' of the flow"):
                self._gone_inputs |= dict.fromkeys(self.tree.entries("inputs"), over.key)
                self._entry(self.tree, "inputs", over, "the flow")
            return
        for name, node in over.value.items():
            known = held.get(name)
            if known is None and node.value is not None and not node.mapping:
                message = f"there is no input {name!r} in {self.base} to set"
                self.say(node.key, "RF023", message, list_of_known(name, held.value, self.problems))
                continue
            if known is not None and known.mapping and node.value is not None:
                node = node if node.mapping else Node({"value": node}, node.at, node.key, node.key)
                for key in node.value:
                    for old in _SUPERSEDED.get(key, ()):
                        known.value.pop(old, None)
            if node.value is None:
                self._gone_inputs[name] = node.key
            self._entry(held, name, node, "the flow's inputs")

    def _entry(self, owner: Node, key: str, node: Node, what: str) -> None:
        """Merge one key of a mapping."""
        known = owner.get(key)
        if node.value is None:
            if known is None:
                self.say(node.key, "RF023", f"{what} has no {key!r} in {self.base} to remove", self._near(key, owner))
                return
            del owner.value[key]
        elif known is not None and known.mapping and node.mapping:
            if key == "undo":
                _forget_inputs(known, node)
            for inner, item in node.value.items():
                self._entry(known, inner, item, f"{key!r} of {what}")
            _touch(known, node)
        else:
            owner.value[key] = node

    def _near(self, key: str, owner: Node) -> str:
        return list_of_known(key, owner.value, self.problems) if owner.mapping else ""


def _touch(known: Node, over: Node) -> None:
    """Give a changed value its position in the overlay, where a mistake would have to be corrected."""
    known.at, known.key = over.at, over.key


def _forget_inputs(known: Node, node: Node) -> None:
    """Drop the inputs of the previous action or sub-flow."""
    for key, bound in (("do", ("with", "poll")), ("flow", ("with",))):
        old, new = known.get(key), node.get(key)
        if old is not None and new is not None and new.value is not None and old.value != new.value:
            for name in bound:
                known.value.pop(name, None)


def _state(path: str) -> str:
    return f"the state {path!r}" if path else "the flow"
