"""Validates the data of a flow file against the schema, explains problems in words, and cuts out the parts at fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from retake_flow.flow.diagnostics import Problem, did_you_mean, list_of_known
from retake_flow.flow.schema import builders, state
from retake_flow.flow.schema import flow as schema
from retake_flow.flow.text.yaml_source import Path, Source
from retake_flow.redact import scrub
from retake_flow.sanitize import cut

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}
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
    "<<": "merge keys are not read: write the keys out, or let the flow extend another",
}
#: Allowed only in an overlay, which is merged into its base before validation.
_EXTENDS = "extends"
#: The keys that exclude others.
_EXCLUSIVE = (*state.KINDS, "value", "required")


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One error of the schema validator.

    Attributes:
        validator: The violated keyword, and what it expects.
        instance: The data at `path`; for a wrong name, the name.
    """

    path: Path
    rule: tuple[str | int, ...]
    validator: str
    expected: Any
    schema: dict[str, Any]
    instance: Any
    message: str

    @classmethod
    def of(cls, error: ValidationError) -> _Mistake:
        path, rule = tuple(error.absolute_path), tuple(error.absolute_schema_path)
        schema: Any = error.schema
        return cls(path, rule, str(error.validator), error.validator_value, schema, error.instance, error.message)


def examine(source: Source) -> tuple[dict[str, Any], list[Problem], frozenset[Path]]:
    """Find the data that does not fit the schema.

    Returns:
        The data without the parts that do not fit, so that the rest can be checked too; the problems; the paths of
        the mappings and lists from which something was cut.
    """
    data = copy.deepcopy(source.data)
    problems: list[Problem] = []
    damaged: set[Path] = set()
    # Cutting a part out can leave its surroundings incomplete. That is a consequence of the first mistake, not another
    # one: only the first round reports problems.
    for number in range(_ROUNDS):
        errors = [_Mistake.of(error) for error in _validator().iter_errors(data)]
        if not errors:
            return data, problems, frozenset(damaged)
        if number == 0:
            for error in errors:
                problems.extend(_problems(error, source, problems))
        for error in errors:
            for path in _paths_to_cut(error):
                damaged.add(path[:-1])
                data = _mend(data, path, error)
    return {}, problems, frozenset(damaged)


@cache
def _validator() -> Validator:
    return Draft202012Validator(schema.schema())


def _of_name(error: _Mistake) -> bool:
    return "propertyNames" in error.rule


def _unexpected_keys(error: _Mistake) -> list[str]:
    return [key for key in error.instance if key not in error.schema.get("properties", {})]


def _missing_partners(error: _Mistake) -> list[tuple[str, str]]:
    """Pairs of a key and another key that it requires."""
    pairs = ((key, other) for key, others in error.expected.items() for other in others)
    return [(key, other) for key, other in pairs if key in error.instance and other not in error.instance]


def _paths_to_cut(error: _Mistake) -> Iterator[Path]:
    path = error.path
    if _of_name(error):
        yield (*path, str(error.instance))
    elif error.validator == "additionalProperties":
        yield from ((*path, key) for key in _unexpected_keys(error))
    elif error.validator == "dependentRequired":
        yield from ((*path, key) for key, _ in _missing_partners(error))
    else:
        yield path


def _mend(data: Any, path: Path, error: _Mistake) -> Any:
    """The data without the value at `path`, or with a missing value added if it can be guessed for the check."""
    if not path:
        return _with_guesses(data)
    parent = data
    for step in path[:-1]:
        parent = _at(parent, step)
    last = path[-1]
    if error.validator == "dependentRequired" and last == "states":
        if isinstance(parent, dict) and isinstance(parent.get("states"), dict):  # not cut out by another error
            parent["initial"] = next(iter(parent["states"]), "none")
    elif isinstance(parent, dict):
        parent.pop(last, None)
    elif isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        del parent[last]
    return data


def _at(parent: Any, step: str | int) -> Any:
    if isinstance(parent, dict):
        return parent.get(str(step))
    return parent[step] if isinstance(parent, list) and isinstance(step, int) and step < len(parent) else None


def _with_guesses(data: Any) -> Any:
    if not isinstance(data, dict) or not isinstance(data.get("states"), dict):
        return {"flow": "unreadable", "initial": "none", "states": {"none": None}}
    data.setdefault("flow", "unnamed")
    data.setdefault("initial", next(iter(data["states"]), "none"))
    return data


def _problems(error: _Mistake, source: Source, found: Sized) -> Iterator[Problem]:
    """The problems for one schema error, given those already reported."""
    path = error.path
    here = source.value(path)
    name = _path_in_words(path)
    value = error.expected
    if _of_name(error):
        key = str(error.instance)
        yield Problem(source.key((*path, key)), "RF012", f"{key!r} is no name for {_inside(path)}", _naming(str(value)))
    elif error.validator == "additionalProperties":
        known = [*error.schema.get("properties", {}), *([] if path else [_EXTENDS])]
        for key in _unexpected_keys(error):
            place = source.key((*path, key))
            hint = (_ELSEWHERE.get(key) if key == "<<" or "states" in path else "") or list_of_known(key, known, found)
            yield Problem(place, "RF010", f"unknown key {key!r} in {name}", hint)
    elif error.validator == "dependentRequired":
        for key, other in _missing_partners(error):
            yield Problem(source.key((*path, key)), "RF011", f"{name} has {key!r} but no {other!r}")
    elif error.validator == "required":
        for key in value:
            if key not in error.instance:
                yield Problem(here, "RF011", f"{name} needs the key {key!r}", _misspelling_hint(source, path))
    elif error.validator == "not":
        kind = next(k for k in _EXCLUSIVE if k in _parent(source, path) and k != path[-1])
        yield Problem(
            source.key(path), "RF013", f"{str(path[-1])!r} does not go with {kind!r} in {_path_in_words(path[:-1])}"
        )
    else:
        yield Problem(here, "RF014", f"{name} {_expectation(error)}", _declared_as(path, error))


def _declared_as(path: Path, error: _Mistake) -> str:
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


def _expectation(error: _Mistake) -> str:
    value = error.expected
    match error.validator:
        case "type":
            kinds = " or ".join(_KINDS[kind] for kind in ([value] if isinstance(value, str) else value))
            return f"must be {kinds}, not {_shorten(error.instance)}"
        case "enum":
            return f"must be one of {', '.join(map(str, value))}, not {_shorten(error.instance)}"
        case "minimum" | "maximum":
            return f"must be {'at least' if error.validator == 'minimum' else 'at most'} {value}"
        case "minProperties" | "minItems" | "minLength":
            return "is empty"
        case "pattern" if "duration" in str(error.schema.get("description", "")):
            return f"must be a duration such as 30s, 3m, 1h30m or 500ms, not {_shorten(error.instance)}"
        case "pattern" if value == builders.ONE_EXPRESSION:
            kind = next(_KINDS[kind] for kind in error.schema["type"] if kind != "string")
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
