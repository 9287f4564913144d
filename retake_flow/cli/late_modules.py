"""Late modules: modules of the standard library that others import and hardly use; they are executed at first use.

Jinja2 imports `tempfile` to keep bytecode in files, and SQLAlchemy `importlib.metadata`, with email and ZIP files, to
find the dialects of others. Nothing here needs either, and executing both takes as long as starting Python.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

_WAITING = "__late__"  # of a module that was not executed yet
_executing = RLock()


class _LateModule(ModuleType):
    """Module that is executed when somebody asks for what is in it."""

    def __getattr__(self: Any, name: str) -> Any:
        with _executing:  # another thread waits until everything is there
            if self.__dict__.pop(_WAITING, False):
                self.__spec__.loader.exec_module(self)
                self.__class__ = ModuleType
        return ModuleType.__getattribute__(self, name)


def postpone(*names: str) -> None:
    """Execute these modules not when they are imported, but when they are used.

    What they import must not use any of them while it is imported itself. Modules that are already there stay as they
    are. `importlib.util.LazyLoader` executes a module when it is imported for the second time.
    """
    for name in names:
        spec = find_spec(name) if name not in sys.modules else None
        if spec is not None:
            module = module_from_spec(spec)
            module.__dict__[_WAITING] = True
            module.__class__ = _LateModule
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, module)  # as an import does; DBOS uses it as an attribute
