"""Reads JSON field by field, so that every mistake is reported with its place."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from retake_flow.errors import UsageError
from retake_flow.flow import duration
from retake_flow.sanitize import cut

_T = TypeVar("_T")


_GREATEST = 1e18  # a rehearsal has no larger time or number


class Fields:
    """One JSON object being read.

    Read each field that may be there, then call `end()`, which refuses all others.

    Args:
        where: Its place, for messages, such as `faults[2]`.

    Raises:
        UsageError: `value` is not an object. All readers raise this if a field is missing or of another type.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}: expected an object, found {_kind(value)}")
        self._value: Mapping[str, object] = value
        self._known: set[str] = set()
        self.where = where

    def build(self, kind: type[_T], **read: Any) -> _T:
        """Build a dataclass from `read` and the other fields, each by its type and default; refuse what is left.

        Raises:
            UsageError: A field is wrong, missing or unknown.
        """
        hints = get_type_hints(kind)
        for field in dataclasses.fields(kind):  # type: ignore[arg-type]
            if field.name not in read:
                default = None if field.default is dataclasses.MISSING else field.default
                read[field.name] = self.of_type(field.name, hints[field.name], default)
        self.end()
        return kind(**read)

    def of_type(self, name: str, hint: Any, default: Any = None) -> Any:
        """A field of the annotated type: a text, a number, a flag, one of some literals, or one of these and None."""
        if get_origin(hint) is Literal:
            return self.choice(name, get_args(hint), default)
        if type(None) in get_args(hint):
            if self.anything(name) is None:
                return None
            hint = next(each for each in get_args(hint) if each is not type(None))
            return self.of_type(name, hint)
        return _READERS[hint](self, name, default)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; required if there is no default."""
        value = self._get(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        return value

    def maybe_text(self, name: str) -> str | None:
        """A text, or None if it is missing or null."""
        return None if self._get(name, None, optional=True) is None else self.text(name)

    def number(self, name: str, default: float | None = None) -> float:
        """A number of 0 or more."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _GREATEST:
            raise self.wrong(name, "a number of 0 or more")
        return value

    def offset(self, name: str, default: float) -> float:
        """An offset in seconds: a number, or a duration with a sign, such as `+75s` or `-10m`."""
        value = self._get(name, default)
        try:
            text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
            return (-1.0 if text.startswith("-") else 1.0) * duration.seconds(re.sub(r"^[+-]", "", text))
        except ValueError:
            raise self.wrong(name, "a number of seconds, or a duration as in +75s or -10m") from None

    def whole(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number of `least` or more."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _GREATEST:
            raise self.wrong(name, f"a whole number of {least} or more")
        return value

    def times(self, name: str) -> int | None:
        """A number of times: 1 or more, 1 if it is missing, and null (None) for always."""
        if self.has(name) and self.anything(name) is None:
            return None
        return self.whole(name, 1, least=1)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def choice(self, name: str, allowed: Collection[_T], default: _T | None = None) -> _T:
        """One of the allowed values."""
        value = self._get(name, default)
        for option in allowed:
            if value == option and type(value) is type(option):
                return option
        raise self.wrong(name, "one of " + ", ".join(str(option) for option in allowed))

    def texts(self, name: str) -> dict[str, str]:
        """An object whose values are texts; empty if it is missing."""
        inner = Fields(self._get(name, {}), f"{self.where}.{name}")
        return {key: inner.text(key) for key in inner._value}

    def mapping_of_objects(self, name: str) -> dict[str, Fields]:
        """An object whose values are objects; empty if it is missing."""
        inner = Fields(self._get(name, {}), f"{self.where}.{name}")
        return {key: Fields(value, f"{inner.where}.{key}") for key, value in inner._value.items()}

    def words(self, name: str) -> list[str]:
        """A list of texts; empty if it is missing."""
        value = self._get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(name, "a list of texts")
        return value

    def objects(self, name: str) -> list[Fields]:
        """A list of objects; empty if it is missing."""
        return each(self._get(name, []), f"{self.where}.{name}")

    def anything(self, name: str) -> object:
        """Any JSON value; None if it is missing."""
        return self._get(name, None, optional=True)

    def has(self, name: str) -> bool:
        """Whether the field exists."""
        return name in self._value

    def wrong(self, name: str, expected: str) -> UsageError:
        """The error with the expected form of a field."""
        return UsageError(f"{self.where}.{name}: expected {expected}, found {_kind(self._value.get(name))}")

    def end(self) -> None:
        """Refuse the fields that were not read.

        Raises:
            UsageError: There is such a field.
        """
        for name in self._value:
            if name not in self._known:
                near = get_close_matches(name, self._known, n=1)
                hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(sorted(self._known))
                raise UsageError(f"{self.where}: there is no field {name!r}", hint=hint)

    def _get(self, name: str, default: object, *, optional: bool = False) -> object:
        self._known.add(name)
        if name in self._value:
            return self._value[name]
        if default is None and not optional:
            raise UsageError(f"{self.where}: the field {name!r} is missing")
        return default


_READERS: Final[Mapping[Any, Callable[[Fields, str, Any], Any]]] = {
    str: Fields.text,
    bool: Fields.flag,
    int: Fields.whole,
    float: Fields.number,
}


def each(value: object, where: str) -> list[Fields]:
    """Read a JSON list of objects.

    Raises:
        UsageError: The value is not such a list.
    """
    if not isinstance(value, list):
        raise UsageError(f"{where}: expected a list, found {_kind(value)}")
    return [Fields(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _kind(value: object) -> str:
    if isinstance(value, int) and abs(value) > _GREATEST:
        return "a number of more than 18 digits"  # Python converts no number of more than 4,300 digits to text
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {cut(str(value), 24)}"
    # The type and not the value: a field may hold a token.
    names = {bool: "true or false", str: "a text", list: "a list"}
    return "null" if value is None else names.get(type(value), "an object")


def parse(content: bytes | str) -> object:
    """A JSON value without lone surrogates.

    Raises:
        ValueError: The text is not JSON, has a number that JSON does not allow, or is nested too deeply.
    """
    try:
        value: object = json.loads(content, parse_constant=_refuse_constant, parse_float=_finite)
        return _without_surrogates(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _without_surrogates(value: object) -> object:
    """The value with U+FFFD for each lone surrogate, as most programs do."""
    written = json.dumps(value, ensure_ascii=False)
    whole = written.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value if whole == written else json.loads(whole)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is no JSON")
