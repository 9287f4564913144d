"""Validates against authors' JSON Schemas with jsonschema: fetches nothing, and every pattern and schema is bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from retake_flow.flow.schema.patterns import PatternError, matches, require

#: The most keyword checks for one value, and the most mistakes to examine.
_MOST_STEPS = 50_000
_MOST_ERRORS = 100

_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class TooMuch(Exception):
    """A schema that would have to be held against a value for too long."""


def worst_error(value: Any, schema: Mapping[str, Any]) -> ValidationError | None:
    """The most informative mistake of a value; None if it fits.

    Raises:
        PatternError: A pattern cannot be applied.
        TooMuch: It would take too long.
        Unresolvable: A `$ref` leads nowhere.
        RecursionError: A `$ref` leads to itself.
    """
    # With its own registry the validator fetches nothing, whatever a `$ref` points to.
    validator = _bounded_validator()(schema, registry=Registry())
    found: ValidationError | None = best_match(islice(validator.iter_errors(value), _MOST_ERRORS))
    return found


def flaw(schema: Mapping[str, Any]) -> str:
    """Why a schema is invalid, or nothing."""
    if _has_dialect(schema):
        return "`$schema` has no place in it"
    try:
        Draft202012Validator.check_schema(schema, format_checker=_formats())
    except SchemaError as error:
        return str(error.cause) if isinstance(error.cause, PatternError) else error.message
    except RecursionError:
        return "it nests too deep"
    return ""


def _has_dialect(data: Any) -> bool:
    """Whether a part declares another draft, which has its own keywords."""
    if isinstance(data, Mapping):
        return isinstance(data.get("$schema"), str) or any(map(_has_dialect, data.values()))
    return isinstance(data, list | tuple) and any(map(_has_dialect, data))


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())

    @checker.checks("regex", raises=PatternError)
    def is_pattern(text: object) -> bool:
        if isinstance(text, str):
            require(text)
        return True

    return checker


def _bounded_validator() -> Any:
    """A validator that counts keyword checks and applies patterns as `patterns` does."""
    left = _MOST_STEPS

    def with_count(keyword: _Keyword) -> _Keyword:
        def count_and_check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
            nonlocal left
            left -= 1
            if left < 0:
                raise TooMuch
            return keyword(validator, value, instance, schema)

        return count_and_check

    keywords = {**Draft202012Validator.VALIDATORS, **_OURS}
    limited = {name: with_count(keyword) for name, keyword in keywords.items()}
    return extend(Draft202012Validator, limited)  # type: ignore[no-untyped-call]


def _pattern(validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not matches(str(pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _format(_validator: Any, name: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if name == "regex" and isinstance(instance, str):
        try:
            require(instance)
        except PatternError as error:
            yield ValidationError(str(error))


def _pattern_properties(validator: Any, pieces: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, piece in pieces.items():
            for key, value in instance.items():
                if matches(pattern, key):
                    yield from validator.descend(value, piece, path=key, schema_path=pattern)


def _additional_properties(validator: Any, piece: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = [key for key in instance if key not in known and not any(matches(each, key) for each in patterns)]
    if validator.is_type(piece, "object"):
        for key in others:
            yield from validator.descend(instance[key], piece, path=key)
    elif not piece and others:
        named, were = ", ".join(map(repr, others[:10])), "was" if len(others) == 1 else "were"
        yield ValidationError(f"Additional properties are not allowed ({named} {were} unexpected)")


def _unique_items(validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    # jsonschema compares every pair.
    if wanted and validator.is_type(instance, "array") and len(set(map(_canonical, instance))) < len(instance):
        yield ValidationError("an entry appears twice")


def _canonical(value: Any) -> str:
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    """The value with whole numbers as integers: 1 and 1.0 are the same to JSON Schema."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list | tuple) else value


def _refuse_unevaluated(_validator: Any, _piece: Any, _instance: Any, _schema: Any) -> Iterator[ValidationError]:
    raise TooMuch


_OURS: Mapping[str, _Keyword] = {
    "format": _format,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "unevaluatedProperties": _refuse_unevaluated,
    "unevaluatedItems": _refuse_unevaluated,
}

__all__ = ["PatternError", "TooMuch", "Unresolvable", "flaw", "worst_error"]
