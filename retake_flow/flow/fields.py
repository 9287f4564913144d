"""Values that people give by name, such as inputs of a run or answers to a gate, declared as JSON Schema properties.

Besides the keywords of JSON Schema, a property may have one of our own values of `format`, and the keys in `OURS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.formats import FORMATS
from retake_flow.flow.schema.patterns import PatternError
from retake_flow.flow.schema.quick_validate import fits, is_sound
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import Secret
from retake_flow.sanitize import cut

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Declared = Mapping[str, Mapping[str, Any]]

#: Keys of a property that JSON Schema lacks or reads differently.
OURS = ("default", "optional", "secret", "format", "value", "required", "env", "file")


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading values.

    Attributes:
        values: The values by name, with the declared types; an omitted optional one is None.
        unfit: Problems with values, by name.
    """

    values: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unfit: dict[str, str] = field(default_factory=dict)


def is_required(schema: Mapping[str, Any]) -> bool:
    """Whether a property is required."""
    return "default" not in schema and "value" not in schema and not schema.get("optional", False)


def is_secret(schema: Mapping[str, Any]) -> bool:
    """Whether only the run may read a property: as declared, else if it comes from a variable or a file."""
    outside = not {"env", "file"}.isdisjoint(schema) and schema.get("type", "string") == "string"
    return bool(schema.get("secret", outside))


def read(declared: Declared, given: Mapping[str, Any]) -> Reading:
    """Read values; texts are converted to the declared type (`tries=3`), and secrets stay as they are.

    None counts as omitted where a value may be omitted.
    """
    reading = Reading()
    for name in given:
        if name not in declared:
            reading.unknown[name] = did_you_mean(name, declared)
    for name, schema in declared.items():
        if "value" in schema:
            reading.values[name] = schema["value"]
            reading.unfit.update({name: "is fixed by the flow"} if name in given else {})
            continue
        shown = _reveal(given.get(name))
        hidden = shown is not given.get(name)
        value = _convert(shown, schema)
        if value is None and not is_required(schema):
            reading.values[name] = schema.get("default")
        elif name not in given:
            reading.missing.append(name)
        else:
            reading.values[name] = given[name] if hidden else value
            if said := mismatch(value, schema):
                # A schema's message about a value may quote it.
                reading.unfit[name] = "does not fit; it is secret, so the reason is not shown" if hidden else said
    return reading


def _reveal(value: Any) -> Any:
    """A value with its secrets as plain texts; the same object if there are none."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        items = {key: _reveal(item) for key, item in value.items()}
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        listed = [_reveal(item) for item in value]
        return listed if any(new is not old for new, old in zip(listed, value, strict=True)) else value
    return value


def _convert(value: Any, schema: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or schema.get("type") == "string":
        return value
    try:
        return json.loads(value, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _finite(word: str) -> float:
    number = float(word)
    return number if isfinite(number) else _no_number(word)


def mismatch(value: Any, schema: Mapping[str, Any]) -> str:
    """Why a value does not fit a JSON Schema property; "" if it fits."""
    checked = FORMATS.get(str(schema.get("format")))
    if checked is not None:
        try:
            checked(value)
        except ValueError as error:
            return f"does not fit: {error}"
        return ""
    if not _countable(value):
        return "does not fit: it contains NaN or an infinite number"
    said = flaw(schema)
    if said or fits(_plain(schema), value):
        return said
    from retake_flow.flow.schema import json_schema

    try:
        worst = json_schema.worst_error(value, _plain(schema))
    except (json_schema.Unresolvable, RecursionError):
        return "has a schema with a `$ref` that leads nowhere"
    except json_schema.TooMuch:
        return "has a schema that takes too long to be held against it: make it simpler"
    except PatternError as error:
        return f"does not fit: {error}"
    return f"does not fit: {_message(worst)}" if worst is not None else ""


def _countable(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_countable, value.values()))
    return all(map(_countable, value)) if isinstance(value, list | tuple) else True


def _message(worst: ValidationError) -> str:
    """The message about a value: the schema's own (`errorMessage`), or jsonschema's."""
    own = worst.schema.get("errorMessage") if isinstance(worst.schema, Mapping) else None
    if own:
        return f"{own}"
    match worst.validator:
        case "maxItems" | "minItems" if isinstance(worst.instance, list):
            limit = "at most" if worst.validator == "maxItems" else "at least"
            return f"there are {len(worst.instance)} entries, and there must be {limit} {worst.validator_value}"
        case "minLength" if worst.instance == "":
            return "it must not be empty"
        case "maxLength" | "minLength" if isinstance(worst.instance, str):
            limit = "at most" if worst.validator == "maxLength" else "at least"
            length = f"has {len(worst.instance)} characters, and there must be {limit} {worst.validator_value}"
            return f"{cut(repr(worst.instance))} {length}"
        case "pattern":
            meant = worst.schema.get("description") if isinstance(worst.schema, Mapping) else None
            wanted = f"its description: {meant}" if meant else f"the pattern {worst.validator_value}"
            return f"{cut(repr(worst.instance))} does not match {wanted}"
        case _:
            quoted = repr(worst.instance)  # as jsonschema quotes it
            return worst.message.replace(quoted, cut(quoted))


def flaw(schema: Mapping[str, Any]) -> str:
    """Why a JSON Schema property is invalid, or nothing."""
    if is_sound(_plain(schema)):
        return ""
    from retake_flow.flow.schema import json_schema

    said = json_schema.flaw(_plain(schema))
    return f"has an invalid schema: {said}" if said else ""


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A property as plain JSON Schema, without our own keys."""
    names = schema.get("required")  # a list is JSON Schema's own: what an object must have
    return {k: item for k, item in schema.items() if k not in OURS or (k == "required" and isinstance(names, list))}
