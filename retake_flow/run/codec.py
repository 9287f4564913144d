"""Converts a run to plain JSON data and back, with a version, so that it can be stored.

The format follows the declared types of the fields, so a new field with a default needs no change here, and older
runs can still be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from retake_flow.errors import Damaged, NewerForm
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret, scrub
from retake_flow.run.run import LATEST, Run

#: The version of the snapshot format, raised when older programs could not read it. All versions from 1 on can be
#: read.
VERSION = 2

# Nearly all values are of these types, and a run is encoded at every step.
_PLAIN = frozenset({str, int, bool, NoneType})


def encode(run: Run) -> dict[str, Any]:
    """The run as JSON data. Secrets are left out and fetched again when needed."""
    return {"version": VERSION, **as_data(Run, run), "reason": scrub(run.reason) if run.reason else ""}


def decode(data: Any) -> Run:
    """The run in JSON data that `encode` made.

    Raises:
        Damaged: It is not a run.
        NewerForm: Its version is newer.
    """
    if not isinstance(data, Mapping):
        raise Damaged("this is no run: it is no JSON object")
    version_of(data, VERSION, "run")
    run: Run = from_data(Run, {name: value for name, value in data.items() if name != "version"}, "run")
    return run


def version_of(data: Mapping[str, Any], newest: int, what: str, otherwise: int | None = None) -> int:
    """The version of the form in which something is written; `otherwise` when it bears none.

    Raises:
        Damaged: There is no version.
        NewerForm: The version is newer.
    """
    version = data.get("version", otherwise)
    if type(version) is not int or version < 1:
        raise Damaged(f"this is no {what}: it is written in form {version!r}")
    if version > newest:
        raise NewerForm(f"this {what} was written in form {version!r}; this program knows {newest}")
    return version


def as_data(kind: Any, value: Any) -> Any:
    """A value as JSON data, by its declared type."""
    return _form(kind).encode(value)


def from_data(kind: Any, data: Any, what: str) -> Any:
    """The value in JSON data that `as_data` made.

    Raises:
        Damaged: It is no such value; the message calls it `what`.
    """
    try:
        return _form(kind).decode(data)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Damaged(f"this is no {what}: {error}") from None


def plain(value: Any) -> Any:
    """Free-form data as plain JSON data: a mapping loses its secrets, a list has `None` in their place."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict | Mapping):  # `dict` first: a check against an abstract class is slow
        items = value.items()
        return {
            str(key): item if type(item) in _PLAIN else plain(item)
            for key, item in items
            if not isinstance(item, Secret)
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [item if type(item) in _PLAIN else plain(item) for item in value]
    if isinstance(value, int | str) or (isinstance(value, float) and isfinite(value)):
        return value
    return None if isinstance(value, Secret) else str(value)


# --- forms by type ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """How values of one type are written and read; reading raises TypeError or ValueError."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


@cache
def _form(kind: Any) -> _Form:
    origin = get_origin(kind)
    if kind is Any:
        return _Form(plain, lambda data: data)
    if origin in (Union, UnionType):
        members = [member for member in get_args(kind) if member is not NoneType]
        return _optional(_NUMBER if set(members) == {int, float} else _form(*members))
    if origin is tuple:
        return _sequence(*get_args(kind))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*get_args(kind))
    if is_dataclass(kind) and isinstance(kind, type):
        return _record(kind)
    if issubclass(kind, StrEnum):
        return _Form(str, kind)
    return _Form(lambda value: value, _scalar(kind))


def _scalar(kind: type) -> Callable[[Any], Any]:
    def decode(data: Any) -> Any:
        if kind is float and type(data) is int:
            data = float(data)
        if type(data) is not kind:  # not `isinstance`: True is not a number of visits
            raise TypeError(f"{data!r} is no {kind.__name__}")
        if isinstance(data, float) and not -LATEST <= data <= LATEST:
            raise ValueError(f"{data!r} is no time")
        return data

    return decode


def _number(data: Any) -> int | float:
    if type(data) not in (int, float) or not isfinite(data):
        raise TypeError(f"{data!r} is no number")
    number: int | float = data
    return number


_NUMBER = _Form(lambda value: value, _number)


def _optional(inner: _Form) -> _Form:
    return _Form(
        lambda value: None if value is None else inner.encode(value),
        lambda data: None if data is None else inner.decode(data),
    )


def _sequence(*kinds: Any) -> _Form:
    if kinds[-1] is ...:
        inner = _form(kinds[0])
        return _Form(
            lambda value: [inner.encode(item) for item in value],
            lambda data: tuple(inner.decode(item) for item in _list(data)),
        )
    inners = [_form(kind) for kind in kinds]
    return _Form(
        lambda value: [inner.encode(item) for inner, item in zip(inners, value, strict=True)],
        lambda data: tuple(inner.decode(item) for inner, item in zip(inners, _list(data), strict=True)),
    )


def _mapping(key: Any, value: Any) -> _Form:
    keys, values = _form(key), _form(value)
    if key is not str:  # JSON has no such keys, so it is written as pairs
        return _Form(
            lambda mapping: [[keys.encode(name), values.encode(item)] for name, item in mapping.items()],
            lambda data: {keys.decode(name): values.decode(item) for name, item in _list(data)},
        )
    if value is Any:
        return _Form(plain, lambda data: dict(_object(data)))
    return _Form(
        lambda mapping: {str(name): values.encode(item) for name, item in mapping.items()},
        lambda data: {name: values.decode(item) for name, item in _object(data).items()},
    )


def _record(kind: type) -> _Form:
    hints = get_type_hints(kind)
    forms = {each.name: _form(hints[each.name]) for each in fields(kind)}
    required = {each.name for each in fields(kind) if _is_required(each)}

    def decode(data: Any) -> Any:
        unknown = _object(data).keys() - forms.keys()
        if unknown or not required <= data.keys():
            raise ValueError(f"unknown {sorted(unknown)}, missing {sorted(required - data.keys())} in {kind.__name__}")
        return kind(**{name: forms[name].decode(value) for name, value in data.items()})

    return _Form(lambda value: {name: form.encode(getattr(value, name)) for name, form in forms.items()}, decode)


def _is_required(declared: Field[Any]) -> bool:
    return declared.default is MISSING and declared.default_factory is MISSING


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError(f"{data!r} is no list")
    return data


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise TypeError(f"{data!r} is no object")
    return data
