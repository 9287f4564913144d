"""Dataclasses that are created faster, for modules that are imported at the start of a command.

`dataclasses.dataclass` of Python 3.11 writes and compiles up to ten functions for each class, one after the other.
Here only `__init__` is compiled, once a class has many objects; the rest uses existing functions
(docs/decisions/0025-dataclasses-that-compile-late.md).
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, field, fields
from operator import attrgetter, eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(cls=None, /, *, frozen=False, slots=False, eq=True, order=False, kw_only=False, **others):
        """Make a dataclass; without slots or with any other option, the standard library makes it."""
        if others or not slots:
            others |= {"frozen": frozen, "slots": slots, "eq": eq, "order": order, "kw_only": kw_only}
            return dataclasses.dataclass(cls, **others)

        def make(cls):
            written = frozenset(cls.__dict__)
            made = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
            functions = {"__init__": _first_init(made, frozen), "__repr__": _repr, **(_FROZEN if frozen else {})}
            if eq:
                functions |= _comparisons(made, frozen, _ORDERS if order else {})
            for name, function in functions.items():
                if name not in written:
                    setattr(made, name, function)
            return made

        return make if cls is None else make(cls)


__all__ = ["dataclass", "field"]

_ORDERS = {"__lt__": lt, "__le__": le, "__gt__": gt, "__ge__": ge}
#: How many objects of a class are created without compiling its `__init__`, which takes as long as creating 40.
_FEW = 40
_INIT = """
def __init__({parameters}):
 {body}
"""


def _first_init(made: Any, frozen: bool) -> Callable[..., None]:
    """An `__init__` for the first objects, which compiles the real one for all others, and for wrong arguments."""
    known: _Parameters | None = None
    created = 0

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        nonlocal known, created
        created += 1
        known = known or _Parameters(made)
        values = known.values(args, named) if created <= _FEW else None
        if values is None:
            made.__init__ = _compile_init(made, frozen)
            made.__init__(self, *args, **named)
            return
        for name, put in known.slots:
            put(self, values[name])
        if known.has_more:
            self.__post_init__()

    return __init__


class _Parameters:
    """The parameters of a dataclass."""

    def __init__(self, cls: Any) -> None:
        parameters = _parameters(cls)
        self.has_more = hasattr(cls, "__post_init__")
        self.slots = [(each.name, getattr(cls, each.name).__set__) for each in parameters]
        self._names = {each.name for each in parameters}
        self._in_order = [each.name for each in parameters if not each.kw_only]
        self._defaults = {each.name: each.default for each in parameters if each.default is not MISSING}
        self._factories = [
            (each.name, each.default_factory) for each in parameters if each.default_factory is not MISSING
        ]

    def values(self, args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any] | None:
        """The values of the fields of a new object; None if the arguments are wrong."""
        given = dict(zip(self._in_order, args, strict=False)) | named
        if len(given) < len(args) + len(named):
            return None
        values = self._defaults | given
        for name, make in self._factories:
            if name not in given:
                values[name] = make()
        return values if values.keys() == self._names else None


def _parameters(cls: Any) -> list[Field[Any]]:
    """The fields of a dataclass in the order of its parameters."""
    for each in fields(cls):
        if not each.init:
            raise TypeError(f"{cls.__qualname__}.{each.name}: only dataclasses.dataclass knows init=False")
    return sorted(fields(cls), key=attrgetter("kw_only"))


def _compile_init(cls: type, frozen: bool) -> Callable[..., None]:
    """The `__init__` of a dataclass."""
    names: dict[str, Any] = {"_missing": MISSING}
    parameters, lines = ["self"], []
    for each in _parameters(cls):
        if each.kw_only and "*" not in parameters:
            parameters.append("*")
        parameter, value = _parameter(each, names)
        parameters.append(parameter)
        if frozen:  # setting the slot directly bypasses the check
            names[f"_set_{each.name}"] = getattr(cls, each.name).__set__
        lines.append(f"_set_{each.name}(self, {value})" if frozen else f"self.{each.name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(_INIT.format(parameters=", ".join(parameters), body="\n ".join(lines or ["pass"])), names)
    made: Callable[..., None] = names["__init__"]
    return made


def _comparisons(cls: Any, frozen: bool, orders: Mapping[str, Callable[[Any, Any], bool]]) -> dict[str, Any]:
    """The methods that compare objects of one class by their fields; only frozen classes have a hash."""
    compared = [each.name for each in fields(cls) if each.compare]
    key: Callable[[Any], Any] = attrgetter(*compared) if compared else lambda _: ()

    def by(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
        return lambda self, other: (
            compare(key(self), key(other)) if other.__class__ is self.__class__ else NotImplemented
        )

    made = {name: by(compare) for name, compare in {"__eq__": eq, **orders}.items()}
    return {**made, "__hash__": (lambda self: hash(key(self))) if frozen else None}


def _parameter(each: Field[Any], names: dict[str, Any]) -> tuple[str, str]:
    """A field as parameter and value in source text; the objects that they need are stored under names."""
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


#: The methods of frozen classes; copies bypass the refusals to restore their fields.
_FROZEN: dict[str, Callable[..., Any]] = {
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _restore,
}
