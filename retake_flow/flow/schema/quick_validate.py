"""Fast validation against a JSON Schema: a yes or no, enough for most flows, without messages.

Messages come from jsonschema (`validate`, `fields`), whose import takes longer than checking a whole flow. This module
implements only the part of JSON Schema that the language uses; it makes no claim about schemas with other keywords.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

from retake_flow.flow.schema.patterns import PatternError, matches, require

_Check = Callable[[Any], bool]

#: Keywords that describe a value without affecting whether it fits.
_ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "default", "errorMessage"})
#: The most keyword checks for an author's schema here.
_MOST_STEPS = 50_000
_SCALARS = (str, int, float, bool, type(None))


class Unsure(Exception):
    """The schema is invalid, or uses keywords that are not supported here."""


def checker(schema: Mapping[str, Any]) -> _Check:
    """A check of whether data certainly fits one of our schemas; if not, jsonschema decides."""
    return partial(_surely, _Compiler(schema).later(schema))


def fits(schema: Mapping[str, Any], data: Any) -> bool:
    """Whether data certainly fits an author's schema."""
    return _surely(_CountingCompiler(schema).later(schema), data)


def _surely(check: _Check, data: Any) -> bool:
    try:
        return check(data)
    except (Unsure, RecursionError):
        return False


def is_sound(schema: Mapping[str, Any]) -> bool:
    """Whether an author's schema is certainly valid."""
    try:
        _CountingCompiler(schema, eager=True).compile(schema)
    except Unsure:
        return False
    return True


def _together(checks: list[_Check]) -> _Check:
    if len(checks) == 1:
        return checks[0]

    def together(data: Any) -> bool:
        for check in checks:  # noqa: SIM110, since `all` would make a generator for each of thousands of values
            if not check(data):
                return False
        return True

    return together


class _Compiler:
    """Compiles the pieces of one schema into checks; conditional and referenced pieces on first use."""

    def __init__(self, root: Mapping[str, Any], *, eager: bool = False) -> None:
        self._eager = eager
        self._defs: Mapping[str, Any] = root.get("$defs", {})
        self._made: dict[str, _Check] = {}

    def compile(self, schema: Any) -> _Check:
        """The check for a schema.

        Raises:
            Unsure: It cannot be compiled.
        """
        if not isinstance(schema, Mapping):
            raise Unsure
        return _together(list(self._checks(schema)))

    def later(self, schema: Any) -> _Check:
        """The same, compiled on first use unless everything is to be compiled at once."""
        if self._eager:
            return self.compile(schema)
        made = cache(lambda: self.compile(schema))
        return lambda data: made()(data)

    def _checks(self, schema: Mapping[str, Any]) -> Iterator[_Check]:
        for key, value in schema.items():
            if key in _KEYWORDS:
                yield _try_make(_KEYWORDS[key], value)
            elif key in _NESTED:
                yield _NESTED[key](self, value)
            elif key == "additionalProperties":
                yield self._others(value, schema.get("properties", {}))
            elif key == "if":
                yield self._branches(value, schema)
            elif key not in _ANNOTATIONS and key not in ("then", "else"):
                raise Unsure(key)

    def _reference(self, where: Any) -> _Check:
        name = str(where).removeprefix("#/$defs/")
        if name not in self._defs:
            raise Unsure(where)
        if name not in self._made:
            self._made[name] = lambda data: self._made[name](data)  # until it is compiled: a piece may contain itself
            self._made[name] = self.later(self._defs[name])
        return lambda data: self._made[name](data)

    def _properties(self, value: Any) -> _Check:
        checks = {key: self.compile(piece) for key, piece in _mapping(value).items()}
        return lambda data: (
            not isinstance(data, dict) or all(checks[key](item) for key, item in data.items() if key in checks)
        )

    def _others(self, value: Any, known: Any) -> _Check:
        names = frozenset(_mapping(known))
        if isinstance(value, bool):
            return lambda data: value or not isinstance(data, dict) or names.issuperset(data)
        check = self.compile(value)
        return lambda data: not isinstance(data, dict) or all(check(v) for key, v in data.items() if key not in names)

    def _names(self, value: Any) -> _Check:
        check = self.compile(value)
        return lambda data: not isinstance(data, dict) or all(check(key) for key in data)

    def _items(self, value: Any) -> _Check:
        check = self.compile(value)
        return lambda data: not isinstance(data, list) or all(check(item) for item in data)

    def _all(self, value: Any) -> _Check:
        if not isinstance(value, list) or not value:
            raise Unsure
        return _together([self.compile(piece) for piece in value])

    def _not(self, value: Any) -> _Check:
        check = self.compile(value)
        return lambda data: not check(data)

    def _branches(self, condition: Any, schema: Mapping[str, Any]) -> _Check:
        holds = self.compile(condition)
        then, otherwise = (self.later(schema.get(key, {})) for key in ("then", "else"))
        return lambda data: then(data) if holds(data) else otherwise(data)


class _CountingCompiler(_Compiler):
    """The same for authors' schemas: patterns in linear time, and limited work."""

    def __init__(self, root: Mapping[str, Any], *, eager: bool = False) -> None:
        super().__init__(root, eager=eager)
        self._left = _MOST_STEPS

    def compile(self, schema: Any) -> _Check:
        check = super().compile(schema)

        def count_and_check(data: Any) -> bool:
            self._left -= len(schema)
            if self._left < 0:
                raise Unsure
            return check(data)

        return count_and_check

    def _checks(self, schema: Mapping[str, Any]) -> Iterator[_Check]:
        if "$schema" in schema:  # another draft may have other keywords
            raise Unsure
        if "pattern" in schema:
            yield _try_make(_linear, schema["pattern"])
        yield from super()._checks({key: value for key, value in schema.items() if key != "pattern"})


_NESTED: Mapping[str, Callable[[_Compiler, Any], _Check]] = {
    "$ref": _Compiler._reference,
    "properties": _Compiler._properties,
    "propertyNames": _Compiler._names,
    "items": _Compiler._items,
    "allOf": _Compiler._all,
    "not": _Compiler._not,
}


# --- keywords that hold no schema -----------------------------------------------------------------------------


def _number(data: Any) -> bool:
    return isinstance(data, int | float) and not isinstance(data, bool)


_TYPES: Mapping[str, _Check] = {
    "object": lambda data: isinstance(data, dict),
    "array": lambda data: isinstance(data, list),
    "string": lambda data: isinstance(data, str),
    "boolean": lambda data: isinstance(data, bool),
    "null": lambda data: data is None,
    "number": _number,
    "integer": lambda data: _number(data) and data == data // 1,
}


def _type(value: Any) -> _Check:
    checks = [_TYPES[name] for name in ([value] if isinstance(value, str) else _texts(value))]
    return lambda data: any(check(data) for check in checks)


def _enum(value: Any) -> _Check:
    if not isinstance(value, list) or not all(isinstance(item, _SCALARS) for item in value):
        raise Unsure
    listed = frozenset((isinstance(item, bool), item) for item in value)
    return lambda data: isinstance(data, _SCALARS) and (isinstance(data, bool), data) in listed


def _pattern(value: Any) -> _Check:
    found = re.compile(value).search
    return lambda data: not isinstance(data, str) or found(data) is not None


def _linear(value: Any) -> _Check:
    require(value)
    return lambda data: not isinstance(data, str) or _search(value, data)


def _search(pattern: str, text: str) -> bool:
    try:
        return matches(pattern, text)
    except PatternError:
        raise Unsure from None


def _format(value: Any) -> _Check:
    if value != "regex":
        raise ValueError(value)
    return lambda data: not isinstance(data, str) or _is_pattern(data)


def _is_pattern(text: str) -> bool:
    try:
        require(text)
    except PatternError:
        return False
    return True


def _limit(
    kind: type | tuple[type, ...], holds: Callable[[Any, Any], bool], *, whole: bool = True
) -> Callable[[Any], _Check]:
    def make(value: Any) -> _Check:
        if not _number(value) or (whole and (not isinstance(value, int) or value < 0)):
            raise Unsure
        return lambda data: isinstance(data, bool) or not isinstance(data, kind) or holds(data, value)

    return make


def _has_required(value: Any) -> _Check:
    names = _texts(value)
    return lambda data: not isinstance(data, dict) or all(name in data for name in names)


def _has_dependents(value: Any) -> _Check:
    needs = {key: _texts(names) for key, names in _mapping(value).items()}
    return lambda data: (
        not isinstance(data, dict) or all(name in data for key, names in needs.items() if key in data for name in names)
    )


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value) or len(set(value)) < len(value):
        raise Unsure
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Unsure
    return value


_KEYWORDS: Mapping[str, Callable[[Any], _Check]] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": _limit(str, lambda data, least: len(data) >= least),
    "maxLength": _limit(str, lambda data, most: len(data) <= most),
    "minItems": _limit(list, lambda data, least: len(data) >= least),
    "maxItems": _limit(list, lambda data, most: len(data) <= most),
    "minProperties": _limit(dict, lambda data, least: len(data) >= least),
    "minimum": _limit((int, float), lambda data, least: data >= least, whole=False),
    "maximum": _limit((int, float), lambda data, most: data <= most, whole=False),
    "format": _format,
    "required": _has_required,
    "dependentRequired": _has_dependents,
}


def _try_make(make: Callable[[Any], _Check], value: Any) -> _Check:
    try:
        return make(value)
    except (KeyError, TypeError, ValueError, RecursionError, re.error):
        raise Unsure from None
