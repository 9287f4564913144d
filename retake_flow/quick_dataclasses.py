"""Dataclasses that are made in a fraction of the time, for what is imported when a command starts.

`dataclasses.dataclass` of Python 3.11 writes and compiles six functions for each frozen class, one after the other.
Here what depends on the fields is compiled at once, when the first object is made, and all classes share the rest.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(cls=None, /, *, frozen=False, slots=False, **others):
        """Make a dataclass; one without slots or with any other options as the standard library does it."""
        if others or not slots:
            return dataclasses.dataclass(cls, frozen=frozen, slots=slots, **others)

        def make(cls):
            written = frozenset(cls.__dict__)
            made = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True)

            def initialize_first(self, *args, **named):
                _add(_compiled(made, frozen), made, written)
                made.__init__(self, *args, **named)

            _add({"__init__": initialize_first, "__repr__": _repr, **(_FROZEN if frozen else _CHANGING)}, made, written)
            return made

        return make if cls is None else make(cls)


__all__ = ["dataclass", "field"]

_COMPILED = """
def __init__({parameters}):
 {body}
def __eq__(self, other):
 return ({own}) == ({others}) if other.__class__ is self.__class__ else NotImplemented
"""
_HASH = """
def __hash__(self):
 return hash(({own}))
"""


def _add(functions: dict[str, Any], made: type, written: Container[str]) -> None:
    """Give a dataclass functions, but none that is written in it."""
    for name, function in functions.items():
        if name not in written:
            setattr(made, name, function)


def _compiled(cls: type, frozen: bool) -> dict[str, Any]:
    """The functions that depend on the fields; only what is frozen has a hash."""
    names: dict[str, Any] = {"_missing": MISSING}
    parameters, lines = ["self"], []
    for each in fields(cls):
        if not each.init or each.kw_only:
            raise TypeError(f"{cls.__qualname__}.{each.name}: only dataclasses.dataclass knows init=False and kw_only")
        parameter, value = _parameter(each, names)
        parameters.append(parameter)
        if frozen:  # the slot itself asks nobody
            names[f"_set_{each.name}"] = getattr(cls, each.name).__set__
        lines.append(f"_set_{each.name}(self, {value})" if frozen else f"self.{each.name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    compared = [each.name for each in fields(cls) if each.compare]
    exec(
        (_COMPILED + _HASH * frozen).format(
            parameters=", ".join(parameters),
            body="\n ".join(lines or ["pass"]),
            own="".join(f"self.{name}," for name in compared),
            others="".join(f"other.{name}," for name in compared),
        ),
        names,
    )
    return {name: names[name] for name in ("__init__", "__eq__", "__hash__") if name in names}


def _parameter(each: Field[Any], names: dict[str, Any]) -> tuple[str, str]:
    """How a field is written as a parameter, and its value; what both need is put under names."""
    if each.default_factory is not MISSING:
        names[f"_new_{each.name}"] = each.default_factory
        return f"{each.name}=_missing", f"_new_{each.name}() if {each.name} is _missing else {each.name}"
    if each.default is not MISSING:
        names[f"_default_{each.name}"] = each.default
        return f"{each.name}=_default_{each.name}", each.name
    return each.name, each.name


def _repr(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


_CHANGING = {"__hash__": None}
#: For copies, what is frozen is put together again without asking it.
_FROZEN: dict[str, Callable[..., Any]] = {
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _restore,
}
