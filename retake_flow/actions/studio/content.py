"""Content actions: the default content of the stream, with its texts and scenes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final, Protocol, Self

from retake_flow.actions.base import Family
from retake_flow.backoff import Backoff
from retake_flow.errors import InputError, RetakeFlowError
from retake_flow.flow.schema.builders import SCENES
from retake_flow.ports.actions import Call, Completion, Service
from retake_flow.quick_dataclasses import dataclass
from retake_flow.stage import PAGE
from retake_flow.stage.feed import Feed, Update, presenting
from retake_flow.studio.layout import Placed
from retake_flow.tasks import end

_COVER: Final = Placed("the page over the content")
_TITLED: Final = ("title", "note")


class Log(Protocol):
    """The stream log; `retake_flow.studio.studio.Studio` has a real one."""

    def content(self) -> AbstractAsyncContextManager[Service]:
        """Start a window on the display that shows the stream log."""

    def say(self, text: str) -> None:
        """Write a text into the stream log."""


class Page(Service, Protocol):
    """A web page on the display."""

    async def update(self, state: Mapping[str, Any]) -> None:
        """Give the page a state."""


class Pages(Protocol):
    """Opens pages; `retake_flow.studio.screen.Screen` opens real ones."""

    @property
    def browses(self) -> bool:
        """Whether a page can be shown."""

    def page(
        self, place: Path | str, allow: Sequence[str] = ..., *, placed: Placed = ..., note: Callable[..., object]
    ) -> AbstractAsyncContextManager[Page]:
        """Show a web page from a folder, or an address."""

    async def switch(self, scene: str) -> None:
        """Show the windows of a scene."""


@dataclass(frozen=True, slots=True)
class Content:
    """The default content: the stage, or the stream log.

    Attributes:
        value: The value of the window, with the content that it `shows`, and whether it can have `pages` over it.
    """

    service: Service
    value: Mapping[str, Any]

    async def wait(self) -> str:
        """Wait until it ends, and return why."""
        return await self.service.wait()


class ContentActions(Family):
    """The default content of one run's stream.

    Args:
        seen: Called with the scene that viewers see whenever it changes; "" for none.
    """

    def __init__(
        self,
        log: Log,
        pages: Pages,
        feed: Feed,
        paint: FirstPaint,
        now: Callable[[], float],
        browses: Callable[[], bool] = lambda: False,
        seen: Callable[[str], None] | None = None,
    ) -> None:
        self._log = log
        self._pages = pages
        self._feed = feed
        self._paint = paint
        self._now = now
        self._browses = browses
        self._tell_seen = seen
        self._unshown = ""
        self.tasks = {"studio.scene": self.scene, "studio.show": self.show}
        self.services = {"studio.content": self.content}

    @asynccontextmanager
    async def content(self, call: Call) -> AsyncIterator[Service]:
        """Show the stage, or the stream log if the flow asks for it or no page can be shown."""
        async with AsyncExitStack() as stack:
            yield await self._stage(call, stack) or await self._window(call, stack)

    async def _stage(self, call: Call, stack: AsyncExitStack) -> Service | None:
        """The stage; None when the stream log is to be shown instead."""
        wanted = call.inputs["as"]
        if wanted == "log" or (wanted == "auto" and not self._browses()):
            return None
        self._feed.begin({**(call.inputs.get("data") or {}), **_given_inputs(call, "title", "theme")})
        folder = call.inputs.get("folder")
        try:
            with self._paint.expect():
                opening = self._pages.page(Path(str(folder)) if folder else PAGE, note=call.note)
                page = await stack.enter_async_context(opening)
        except RetakeFlowError as error:
            if wanted == "stage":
                raise
            self._tell(call, error)
            return None
        await self._present(call, stack, page.update)
        return Content(page, {**page.value, "shows": "stage", "pages": True})

    async def _window(self, call: Call, stack: AsyncExitStack) -> Service:
        window = await stack.enter_async_context(self._log.content())
        await self._present(call, stack)
        return Content(window, {**window.value, "shows": "log", "pages": self._pages.browses})

    async def _present(self, call: Call, stack: AsyncExitStack, update: Update | None = None) -> None:
        """Keep the windows and pages in step with the current scene."""
        self._feed.recall()

        def tell(message: str) -> None:
            call.note("notice", kind="screen", message=message)

        opening = partial(self._pages.page, placed=_COVER, note=call.note)
        cover = await stack.enter_async_context(CoveringPage(opening, tell))

        async def present(state: Mapping[str, Any]) -> None:
            cover.show(self._feed.page(self._now()))
            self._follow_scene(self._feed.scenes.visible(self._now()))
            try:
                await self._pages.switch(str(state["scene"]))
            finally:
                if update is not None:
                    await update(state)

        # A log is not painted anew, so no picture has to wait for it.
        changed = (lambda: None) if update is None else self._paint.changes
        await stack.enter_async_context(presenting(self._feed, present, self._now, changed))

    def _follow_scene(self, scene: str) -> None:
        """Report the scene that viewers see, if it has changed."""
        if scene != self._paint.scene:
            self._paint.change_scene(scene)
            if self._tell_seen is not None:
                self._tell_seen(scene)

    def _tell(self, call: Call, error: RetakeFlowError) -> None:
        """Report once that the stage cannot be shown."""
        if error.message != self._unshown:
            self._unshown = error.message
            hint = f" ({error.hint})" if error.hint else ""
            message = f"The stream shows its log, since the stage cannot be shown: {error.message}{hint}"
            call.note("notice", kind="screen", message=message)

    async def show(self, call: Call) -> Completion:
        """Write a line on the stream, and change its title; the stage reads both from the journal."""
        self._log.say(str(call.inputs["text"]))
        if call.inputs.get("title"):
            call.note("scene_set", data=_given_inputs(call, "title"))
        return Completion()

    async def scene(self, call: Call) -> Completion:
        """Change the scene, and what is set on it; the stage reads it from the journal."""
        data = dict(call.inputs.get("data") or {})
        call.note("scene_set", **_given_inputs(call, "to"), data=data)
        for name in _TITLED:
            if data.get(name):
                self._log.say(str(data[name]))
        return Completion()


def _given_inputs(call: Call, *names: str) -> dict[str, Any]:
    return {name: call.inputs[name] for name in names if call.inputs.get(name)}


_AGAIN: Final = Backoff(2.0, cap=30.0)

Opening = Callable[[str], AbstractAsyncContextManager[Service]]


class CoveringPage:
    """A page over the content, none at first; it is gone when its context is left.

    Args:
        tell: Called once with the message of each failure.
    """

    def __init__(self, opening: Opening, tell: Callable[[str], None]) -> None:
        self._opening = opening
        self._tell = tell
        self._url = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._reported: set[str] = set()

    def show(self, url: str) -> None:
        """Show the page of an address in place of the present one; "" for none."""
        if url == self._url:
            return
        self._url, earlier = url, tuple(self._tasks)
        if url:
            task = asyncio.create_task(self._keep(url, earlier), name="covering page")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            _cancel(earlier)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(*self._tasks)

    async def _keep(self, url: str, earlier: tuple[asyncio.Task[None], ...]) -> None:
        """Show a page until cancelled, and again whenever it fails; an earlier page stays until this one is open."""
        failures = 0
        while True:
            try:
                async with self._opening(url) as page:
                    _cancel(earlier)
                    failures, reason = 0, await page.wait()
            except InputError as error:
                return self._report(error.message)
            except RetakeFlowError as error:
                reason = error.message
            finally:
                _cancel(earlier)
            self._report(reason)
            failures += 1
            await asyncio.sleep(_AGAIN.wait(failures))

    def _report(self, reason: str) -> None:
        message = f"The page over the content is not shown: {reason}"
        if message not in self._reported:
            self._reported.add(message)
            self._tell(message)


def _cancel(tasks: tuple[asyncio.Task[None], ...]) -> None:
    for task in tasks:
        task.cancel()


#: The seconds within which a page shows a change: updates are 0.1 s apart, and painting takes a few frames.
SETTLES: Final = 0.2
#: The longest wait for a page that changes all the time, in seconds.
LONGEST_SETTLING: Final = 2.0


class FirstPaint:
    """Knows whether a page is being opened, when it changed last, and which scene it shows.

    Attributes:
        scene: The scene that viewers see; "" for none.
    """

    def __init__(self) -> None:
        self.scene = ""
        self._scene_changed = asyncio.Event()
        self._painted = asyncio.Event()
        self._painted.set()
        self._changed_at = -inf

    @property
    def pending(self) -> bool:
        """Whether a page is being opened."""
        return not self._painted.is_set()

    @contextmanager
    def expect(self) -> Iterator[None]:
        """Count a page as being opened for as long as the context lasts."""
        self._painted.clear()
        try:
            yield
        finally:
            self._painted.set()
            self.changes()

    def changes(self) -> None:
        """Record that the page changes now."""
        self._changed_at = asyncio.get_running_loop().time()

    def change_scene(self, scene: str) -> None:
        """Record that the page changes to a scene now."""
        self.scene = scene
        self.changes()
        self._scene_changed.set()

    async def until_live_scene(self) -> None:
        """Wait while the page shows the scene before the start, of a recovery or of the end."""
        while self.scene in SCENES and self.scene != "live":
            self._scene_changed.clear()
            await self._scene_changed.wait()

    async def wait(self, seconds: float) -> None:
        """Wait until a page that is being opened is painted and has settled, but at most `seconds`."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._painted.wait()
        latest = loop.time() + min(seconds, LONGEST_SETTLING)
        while (left := min(self._changed_at + SETTLES, latest) - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
