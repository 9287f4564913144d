"""Function responder: a Python function of the operator's answers chat."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from retake_flow.errors import ResponderFailed, ResponderMissing
from retake_flow.flow import duration
from retake_flow.ports.responders import Answer, Batch
from retake_flow.redact import scrub
from retake_flow.responders import replies
from retake_flow.responders.schema import THINKS
from retake_flow.sanitize import cut, one_line, strip_controls
from retake_flow.tasks import run_in_thread

_HINT = f"it takes a batch as a dict and gives a list of texts, {replies.FORM} as a dict, or None"


@asynccontextmanager
async def open_responder(folder: Path, settings: Mapping[str, Any]) -> AsyncIterator[Function]:
    """The function that a flow names.

    Raises:
        ResponderMissing: It cannot be found.
    """
    found = function(settings["module"], folder)
    yield Function(settings["module"], found, duration.seconds(settings.get("timeout", THINKS)), folder)


def function(name: str, folder: Path) -> Callable[[dict[str, Any]], Any]:
    """The function named `MODULE:FUNCTION`; its module is looked up among installed packages and in the folder.

    The module's own imports are found there too, also later.

    Raises:
        ResponderMissing: It does not exist, or its module cannot be imported.
    """
    module, _, attribute = name.partition(":")
    place = str(folder.absolute())
    if place not in sys.path:
        sys.path.append(place)  # last, so that no file there hides our own imports
    importlib.invalidate_caches()
    try:
        imported = importlib.import_module(module)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        message = f"the responder's module {module} cannot be imported: {blame(error, folder)}"
        raise ResponderMissing(
            message, hint=f"it is looked up among the installed modules and in {one_line(place)}"
        ) from None
    _require_unhidden(module, folder)
    found = getattr(imported, attribute, None)
    if not callable(found):
        raise ResponderMissing(f"the responder's module {module} has no function {attribute!r}", hint=_HINT)
    return found  # type: ignore[no-any-return]


def blame(error: BaseException, folder: Path) -> str:
    """An error in the operator's code, with the line of that code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(folder.absolute())]
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{Path(error.filename).name}:{error.lineno}: "
    else:
        where = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}: " if inside else ""
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    words = " ".join(
        scrub(strip_controls(f"{type(error).__name__}: {reason}" if reason else type(error).__name__)).split()
    )
    return f"{where}{cut(words, 300)}"


class Function:
    """Asks the function; a `retake_flow.ports.responders.Responder`.

    A plain function runs in its own thread, so that it delays nothing. A function that does not return is not called
    again until it has, and keeps no process from ending.
    """

    def __init__(self, name: str, function: Callable[[dict[str, Any]], Any], within: float, folder: Path) -> None:
        self._name = name
        self._function = function
        self._within = within
        self._folder = folder
        self._busy = False

    async def respond(self, batch: Batch) -> Answer:
        """The function's replies to new messages.

        Raises:
            ResponderFailed: It raised an error, did not return in time, or gave something else.
        """
        if self._busy:
            raise ResponderFailed(f"{self._name} is still busy with an earlier batch", hint=_HINT)
        asked = asdict(batch)
        plain = not inspect.iscoroutinefunction(self._function)
        try:
            async with asyncio.timeout(self._within):
                given = await (self._run_in_thread(asked) if plain else self._await(asked))
        except TimeoutError:
            raise ResponderFailed(f"{self._name} gave no answer within {duration.exact(self._within)}") from None
        return self._answer(given)

    async def _await(self, asked: dict[str, Any]) -> Any:
        try:
            return await self._function(asked)
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            raise self._failure(error) from None

    async def _run_in_thread(self, asked: dict[str, Any]) -> Any:
        def work() -> Any:
            try:
                return self._function(asked)
            except BaseException as raised:
                raise self._failure(raised) from None
            finally:
                self._busy = False

        self._busy = True
        return await run_in_thread(work, "responder")

    def _failure(self, error: BaseException) -> ResponderFailed:
        if isinstance(error, ResponderFailed):
            return error
        return ResponderFailed(f"{self._name} failed: {blame(error, self._folder)}")

    def _answer(self, given: Any) -> Answer:
        value = {"replies": given} if isinstance(given, list | tuple) else given
        if isinstance(value, dict) and isinstance(value.get("replies"), tuple):
            value = {"replies": list(value["replies"])}
        answer = Answer() if value is None else replies.find_answer(value)
        if answer is None:
            shown = replies.excerpt(repr(given).encode(errors="replace"))
            raise ResponderFailed(f"{self._name} gave {shown}, which are no replies", hint=_HINT)
        return answer


def _require_unhidden(module: str, folder: Path) -> None:
    """Refuse a module that hides the one in the folder."""
    top = module.partition(".")[0]
    beside = [file for file in (folder / f"{top}.py", folder / top / "__init__.py") if file.is_file()]
    file = getattr(sys.modules.get(top), "__file__", None)
    if beside and not any(file is not None and Path(file).samefile(each) for each in beside):
        message = f"{one_line(str(beside[0]))} is hidden by another module called {top}"
        raise ResponderMissing(message, hint="give the file a name of its own")
