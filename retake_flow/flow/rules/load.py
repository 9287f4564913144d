"""Loads rules files: turns them into rules, and reports each problem with its position.

`schemas/rules.schema.json` says the same to editors.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path as File
from typing import Any, Final

from retake_flow import plain_file
from retake_flow.errors import ExpressionError, UsageError
from retake_flow.flow import duration
from retake_flow.flow.action_spec import Catalogue, with_own
from retake_flow.flow.diagnostics import Position, Problem, did_you_mean
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.graph.transition_graph import Moves
from retake_flow.flow.model import Flow
from retake_flow.flow.names import OUTSIDE, is_called, last, matches
from retake_flow.flow.rules.model import RUN, Condition, Rule, Term
from retake_flow.flow.text import locate
from retake_flow.flow.text.bundle import Use
from retake_flow.flow.text.locate import Folders
from retake_flow.flow.text.tree import Path
from retake_flow.flow.text.yaml_source import Source, decode, parse, require_kind
from retake_flow.quick_dataclasses import dataclass
from retake_flow.sanitize import cut

#: Forms of rules, by their first key: the required and the optional keys of each.
FORMS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "before": (("before", "comes"), ("since",)),
    "before_each": (("before_each", "fresh"), ()),
    "between": (("between", "and", "nothing"), ()),
    "while": (("while", "also"), ()),
}
#: Things that can happen, by key, with the further keys that each may have.
VERBS: Final[Mapping[str, tuple[str, ...]]] = {
    "begins": ("with", "while"),
    "done": ("outcome", "where", "with", "while"),
    "ends": ("outcome", "where", "with", "while"),
    "enters": ("while",),
    "leaves": ("while",),
    "takes": ("where", "while"),
    "holds": (),
}
_TOP = ("rules", "version", "guide", "description", "every_path")
_KEYS = tuple(dict.fromkeys(key for needed, may in FORMS.values() for key in (*needed, *may)))
_HINT = (
    "a rule has `before` and `comes`, `before_each` and `fresh`, `between`, `and` and `nothing`, or `while` and `also`"
)
_LONGEST_SHOWN = 60  # characters of an unknown name
#: The keys for which a bare action must have finished, not only begun.
_OVER = ("comes", "fresh", "and")


@dataclass(frozen=True, slots=True)
class Read:
    """A rules file and its problems; it has no rules if there are problems."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


def read(text: str, file: str, catalogue: Catalogue, flow: Flow | None = None) -> Read:
    """Read a rules file.

    Without a flow, its rules may name no states and no events.
    """
    source = require_kind(parse(text, file), "rules file", ("rules", "every_path"))
    if source.problems:
        return Read((), tuple(replace(problem, code="RF071") for problem in source.problems))
    reading = _Reading(source, catalogue, flow)
    rules = reading.rules()
    return Read(() if reading.problems else rules, tuple(reading.problems))


def platform(catalogue: Catalogue) -> tuple[Rule, ...]:
    """The rules of the platform, which hold for every flow."""
    file = locate.platform_rules()
    found = read(file.read_text(encoding="utf-8"), str(file), catalogue)
    if found.problems:
        raise ValueError("\n".join(map(str, found.problems)))
    return found.rules


def read_named(flow: Flow, catalogue: Catalogue) -> Iterator[Read]:
    """Read the rules files that a flow names."""
    catalogue = with_own(flow, catalogue)
    for name in flow.rules:
        try:
            file = find_file(flow, name)
            text, problems = decode(plain_file.read(file), str(file))
        except UsageError as error:
            yield Read((), (Problem(_rules_position(flow), "RF071", error.message, error.hint),))
            continue
        except OSError as error:
            yield Read((), (Problem(_rules_position(flow), "RF071", f"{name!r} cannot be read: {error.strerror}"),))
            continue
        said = tuple(replace(problem, code="RF071") for problem in problems)
        yield Read((), said) if said else read(text, str(file), catalogue, flow)


def find_file(flow: Flow, name: str) -> File:
    """The rules file that a name in a flow means: next to its own file, or next to one that it is built from.

    Raises:
        UsageError: It does not exist, or the flow may not name it.
    """
    within = Folders.beside(flow.file, flow.sources.allowed)
    refused: list[UsageError] = []
    for folder in dict.fromkeys(File(file).parent for file in (flow.file, *flow.sources.texts)):
        try:
            within.require(folder / name)
        except UsageError as error:
            refused.append(error)
            continue
        if os.path.lexists(folder / name):
            return folder / name
    hint = "rules files are looked up in the folder of the flow's file"
    raise next(iter(refused), UsageError(f"there is no rules file {name!r}", hint=hint))


def uses(flow: Flow) -> Iterator[Use]:
    """Each rules file relative to the flow's file, as `Sources.uses` gives sub-flows."""
    for name in flow.rules:
        file = find_file(flow, name)
        yield (), os.path.relpath(file, File(flow.file).parent), sha256(plain_file.read(file)).hexdigest()


def _rules_position(flow: Flow) -> Position:
    for number, line in enumerate(flow.text.splitlines(), 1):
        if line.startswith("rules:"):
            return Position(flow.file, number, 1)
    return Position(flow.file, 1, 1)


class _Reading:
    """Turns the data of one file into rules."""

    def __init__(self, source: Source, catalogue: Catalogue, flow: Flow | None) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._catalogue = catalogue
        self._flow = flow
        self._states = tuple(flow.states) if flow is not None else ()

    def rules(self) -> tuple[Rule, ...]:
        """All rules of the file."""
        data = self._mapping(self._source.data, (), "a rules file", _TOP)
        name = data.get("rules")
        if not isinstance(name, str):
            self._say((), "a rules file begins with `rules: NAME`")
        if "every_path" not in data:
            self._say((), "a rules file needs the key 'every_path', which holds the rules")
            return ()
        written = data["every_path"]
        if not isinstance(written, dict) or not written:
            self._say(("every_path",), "'every_path' must be a mapping from names to rules")
            return ()
        made = [self._rule(str(name), key, ("every_path", key)) for key in written]
        return tuple(rule for rule in made if rule is not None)

    def _rule(self, owner: str, name: str, at: Path) -> Rule | None:
        data = self._mapping(self._at(at), at, f"the rule {name!r}", ("because", *_KEYS))
        if not isinstance(data.get("because"), str):
            self._say(at, f"the rule {name!r} needs the key 'because': why it holds, in words")
        form = next((form for form in FORMS if form in data), None)
        if form is None:
            self._say(at, f"the rule {name!r} forbids nothing", _HINT)
        if form is None or not self._complete(name, form, data, at):
            return None
        position, because = self._source.key(at), str(data.get("because"))
        if form == "while":
            whenever, also = self._conditions((*at, "while")), self._conditions((*at, "also"))
            never = Term("holds", "", position, during=whenever, unless=also)
            return Rule(name, owner, because, position, (never,))
        term = {key: self._terms((*at, key)) for key in data if key != "because"}
        if form == "before":
            offends, allows, forbids = term["before"], term["comes"], term.get("since", ())
        elif form == "before_each":
            offends, allows, forbids = term["before_each"], term["fresh"], term["before_each"]
        else:
            offends, allows, forbids = term["nothing"], term["and"], term["between"]
        return Rule(name, owner, because, position, offends, allows, forbids, allowed=form == "between")

    def _complete(self, name: str, form: str, data: Mapping[str, Any], at: Path) -> bool:
        """Whether a rule has exactly the keys of its form."""
        needed, may = FORMS[form]
        missing = [key for key in needed if key not in data]
        for key in missing:
            self._say(at, f"the rule {name!r} has {form!r} but no {key!r}", _HINT)
        others = [key for key in data if key not in (*needed, *may, "because")]
        for key in others:
            self._say_of((*at, key), f"{key!r} does not go with {form!r} in the rule {name!r}", _HINT)
        return not missing and not others

    # --- what happens --------------------------------------------------------------------------------------------

    def _terms(self, at: Path) -> tuple[Term, ...]:
        over = at[-1] in _OVER
        made = [self._term(place, over) for place in self._each(at)]
        return tuple(term for term in made if term is not None)

    def _term(self, at: Path, over: bool) -> Term | None:
        written = self._at(at)
        if isinstance(written, str):
            verb = "enters" if "." not in written else "done" if over else "begins"
            return self._make_term(verb, written, {}, at, at)
        every = dict.fromkeys((*VERBS, *(key for more in VERBS.values() for key in more)))
        data = self._mapping(written, at, "what happens", every)
        verbs = [verb for verb in VERBS if verb in data]
        if len(verbs) != 1:
            self._say(at, f"expected exactly one of the keys {', '.join(VERBS)}")
            return None
        (verb,) = verbs
        for key in data:
            if key != verb and key not in VERBS[verb]:
                self._say_of((*at, key), f"{key!r} does not go with {verb!r}")
        name = "" if verb == "holds" else data[verb]
        if not isinstance(name, str):
            self._say((*at, verb), f"{verb!r} must be a name")
            return None
        return self._make_term(verb, name, data, at, (*at, verb))

    def _make_term(self, verb: str, name: str, data: Mapping[str, Any], at: Path, named: Path) -> Term | None:
        during = (
            self._conditions((*at, "holds" if verb == "holds" else "while")) if {"holds", "while"} & set(data) else ()
        )
        outcome, given = data.get("outcome", ""), data.get("with", {})
        if verb in ("begins", "done", "ends") and (verb, name) != ("ends", RUN):
            self._action(name, named)
            self._details(name, str(outcome), given, at)
        elif verb in ("enters", "leaves"):
            self._state(name, named)
        elif verb == "takes":
            self._event(name, named)
        where = self._guard((*at, "where")) if "where" in data else None
        inputs = given if isinstance(given, dict) else {}
        return Term(verb, name, self._source.value(at), str(outcome), where, inputs, during)

    def _conditions(self, at: Path) -> tuple[Condition, ...]:
        made = [self._condition(place) for place in self._each(at)]
        return tuple(condition for condition in made if condition is not None)

    def _condition(self, at: Path) -> Condition | None:
        written = self._at(at)
        if isinstance(written, str):
            written = {"runs": written} if "." in written else {"in": written}
            places = {"runs": at, "in": at}
        else:
            places = {key: (*at, key) for key in ("runs", "in", "rests")}
        data = self._mapping(written, at, "a condition", ("runs", "in", "rests"))
        runs, inside = data.get("runs", ""), data.get("in", "")
        if "runs" in data:
            self._action(runs, places["runs"])
        if "in" in data:
            self._state(inside, places["in"])
        if not data and isinstance(written, dict):
            self._say(at, "a condition is an action that runs, a state, or a mapping with runs, in or rests")
            return None
        return Condition(str(runs), str(inside), self._seconds(places["rests"]) if "rests" in data else None)

    # --- names ---------------------------------------------------------------------------------------------------

    def _action(self, name: Any, at: Path) -> None:
        if not isinstance(name, str) or name not in self._catalogue:
            hint = did_you_mean(str(name), self._catalogue, "`retake-flow actions` lists them")
            self._say(at, f"there is no action {cut(str(name), _LONGEST_SHOWN)!r}", hint)

    def _details(self, name: str, outcome: str, given: Any, at: Path) -> None:
        spec = self._catalogue.get(name)
        if spec is None:
            return
        outcomes = (*spec.outcomes, "error")
        if outcome and not any(matches(known, outcome) for known in outcomes):
            self._say((*at, "outcome"), f"{name} does not end with {outcome!r}", did_you_mean(outcome, outcomes))
        if not isinstance(given, dict):
            self._say((*at, "with"), "'with' must be a mapping from inputs to values")
            return
        for key in given:
            if key not in spec.inputs:
                hint = did_you_mean(key, spec.inputs)
                self._say_of((*at, "with", key), f"the action {name!r} has no input {key!r}", hint)

    def _state(self, name: Any, at: Path) -> None:
        if not any(is_called(path, str(name)) for path in self._states):
            names = [last(path) for path in self._states]
            self._say(at, f"the flow has no state {cut(str(name), _LONGEST_SHOWN)!r}", did_you_mean(str(name), names))

    def _event(self, name: str, at: Path) -> None:
        known = set(OUTSIDE)
        if self._flow is not None:
            moves = Moves.of_flow(self._flow, self._catalogue)
            leaves = (state for state in self._flow.states.values() if state.can_be_innermost)
            known |= {move.occurrence.name for state in leaves for move in moves.of(state.path)} - {""}
        if not any(matches(name, event) for event in known):
            self._say(at, f"the flow takes no event {name!r}", did_you_mean(name, known))

    def _guard(self, at: Path) -> Expression | None:
        written = self._at(at)
        guard = Expression(str(written), self._source.value(at))
        try:
            names = guard.names()
        except ExpressionError as error:
            self._say(at, error.message, error.hint)
            return None
        if any(name[0] != "result" for name in names):
            self._say(at, f"`{guard.text}` may read only the result", "write it as `result.FIELD`")
        return guard

    def _seconds(self, at: Path) -> float:
        try:
            return duration.seconds(self._at(at))
        except (ValueError, TypeError) as error:
            self._say(at, str(error))
            return 0.0

    # --- data ----------------------------------------------------------------------------------------------------

    def _mapping(self, data: Any, at: Path, what: str, known: Iterable[str]) -> Mapping[str, Any]:
        if not isinstance(data, dict):
            self._say(at, f"{what} must be a mapping")
            return {}
        for key in data:
            if key not in known:
                self._say_of((*at, key), f"unknown key {key!r} in {what}", did_you_mean(key, known))
        return {key: value for key, value in data.items() if key in known}

    def _each(self, at: Path) -> list[Path]:
        written = self._at(at)
        if not isinstance(written, list):
            return [at]
        if not written:
            self._say(at, f"{at[-1]!r} is empty")
        return [(*at, index) for index in range(len(written))]

    def _at(self, at: Path) -> Any:
        data = self._source.data
        for step in at:
            data = data[step]
        return data

    def _say(self, at: Path, message: str, hint: str = "") -> None:
        self.problems.append(Problem(self._source.value(at), "RF071", message, hint))

    def _say_of(self, at: Path, message: str, hint: str = "") -> None:
        """The same for a key."""
        self.problems.append(Problem(self._source.key(at), "RF071", message, hint))
