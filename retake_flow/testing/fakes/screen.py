"""The fake windows of a fake studio, and the files that they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from retake_flow.testing.fakes.studio_programs import Program

Run = Callable[[str, Mapping[str, Any]], AbstractAsyncContextManager[Program]]


class FakeMedia:
    """Any files, with the interface of `retake_flow.studio.media.Media`."""

    def folder(self, name: str) -> Path:
        """A folder with a page."""
        return Path(name)


class FakeScreen:
    """The windows of a fake studio, with the interface of `retake_flow.studio.screen.Screen`.

    Args:
        run: Runs a program of `PARTS` with a given value.
        display: Gives the name of the running display.
    """

    def __init__(self, run: Run, display: Callable[[], str]) -> None:
        self._run = run
        self._display = display
        self.media = FakeMedia()
        self.browses = True

    def divide(self, scenes: Mapping[str, Sequence[str]]) -> None:
        """Take the scenes of a flow."""

    async def switch(self, scene: str) -> None:
        """Show the windows of a scene."""
        self.scene = scene

    def page(
        self, place: Path | str, allow: Sequence[str] = (), state: Mapping[str, Any] | None = None, **placed: Any
    ) -> AbstractAsyncContextManager[Program]:
        """A web page."""
        return self._window("page", url=str(place) if isinstance(place, str) else "https://stage.invalid/")

    def terminal(self, command: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """A terminal."""
        return self._window("terminal")

    def log(self, **how: Any) -> AbstractAsyncContextManager[Program]:
        """The stream log."""
        return self._window("content window")

    def program(self, command: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """A program with a window."""
        return self._window("program")

    def film(self, places: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """Films."""
        return self._window("player")

    def slides(self, places: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """Pictures."""
        return self._window("player")

    def music(self, places: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """Music."""
        return self._run("player", {"files": len(places)})

    def _window(self, part: str, **value: Any) -> AbstractAsyncContextManager[Program]:
        return self._run(part, {"display": self._display(), **value})
