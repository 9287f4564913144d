"""Builds the model of a flow from its file and those of its sub-flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from retake_flow.errors import StoreError
from retake_flow.flow.diagnostics import Position, Problem, Problems
from retake_flow.flow.load.builder import Builder, plain_value
from retake_flow.flow.load.files import Files
from retake_flow.flow.load.functions import Functions
from retake_flow.flow.load.inputs import declared_inputs, flaws
from retake_flow.flow.model import FinalState, Flow, Input, OwnAction, State, SubFlow
from retake_flow.flow.names import SEPARATOR, join
from retake_flow.flow.schema.quick_validate import checker
from retake_flow.flow.state_parts import Scene
from retake_flow.flow.text.bundle import Find, Sources
from retake_flow.flow.text.locate import Folders
from retake_flow.flow.text.tree import Node, Path
from retake_flow.flow.text.yaml_source import Source
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret

#: The deepest nesting of sub-flows, and the most states in total.
DEEPEST = 8
MOST_STATES = 5_000


@dataclass(frozen=True, slots=True)
class Extension:
    """The flow that an overlay extends.

    Attributes:
        source: The merged result.
        at: Where the overlay names the extended flow.
    """

    source: Source
    at: Position
    base: Callable[[], Loaded]

    @property
    def files(self) -> set[str]:
        """The files of the extended flow, and of all that it extends."""
        return {node.at.file for _, node in self.source.tree.walk()} - {self.source.file}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A flow and its problems.

    Attributes:
        flow: The flow, without the parts that could not be understood; None if no part could be.
        damaged: The paths of the states that lost parts, on which checks should not report.
        unusable: The names of actions whose functions cannot be used, as the problems say.
    """

    flow: Flow | None
    problems: tuple[Problem, ...]
    damaged: frozenset[str]
    extension: Extension | None = None
    unusable: frozenset[str] = frozenset()


def load(
    content: str | bytes,
    file: str,
    *,
    known_good: bool = False,
    find: Find | None = None,
    allowed: Sequence[str] = (),
) -> Loaded:
    """Build the model from the content of a flow file.

    Args:
        content: The YAML; bytes must be UTF-8.
        file: The name shown in messages, beside which sub-flows are searched.
        known_good: Whether these exact texts are known to fit the schema, so that validation is skipped.
        find: Finds sub-flows; None to search the disk.
        allowed: The places outside its folder that the flow may name.
    """
    find = find or Folders.beside(file, allowed).find
    reading = _Reading(find, known_good)
    source = reading.files.add(content, file)
    reading.examine(source)
    part = reading.part(file, "", (file,))
    if part is None:
        return Loaded(None, reading.problems, frozenset())
    sources = reading.files.sources(file, allowed)
    plain = partial(plain_value, part.tree)
    flow = Flow(
        name=plain("flow"),
        version=plain("version", 1),
        guide=plain("guide", ""),
        description=plain("description", ""),
        inputs=part.inputs,
        initial=part.initial,
        states=part.states,
        file=file,
        text=source.text,
        sources=sources,
        digest=sources.digest,
        notify=tuple(map(Secret, plain("notify", ()))),
        events=reading.events,
        actions=reading.actions,
        rules=tuple(plain("rules", ())),
        phrases=plain("phrases", {}),
        scenes={name: Scene(tuple(node.data), node.key) for name, node in part.tree.entries("scenes").items()},
    )
    extension = None
    if source.extends is not None:
        base = partial(load, sources.texts[source.base], source.base, find=find, allowed=allowed)
        extension = Extension(source, source.extends, base)
    return Loaded(flow, reading.problems, frozenset(reading.damaged), extension, frozenset(reading.functions.unusable))


def load_flow(text: str, file: str, find: Find | None = None) -> Flow:
    """The flow in a text.

    Raises:
        Problems: It has mistakes.
    """
    answer = load(text, file, find=find)
    if answer.flow is None or answer.problems:
        raise Problems(answer.problems)
    return answer.flow


def load_stored(sources: Sources) -> Flow:
    """The flow that a run began with.

    Raises:
        Problems: This version of the program finds mistakes in it.
        StoreError: This version of the program can no longer read it.
    """
    unreadable = StoreError(
        "this version cannot read the flow of this run",
        hint="continue with the version of retake-flow that started it, or resume with --upgrade to use the flow's "
        "file as it is now",
    )
    try:
        answer = load(sources.text, sources.file, known_good=True, find=sources.find, allowed=sources.allowed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # It is not validated against the schema again: an older program did so against its own.
        raise unreadable from error
    if answer.flow is None:
        raise unreadable
    if answer.problems:
        raise Problems(answer.problems)
    return answer.flow


@dataclass(frozen=True, slots=True)
class _Part:
    """The result of one file."""

    tree: Node
    inputs: dict[str, Input]
    initial: str
    states: dict[str, State]


@dataclass(frozen=True, slots=True)
class _File:
    """One file, read once even if used several times.

    Attributes:
        tree: The part that fits the schema; all its uses share it, so it must not be changed.
    """

    source: Source
    tree: Node
    damaged: frozenset[Path]


class _Reading:
    """Reads a flow and the sub-flows that it names."""

    def __init__(self, find: Find, known_good: bool) -> None:
        self.files = Files(find)
        self.damaged: set[str] = set()
        self.events: dict[str, Mapping[str, Any]] = {}
        self.actions: dict[str, OwnAction] = {}
        self.functions = Functions(self.files)
        self._problems: list[Problem] = []
        self._known_good = known_good
        self._states = 0
        self._full = False
        self._read: dict[str, _File] = {}
        self._bad: set[str] = set()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems found."""
        return (*self.files.problems, *self._problems)

    def examine(self, source: Source) -> None:
        """Add a file that was read, and record its problems."""
        tree, damaged = self._examine(source)
        self._read[source.file] = _File(source, tree, damaged)

    def part(self, file: str, root: str, chain: tuple[str, ...]) -> _Part | None:
        """Build the flow of a file that was read, in the state `root`; `chain` are the files that led to it."""
        read = self._read[file]
        tree = read.tree
        if not tree.value:
            return None

        def inner(name: Node, path: str) -> tuple[SubFlow, str, dict[str, State]] | None:
            return self._sub_flow(name, path, chain)

        builder = Builder(tree, root, inner)
        states = builder.states()
        # A sender does not know which file accepts the event, so the outer flow's declaration counts.
        self.events = {**self.events, **_events(tree)}
        named, declared = self.functions.named_actions(states), self.functions.declared_actions(tree)
        self.actions = {**named, **self.actions, **declared}
        initial = builder.child(root, tree)
        explained = read.source.explained
        self._problems += [explained.get(p.position, p) if p.code == "RF020" else p for p in builder.problems]
        self.damaged |= builder.damaged | {join(root, path) for path in read.source.damaged}
        self.damaged |= {join(root, _state_of(path)) if _state_of(path) else root for path in read.damaged}
        return _Part(tree, declared_inputs(tree), initial, states)

    def _examine(self, source: Source) -> tuple[Node, frozenset[Path]]:
        if not source.data and self.files.problems:
            return source.tree, frozenset()
        if source.data is None:
            self._problems.append(Problem(source.value(()), "RF001", "the file is empty"))
            return source.tree, frozenset()
        if self._known_good:
            return source.tree, frozenset()
        if _flow_fits()(source.data):
            self._problems += flaws(source.tree)
            return source.tree, frozenset()
        # Imported here: the schema's validator is slow to import, and most flows fit.
        from retake_flow.flow.schema import validate

        tree, problems, damaged = validate.examine(source)
        self._problems += [*problems, *flaws(tree)]
        return tree, damaged

    def _sub_flow(self, name: Node, path: str, chain: tuple[str, ...]) -> tuple[SubFlow, str, dict[str, State]] | None:
        found = self._find(name, chain)
        # A faulty file was already reported; another use would report the same, and its users are damaged either way.
        if found is None or found in self._bad:
            return None
        before = len(self.problems)
        part = self._inside(found, path, (*chain, found))
        if len(self.problems) > before:
            self._bad.add(found)
            self.damaged.add(path)
        self._states += 1 if part is None else len(part.states)
        if part is None:
            return None
        finals = dict.fromkeys(s.final for s in part.states.values() if isinstance(s, FinalState) and s.ends == path)
        return SubFlow(plain_value(part.tree, "flow"), part.inputs, tuple(finals)), part.initial, part.states

    def _inside(self, file: str, root: str, chain: tuple[str, ...]) -> _Part | None:
        if file not in self._read:
            self.examine(self.files.read(file))
        return self.part(file, root, chain)

    def _find(self, name: Node, chain: tuple[str, ...]) -> str | None:
        """The file of a sub-flow that may run here."""
        unknown = Problem(name.at, "RF021", "")
        found = self.files.find(name.value, unknown)
        if found is None:
            return None
        if found in chain or len(chain) > DEEPEST:
            self.files.say(unknown, f"{name.value} would run inside itself: {' → '.join((*chain, found))}")
            return None
        if self._states > MOST_STATES:
            if not self._full:
                self.files.say(unknown, f"the sub-flows have more than {MOST_STATES} states together")
            self._full = True
            return None
        return found


def _events(tree: Node) -> dict[str, Mapping[str, Any]]:
    """The declared events from outside, with the properties of their data."""
    declared = plain_value(tree, "events", {})
    pairs = declared.items() if isinstance(declared, dict) else dict.fromkeys(declared).items()
    return {name: fields or {} for name, fields in pairs}


def _state_of(path: Path) -> str:
    names = [str(path[i + 1]) for i in range(0, len(path) - 1, 2) if path[i] == "states"]
    return SEPARATOR.join(names)


@cache
def _flow_fits() -> Callable[[Any], bool]:
    """The checker of a file against the schema of flows, made once for a flow and its sub-flows."""
    from retake_flow.flow.schema import flow as schema

    return checker(schema.schema())
