"""Where expressions are evaluated: names are looked up in data only, products are of numbers, results are bounded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jinja2 import StrictUndefined, Undefined, filters
from jinja2.sandbox import ImmutableSandboxedEnvironment

from retake_flow.errors import ExpressionError
from retake_flow.flow import duration

#: Characters and values that one result may hold together.
LARGEST_RESULT = 65_536
_DEEPEST_RESULT = 50
_MOST_DIGITS = 12
_GREATEST = 1e18
_LONGEST_NUMBER = 400  # characters

FILTERS = ("above", "abs", "default", "first", "float", "int", "join", "last", "length", "lower", "max", "min", "round",
           "seconds", "string", "sum", "title", "tojson", "trim", "truncate", "unique", "upper")  # fmt: skip
TESTS = ("defined", "undefined", "none", "string", "number", "boolean", "true", "false", "mapping", "sequence", "in")


class _Environment(ImmutableSandboxedEnvironment):
    """Looks names up in mappings and lists only, so that no object's attribute or method is ever reached."""

    intercepted_binops = frozenset(["+", "*", "%", "//", "/"])

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self._missing(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self._missing(obj, argument)
        if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            with suppress(IndexError):
                return obj[argument]
        return self._missing(obj, argument)

    def _missing(self, obj: Any, name: object) -> Undefined:
        # Of a chain of names, the first that is missing is the one to tell.
        return obj if isinstance(obj, Undefined) else self.undefined(obj=obj, name=str(name))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _short(left + right)
        if operator == "+" and isinstance(left, list) and isinstance(right, list):
            return _short(left + right)
        if not (_is_number(left) and _is_number(right)):
            raise ExpressionError(f"{operator} works on numbers, not on {_kind(left)} and {_kind(right)}")
        if not max(abs(left), abs(right)) <= _GREATEST:
            raise ExpressionError("a number grows past what a flow can need")
        return super().call_binop(context, operator, left, right)


def bounded(value: Any) -> Any:
    """The value, which must be plain data of a size that a flow can need.

    All of it is looked at: a list that holds another one twice, step after step, would stay short and grow huge.

    Raises:
        ExpressionError: It is too large, nests too deep, or holds an infinite number.
        UndefinedError: A part of it is not there.
    """
    left = LARGEST_RESULT
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        inside: list[Any] = []
        if isinstance(item, Undefined):
            item._fail_with_undefined_error()
        elif isinstance(item, float) and not math.isfinite(item):
            raise ExpressionError("a number grows past what a flow can need")
        elif isinstance(item, Mapping):
            inside = [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            inside = list(item)
        left -= 1 + (len(item) if isinstance(item, str) else len(inside))
        if left < 0 or depth > _DEEPEST_RESULT:
            raise _too_long() if left < 0 else ExpressionError("the result nests too deep")
        pending.extend((part, depth + 1) for part in inside)
    return value


def _too_long() -> ExpressionError:
    return ExpressionError(f"the result is longer than {LARGEST_RESULT}")


def _short(value: Any) -> Any:
    if len(value) > LARGEST_RESULT:
        raise _too_long()
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    names = {str: "a text", bool: "a truth value", int: "a number", float: "a number", type(None): "nothing"}
    return names.get(type(value), "a list" if isinstance(value, list | tuple) else "a mapping")


# --- filters of our own, and those that Jinja2 does not bound ------------------------------------------------


def _join(values: Any, separator: str = "") -> str:
    # Jinja2's own join takes texts too, and joining a text with itself grows without end.
    if not isinstance(values, list | tuple):
        raise ExpressionError(f"join works on a list, not on {_kind(values)}")
    if len(separator) * len(values) > LARGEST_RESULT:
        raise _too_long()
    return str(_short(separator.join(map(str, values))))


def _round(value: Any, precision: Any = 0, method: Any = "common") -> float:
    # Jinja2's own one computes ten to the power of whatever precision it is given.
    if not (_is_number(value) and isinstance(precision, int) and abs(precision) <= _MOST_DIGITS):
        raise ExpressionError(f"round works on a number, to at most {_MOST_DIGITS} digits")
    return filters.do_round(value, precision, method)


def _float(value: Any, default: Any = 0.0) -> Any:
    # Jinja2's own one takes `nan`, `inf` and 1e400, which are no numbers that a flow can count with.
    number: Any = filters.do_float(value, default)
    return number if not isinstance(number, float) or math.isfinite(number) else default


def _int(value: Any, default: Any = 0, base: Any = 10) -> Any:
    # Jinja2's own one takes a number of any length.
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return default
    number: Any = filters.do_int(value, default, base)
    return number if not _is_number(number) or abs(number) <= _GREATEST else default


def _tojson(value: Any) -> str:
    # Jinja2's own one escapes for web pages, and indents as far as it is told to.
    return json.dumps(value, ensure_ascii=False, default=lambda it: dict(it) if isinstance(it, Mapping) else str(it))


def _unique(values: Any) -> list[Any]:
    # Jinja2's own one gives a generator, which is no data.
    return list(filters.sync_do_unique(ENVIRONMENT, values))


def _seconds(value: Any) -> float:
    try:
        return duration.seconds(value)
    except ValueError as error:
        raise ExpressionError(str(error)) from None


def _above(values: Any, least: Any) -> list[Any]:
    if not (isinstance(values, list | tuple) and all(map(_is_number, (*values, least)))):
        raise ExpressionError("above works on a list of numbers, and a number")
    return sorted(value for value in values if value > least)


def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False, cache_size=0)
    environment.filters |= {
        "float": _float,
        "int": _int,
        "join": _join,
        "round": _round,
        "tojson": _tojson,
        "unique": _unique,
    }
    environment.filters |= {"seconds": _seconds, "above": _above}
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    environment.globals.clear()
    return environment


ENVIRONMENT = _environment()
