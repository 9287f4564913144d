"""Startup: what makes commands start quickly: modules that are executed at first use, and rare garbage collection.

Jinja2 imports `tempfile` to keep bytecode in files, and SQLAlchemy `importlib.metadata`, with email and ZIP files, to
find the dialects of others. Nothing here needs either, and executing both takes as long as starting Python.
"""

from __future__ import annotations

import gc
import sys
from _thread import RLock
from functools import partial
from types import ModuleType
from typing import Any

_USUAL = gc.get_threshold()
_RARE = 500_000  # new objects between two collections; a resume creates 230,000
_STATE = "__late__"  # attribute of a module that was not executed yet
_WAITING, _UNDER_WAY = "waiting", "under way"
_executing = RLock()
#: Attributes that the import system and inspections of `sys.modules` read: known without executing the module.
_KNOWN = frozenset(
    f"__{name}__" for name in ("spec", "class", "dict", "name", "path", "loader", "package", "file", "cached")
)
#: A function that Jinja2 imports from a module: only calling it counts as a use of the module.
_TAKEN = {"inspect": "getattr_static"}


class _LateModule(ModuleType):
    """Module that is executed when one of its attributes is read or set."""

    def __getattribute__(self, name: str) -> Any:
        if name == _TAKEN.get(ModuleType.__getattribute__(self, "__name__")):
            return partial(_call, self, name)
        if name not in _KNOWN:
            _execute(self)
        return ModuleType.__getattribute__(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        _execute(self)  # executing later would overwrite the value
        ModuleType.__setattr__(self, name, value)


def _execute(module: ModuleType) -> None:
    """Execute a module once. Other threads wait until it is complete."""
    inside: dict[str, Any] = module.__dict__
    with _executing:
        if inside.get(_STATE) != _WAITING:
            return
        try:
            inside[_STATE] = _UNDER_WAY
            inside["__spec__"].loader.exec_module(module)
            del inside[_STATE]
            module.__class__ = ModuleType
        finally:
            if _STATE in inside:  # it failed or was interrupted: the next use tries again
                inside[_STATE] = _WAITING


def _call(module: ModuleType, name: str, *given: Any, **named: Any) -> Any:
    _execute(module)
    return getattr(module, name)(*given, **named)


def postpone_modules(*names: str) -> None:
    """Execute these modules when they are first used, not when they are imported.

    Their own imports must not use any of them at import time. Modules that are already imported are left alone.
    (`importlib.util.LazyLoader` does not help: it executes a module when it is imported for the second time.)
    """
    from importlib.util import find_spec, module_from_spec

    for name in names:
        spec = find_spec(name) if name not in sys.modules else None
        if spec is not None:
            module = module_from_spec(spec)
            module.__dict__[_STATE] = _WAITING
            module.__class__ = _LateModule
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, module)  # as an import does; DBOS uses it as an attribute


def postpone_garbage() -> None:
    """Collect rarely: starting and checking keep most objects, so that collections take long and free little."""
    gc.set_threshold(_RARE)


def settle_garbage() -> None:
    """Collect as usual from now on, but skip the present objects, which stay until the end."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
