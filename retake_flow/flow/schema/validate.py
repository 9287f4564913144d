"""Validates the data of a flow file against the schema, explains problems in words, and cuts out the parts at fault."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sized
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from retake_flow.flow.diagnostics import TYPE_NAMES, Problem, did_you_mean, list_of_known
from retake_flow.flow.schema import builders, state
from retake_flow.flow.schema import flow as schema
from retake_flow.flow.text.tree import Node, Path, from_data
from retake_flow.flow.text.yaml_source import EXTENDS, Source
from retake_flow.redact import scrub
from retake_flow.sanitize import cut

_TYPES = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))
_ROUNDS = 20
#: Terms from other state machines and workflow languages, with their names here.
_ELSEWHERE = {
    "on": "what follows an event stands under `transitions:`, as in `transitions: {done: NEXT}`",
    "type": "the kind of a state is a key of its own, as in `final: completed`",
    **dict.fromkeys(("next", "end"), "the next state stands under `transitions:`, as in `transitions: {done: NEXT}`"),
    **dict.fromkeys(("target", "goto"), "the state to go to is `to: STATE`"),
    **dict.fromkeys(("if", "cond", "guard", "condition", "unless"), "a guard is `when: EXPRESSION`"),
    **dict.fromkeys(("action", "run", "task", "invoke", "src", "resource"), "what a state does is `do: group.action`"),
    **dict.fromkeys(("args", "params", "parameters", "input"), "what an action is given stands under `with:`"),
    **dict.fromkeys(("assign", "variables"), "variables are set by `set: {NAME: VALUE}`"),
    **dict.fromkeys(("onentry", "on_entry", "onEntry"), "what happens on entering is `entry:`"),
    **dict.fromkeys(("onexit", "on_exit", "onExit"), "what happens on leaving is `exit:`"),
    **dict.fromkeys(("after", "sleep", "delay"), "a state that lasts is `wait: 30s`; a limit is `timeout: 30s`"),
    "secret": "only an input of the flow and a field of an answer can be secret; everything else is recorded as it is",
    "<<": "merge keys are not read: write the keys out, or let the flow extend another",
}
#: The keys that exclude others.
_EXCLUSIVE = ("python", *state.KINDS, "value", "required")


def examine(source: Source) -> tuple[Node, list[Problem], frozenset[Path]]:
    """Find the data that does not fit the schema.

    Returns:
        The data without the parts that do not fit, so that the rest can be checked too; the problems; the paths of
        the mappings and lists from which something was cut.
    """
    tree = source.tree.copy()
    problems: list[Problem] = []
    damaged: set[Path] = set()
    # Cutting a part out can leave its surroundings incomplete. That is a consequence of the first mistake, not another
    # one: only the first round reports problems.
    for number in range(_ROUNDS):
        errors = list(_validator().iter_errors(tree.data))
        if not errors:
            return tree, problems, frozenset(damaged)
        if number == 0:
            for error in errors:
                problems.extend(_problems(error, source, problems))
        cut: set[Path] = set()
        for error in reversed(errors):  # from the end of a list, so that the indices of the others stay
            for path in _paths_to_cut(error):
                if cut.isdisjoint(path[:length] for length in range(1, len(path) + 1)):
                    cut.add(path)
                    damaged.add(path[:-1])
                    tree = _mend(tree, path, error)
    return from_data({}, source.value(())), problems, frozenset(damaged)


@cache
def _validator() -> Validator:
    return Draft202012Validator(schema.schema())


def _of_name(error: ValidationError) -> bool:
    return "propertyNames" in error.absolute_schema_path


def _known_keys(error: ValidationError) -> list[str]:
    schema: Any = error.schema
    return list(schema.get("properties", ()))


def _unexpected_keys(error: ValidationError) -> list[str]:
    mapping: Any = error.instance
    return [key for key in mapping if key not in _known_keys(error)]


def _missing_partners(error: ValidationError) -> list[tuple[str, str]]:
    """Pairs of a key and another key that it requires."""
    mapping: Any = error.instance
    required: Any = error.validator_value
    pairs = ((key, other) for key, others in required.items() for other in others)
    return [(key, other) for key, other in pairs if key in mapping and other not in mapping]


def _paths_to_cut(error: ValidationError) -> Iterator[Path]:
    path = tuple(error.absolute_path)
    if _of_name(error):
        yield (*path, str(error.instance))
    elif error.validator == "additionalProperties":
        yield from ((*path, key) for key in _unexpected_keys(error))
    elif error.validator == "dependentRequired":
        yield from ((*path, key) for key, _ in _missing_partners(error))
    else:
        yield path


def _mend(tree: Node, path: Path, error: ValidationError) -> Node:
    """The tree without the value at `path`, or with a missing value added if it can be guessed for the check."""
    if not path:
        return _with_guesses(tree)
    *way, last = path
    parent: Node | None = tree
    for step in way:
        parent = parent and parent.get(step)
    if parent is None or parent.get(last) is None:  # cut out with another error
        return tree
    if error.validator == "dependentRequired" and last == "states":
        _guess_initial(parent)
    else:
        del parent.value[last]
    return tree


def _guess_initial(owner: Node) -> None:
    states = owner.get("states")
    if states is not None and states.mapping:
        owner.value.setdefault("initial", from_data(next(iter(states.value), "none"), owner.at))


def _with_guesses(tree: Node) -> Node:
    states = tree.get("states")
    if states is None or not states.mapping:
        return from_data({"flow": "unreadable", "initial": "none", "states": {"none": None}}, tree.at)
    tree.value.setdefault("flow", from_data("unnamed", tree.at))
    _guess_initial(tree)
    return tree


def _problems(error: ValidationError, source: Source, found: Sized) -> Iterator[Problem]:
    """The problems for one schema error, given those already reported."""
    path = tuple(error.absolute_path)
    here = source.value(path)
    name = _path_in_words(path)
    value: Any = error.validator_value
    instance: Any = error.instance
    if _of_name(error):
        key = str(error.instance)
        yield Problem(source.key((*path, key)), "RF012", f"{key!r} is no name for {_inside(path)}", _naming(str(value)))
    elif error.validator == "additionalProperties":
        known = [*_known_keys(error), *([] if path else [EXTENDS])]
        for key in _unexpected_keys(error):
            place = source.key((*path, key))
            elsewhere = _ELSEWHERE.get(key) if key in ("<<", "secret") or "states" in path else ""
            hint = elsewhere or list_of_known(key, known, found)
            yield Problem(place, "RF010", f"unknown key {key!r} in {name}", hint)
    elif error.validator == "dependentRequired":
        for key, other in _missing_partners(error):
            yield Problem(source.key((*path, key)), "RF011", f"{name} has {key!r} but no {other!r}")
    elif error.validator == "required":
        for key in value:
            if key not in instance:
                yield Problem(here, "RF011", f"{name} needs the key {key!r}", _misspelling_hint(source, path))
    elif error.validator == "not":
        kind = next(k for k in _EXCLUSIVE if k in _parent(source, path) and k != path[-1])
        yield Problem(
            source.key(path), "RF013", f"{str(path[-1])!r} does not go with {kind!r} in {_path_in_words(path[:-1])}"
        )
    else:
        yield Problem(here, "RF014", f"{name} {_expectation(error)}", _declared_as(path, error))


def _declared_as(path: Path, error: ValidationError) -> str:
    """A hint with the declaration for a value that is written in its place."""
    if len(path) < 2 or path[-2] not in ("inputs", "answer") or error.validator != "type":
        return ""
    value = error.instance
    kind = next((name for kinds, name in _TYPES if isinstance(value, kinds)), "string")
    if value is None or (isinstance(value, str) and value in {name for _, name in _TYPES}):
        declared = f"type: {value or kind}"
    else:
        declared = f"type: {kind}, default: {json.dumps(value, ensure_ascii=False)}"
    return f"declare its type: `{path[-1]}: {{{declared}}}`"


def _misspelling_hint(source: Source, path: Path) -> str:
    """A hint with a neighbouring activity, if the incomplete one may be a misspelling of its name."""
    if len(path) < 2 or path[-2] != "activities":
        return ""
    return did_you_mean(str(path[-1]), (name for name in _parent(source, path) if name != path[-1]), " ").strip()


def _parent(source: Source, path: Path) -> Any:
    data = source.data
    for step in path[:-1]:
        data = data[step]
    return data


def _expectation(error: ValidationError) -> str:
    value: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "type":
            kinds = " or ".join(TYPE_NAMES[kind] for kind in ([value] if isinstance(value, str) else value))
            return f"must be {kinds}, not {_shorten(error.instance)}"
        case "enum":
            return f"must be one of {', '.join(map(str, value))}, not {_shorten(error.instance)}"
        case "minimum" | "maximum":
            return f"must be {'at least' if error.validator == 'minimum' else 'at most'} {value}"
        case "minProperties" | "minItems" | "minLength":
            return "is empty"
        case "pattern" if "duration" in str(schema.get("description", "")):
            return f"must be a duration such as 30s, 3m, 1h30m or 500ms, not {_shorten(error.instance)}"
        case "pattern" if value == builders.ONE_EXPRESSION:
            kind = next(TYPE_NAMES[kind] for kind in schema["type"] if kind != "string")
            return f"must be {kind} or an expression, not {_shorten(error.instance)}"
        case "pattern":
            return f"is {_shorten(error.instance)}; {_naming(str(value))}"
        case _:
            return f"is not right: {error.message}"


def _naming(pattern: str) -> str:
    return {
        builders.STATE_PATH: "use names of states: small letters, digits and _, with / between a state and its child",
        builders.STATE_NAME: "use small letters, digits and _, beginning with a letter",
        builders.EVENT_NAME: "use small letters, digits and _, with dots between the parts",
        builders.EVENT_PATTERN: "use small letters, digits and _, with dots between the parts",
        builders.ACTION_NAME: "an action is written group.action; `retake-flow actions` lists them",
        builders.VARIABLE: "use letters, digits and _; those that begin with RETAKE_ are the program's own",
        builders.AUDIENCE: "use letters, digits, - and _, beginning with a letter",
    }.get(pattern, "use small letters, digits and -")


def _shorten(value: Any) -> str:
    # Masked before it is shortened: half an address would not be recognised.
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else cut(scrub(repr(value)))


def _inside(path: Path) -> str:
    what = {"states": "a state", "transitions": "an event", "activities": "an activity", "inputs": "an input"}
    return what.get(str(path[-1]) if path else "", "this")


def _path_in_words(path: Path) -> str:
    """A path into the file in words: `retry of the state session`."""
    states = [str(path[i + 1]) for i in range(len(path) - 1) if path[i] == "states" and isinstance(path[i + 1], str)]
    last_state = max((i + 2 for i in range(len(path) - 1) if path[i] == "states"), default=0)
    rest = [str(step) if isinstance(step, str) else f"number {step + 1}" for step in path[last_state:]]
    inner = " of ".join(f"{step!r}" if not step.startswith("number") else step for step in reversed(rest))
    outer = f"the state {'/'.join(states)!r}" if states else "the flow"
    return f"{inner} of {outer}" if inner else outer
