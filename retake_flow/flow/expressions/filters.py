"""The filters and tests of expressions: the time and output of each are proportional to its input."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Undefined, filters, tests

from retake_flow.errors import ExpressionError
from retake_flow.flow import duration

#: The most characters and values that one result, and each intermediate one, may hold together.
LARGEST_RESULT: Final = 65_536
#: The largest number to calculate with.
GREATEST: Final = 1e18
_MOST_DIGITS = 12
_LONGEST_NUMBER = 400  # characters
_MOST_TRIMMED = 100  # characters that `trim` looks for at each place


class _Environment(Environment):
    """Parses expressions and looks names up in mappings and lists only, never in attributes of objects."""

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
        # In a chain of names, the first missing one is reported.
        return obj if isinstance(obj, Undefined) else self.undefined(obj=obj, name=str(name))


ENVIRONMENT: Final = _Environment(undefined=StrictUndefined, autoescape=False, cache_size=0, optimized=False)
ENVIRONMENT.globals.clear()


def is_number(value: Any) -> bool:
    """Whether a value counts as a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Any) -> str:
    """The kind of a value, in words."""
    names = {str: "a text", bool: "a truth value", int: "a number", float: "a number", type(None): "nothing"}
    return names.get(type(value), "a list" if isinstance(value, list | tuple) else "a mapping")


def too_long() -> ExpressionError:
    """The error for a result that is too large."""
    return ExpressionError(f"the result is longer than {LARGEST_RESULT}")


def require_short(made: Any) -> Any:
    """Require that a new text or list is not longer than a result may be."""
    if len(made) > LARGEST_RESULT:
        raise too_long()
    return made


def text(value: Any) -> str:
    """A value as a text."""
    return value if isinstance(value, str) else str(require_short(str(value)))


# --- filters: those of Jinja2 where they are bounded, and else our own ---------------------------------------


def _first(values: Any) -> Any:
    return next(iter(values), ENVIRONMENT.undefined("No first item, sequence was empty."))


def _last(values: Any) -> Any:
    return next(iter(reversed(values)), ENVIRONMENT.undefined("No last item, sequence was empty."))


def _join(values: Any, separator: Any = "", attribute: str | int | None = None) -> str:
    # Jinja2's own join also accepts texts, and joining a text with itself grows without limit.
    if not isinstance(values, list | tuple):
        raise ExpressionError(f"join works on a list, not on {kind(values)}")
    if len(text(separator)) * len(values) > LARGEST_RESULT:
        raise too_long()
    field = filters.make_attrgetter(ENVIRONMENT, attribute)
    return str(require_short(text(separator).join(text(field(value)) for value in values)))


def _round(value: Any, precision: Any = 0, method: Any = "common") -> float:
    # Jinja2's own filter computes ten to the power of any precision.
    if not (is_number(value) and isinstance(precision, int) and abs(precision) <= _MOST_DIGITS):
        raise ExpressionError(f"round works on a number, to at most {_MOST_DIGITS} digits")
    return filters.do_round(value, precision, method)


def _float(value: Any, default: Any = 0.0) -> Any:
    # Jinja2's own filter accepts `nan`, `inf` and 1e400, with which a flow cannot calculate.
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return default
    number: Any = filters.do_float(value, default)
    return number if not isinstance(number, float) or math.isfinite(number) else default


def _int(value: Any, default: Any = 0, base: Any = 10) -> Any:
    # Jinja2's own filter accepts a number of any length.
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return default
    number: Any = filters.do_int(value, default, base)
    return number if not is_number(number) or abs(number) <= GREATEST else default


def _tojson(value: Any) -> str:
    # Jinja2's own filter escapes for HTML, and indents without limit.
    made = json.dumps(value, ensure_ascii=False, default=lambda it: dict(it) if isinstance(it, Mapping) else str(it))
    return str(require_short(made))


def _unique(values: Any, case_sensitive: bool = False, attribute: str | int | None = None) -> list[Any]:
    # Jinja2's own filter gives a generator, which is not data; and huge numbers can be chosen to have equal hashes.
    fold = None if case_sensitive else filters.ignore_case
    key = filters.make_attrgetter(ENVIRONMENT, attribute, postprocess=fold)
    found: dict[Any, Any] = {}
    for value in values:
        if is_number(known := key(value)) and abs(known) > GREATEST:
            raise ExpressionError("the number is too large")
        found.setdefault(known, value)
    return list(found.values())


def _sum(values: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    # Jinja2's own filter also adds lists, and copies the first one for each of the others.
    numbers = [start, *map(filters.make_attrgetter(ENVIRONMENT, attribute), values)]
    if not all(map(is_number, numbers)):
        raise ExpressionError("sum works on a list of numbers")
    return sum(numbers)


_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def _select(values: Any, field: str, *wanted: Any) -> list[Any]:
    """The mappings in a list whose field is there, is a value, or compares with it: `select('amount', '>=', 10)`."""
    if not isinstance(values, list | tuple):
        raise ExpressionError(f"select works on a list, not on {kind(values)}")
    how, value = ("==", *wanted)[-2:] if wanted else ("!=", None)
    if len(wanted) > 2 or how not in _COMPARED:
        raise ExpressionError(f"select compares with one of {' '.join(_COMPARED)}")
    found = ((each, each[field]) for each in values if isinstance(each, Mapping) and field in each)
    try:
        return [each for each, known in found if _COMPARED[how](known, value)]
    except TypeError:
        raise ExpressionError(f"select cannot compare {field!r} with {kind(value)}") from None


def _count(values: Any, *wanted: Any) -> int:
    return len(_select(values, *wanted)) if wanted else len(values)


def _sort(values: Any, attribute: str | int | None = None, reverse: bool = False) -> list[Any]:
    # Jinja2's own filter folds case and sorts mappings by their keys.
    if not isinstance(values, list | tuple):
        raise ExpressionError(f"sort works on a list, not on {kind(values)}")
    keys = list(map(filters.make_attrgetter(ENVIRONMENT, attribute), values))
    if not (all(map(is_number, keys)) or all(isinstance(key, str) for key in keys)):
        raise ExpressionError("sort works on numbers or on texts, not on both")
    return [values[at] for at in sorted(range(len(keys)), key=keys.__getitem__, reverse=bool(reverse))]


def _trim(value: Any, chars: Any = None) -> str:
    if chars is not None and len(chars) > _MOST_TRIMMED:
        raise ExpressionError(f"trim takes at most {_MOST_TRIMMED} characters away")
    return text(value).strip(chars)


def _seconds(value: Any) -> float:
    try:
        return duration.seconds(value)
    except ValueError as error:
        raise ExpressionError(str(error)) from None


def _above(values: Any, least: Any) -> list[Any]:
    if not (isinstance(values, list | tuple) and all(map(is_number, (*values, least)))):
        raise ExpressionError("above works on a list of numbers, and a number")
    return sorted(value for value in values if value > least)


def _with_environment(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: function(ENVIRONMENT, *args, **options)


def _of_text(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, *args, **options: function(text(value), *args, **options)


#: The filters that read their whole input.
READERS: Final[Mapping[str, Callable[..., Any]]] = {
    "above": _above,
    "count": _count,
    "join": _join,
    "lower": _of_text(str.lower),
    "max": _with_environment(filters.do_max),
    "min": _with_environment(filters.do_min),
    "select": _select,
    "sort": _sort,
    "string": text,
    "sum": _sum,
    "title": _of_text(filters.do_title),
    "tojson": _tojson,
    "trim": _trim,
    "truncate": _of_text(_with_environment(filters.do_truncate)),
    "unique": _unique,
    "upper": _of_text(str.upper),
}
#: The filters that take negligible time.
GLANCERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": abs,
    "default": filters.do_default,
    "first": _first,
    "float": _float,
    "int": _int,
    "last": _last,
    "length": len,
    "round": _round,
    "seconds": _seconds,
}
FILTERS: Final = tuple(sorted((*READERS, *GLANCERS)))
_TESTS = ("defined", "undefined", "none", "string", "number", "boolean", "true", "false", "mapping", "sequence", "in")
_JINJA_TESTS: Mapping[str, Any] = tests.TESTS
TESTS: Final[Mapping[str, Callable[..., Any]]] = {name: _JINJA_TESTS[name] for name in _TESTS}
