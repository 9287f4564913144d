"""Page: a web page on stream, from a folder or an address, kept alive in spite of its failures."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from retake_flow.backoff import Backoff
from retake_flow.errors import InputError, NotReady, StudioError
from retake_flow.redact import require_no_secret
from retake_flow.studio.browser.browser import Browser
from retake_flow.studio.browser.source import AllowedHosts, Source, source_of
from retake_flow.tasks import end

#: How long a page may not answer before it is given a new renderer.
_PATIENCE: Final = Backoff(2.0, cap=30.0)
_ASKED_EVERY: Final = 0.5
_STEADY: Final = 60.0  # seconds after which earlier silence is forgotten
_UPDATES_WITHIN: Final = 5.0
LARGEST_STATE: Final = 1_000_000  # characters of JSON
_MOST_NOTED: Final = 20

Note = Callable[..., object]


#: Opens a browser for some hosts; it is told of refused requests and of loaded documents.
OpenBrowser = Callable[
    [AllowedHosts, Callable[[str, str], object], Callable[[], object]], AbstractAsyncContextManager[Browser]
]


class Page:
    """A web page on stream; a `retake_flow.ports.actions.Service`. Open it with `open_page`."""

    def __init__(self, opening: OpenBrowser, value: Mapping[str, Any], note: Note) -> None:
        self.painted = asyncio.Event()
        self._opening = opening
        self._value = value
        self._note = note
        self._noted: set[str] = set()
        self._stack = AsyncExitStack()
        self._browser: Browser | None = None
        self._source = Source("about:blank")
        self._state = ""
        self._given = ""
        self._changing = asyncio.Lock()
        self._stale = asyncio.Event()

    @property
    def value(self) -> Mapping[str, Any]:
        """The display and the address."""
        return {**self._value, "url": self._source.url}

    async def show(self, place: Path | str, allow: Sequence[str] = ()) -> None:
        """Show another page; the present one stays until the new one is painted.

        `place` is a folder with an `index.html`, or an address.

        Raises:
            InputError: The page cannot be one.
            StudioError: It cannot be loaded.
        """
        shown = source_of(place, allow)
        async with self._changing:
            self._given = ""
            if self._browser is not None and shown.hosts.entries <= self._browser.hosts.entries:
                await self._browser.show(shown)
            else:  # a browser's network knows its hosts from its start on
                await self._renew(shown)
            self._source = shown
        self.painted.set()

    async def update(self, state: Mapping[str, Any]) -> None:
        """Give a state to the page's function `update`. A page without one is left alone.

        The latest state is given again whenever the page is loaded again.

        Raises:
            SecretRefused: The state contains a secret.
            InputError: It is not JSON, or too large.
        """
        try:
            text = json.dumps(state, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"the data for the page is not JSON: {error}") from None
        if len(text) > LARGEST_STATE:
            raise InputError(f"the data for the page has more than {LARGEST_STATE} characters")
        require_no_secret("the data for the page", text)
        self._state = text
        self._stale.set()

    async def evaluate(self, expression: str, within: float = _UPDATES_WITHIN) -> Any:
        """The value of a JavaScript expression in the page.

        Raises:
            StudioError: The page does not answer, or the expression fails.
        """
        return await self._running.evaluate(expression, within)

    @property
    def pid(self) -> int:
        """The process id of Chromium, and of its process group."""
        return self._running.process.pid

    async def wait(self) -> str:
        """Wait until Chromium ends, and return why. A page that fails is loaded again meanwhile."""
        ended = asyncio.ensure_future(self._end())
        others = [asyncio.ensure_future(each) for each in (self._go_on_giving(), self._go_on_watching())]
        try:
            await asyncio.wait({ended, *others}, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                if other.done():
                    other.result()  # raises if there is a bug
            return await ended
        finally:
            await end(ended, *others)

    async def _end(self) -> str:
        """Wait until the browser that the page has by then ends, and return why."""
        while True:
            browser = self._running
            reason = await browser.process.wait()
            if browser is self._browser:
                return reason

    async def close(self) -> None:
        """End the browser."""
        await self._stack.aclose()

    @property
    def _running(self) -> Browser:
        assert self._browser is not None, "a page has a browser as soon as it shows something"
        return self._browser

    async def _renew(self, shown: Source) -> None:
        """Show a page in a browser of its own, and end the present one once it is painted."""
        async with AsyncExitStack() as stack:
            browser = await stack.enter_async_context(self._opening(shown.hosts, self._on_refused, self._on_loaded))
            await browser.show(shown)
            await browser.reveal()
            earlier, self._stack = self._stack, stack.pop_all()
        self._browser = browser
        await earlier.aclose()

    def _on_loaded(self) -> None:
        self._given = ""
        self._stale.set()

    def _on_refused(self, url: str, reason: str) -> None:
        """Record a refused request: each once, and a limited number, since a page can make up any."""
        if url not in self._noted and len(self._noted) < _MOST_NOTED:
            self._noted.add(url)
            self._note("page_refused", url=url, reason=reason)

    async def _go_on_giving(self) -> None:
        """Give the latest state to the page whenever either has changed."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            if self._state and self._state != self._given:
                await self._give(self._state)

    async def _give(self, state: str) -> None:
        call = f"typeof update == 'function' && (update({state}), true)"
        try:
            if await self._running.evaluate(call, _UPDATES_WITHIN):
                self._given = state
        except StudioError as error:
            if error.message not in self._noted and len(self._noted) < _MOST_NOTED:
                self._noted.add(error.message)
                self._note("notice", kind="screen", message=error.message)

    async def _go_on_watching(self) -> None:
        """Give the page a new renderer when its own has ended or does not answer."""
        loop = asyncio.get_running_loop()
        failures, failed_at = 0, -_STEADY
        while True:
            reason = await self._failure(self._running, _PATIENCE.wait(failures + 1))
            if not reason:
                continue
            now = loop.time()
            failures = 1 if now - failed_at >= _STEADY else failures + 1
            failed_at = now
            self._note("page_replaced", reason=reason)
            async with self._changing:
                try:
                    self._given = ""
                    await self._running.replace_renderer()
                except StudioError:
                    self._running.process.send_signal(signal.SIGKILL)
                    return

    async def _failure(self, browser: Browser, patience: float) -> str:
        """Wait until the renderer has ended or has not answered for `patience` seconds, and return which.

        Returns:
            "" when the page has another browser.
        """
        missed = 0
        while browser is self._browser:
            if self._changing.locked():
                missed = 0
                await asyncio.sleep(_ASKED_EVERY)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASKED_EVERY):
                    await browser.crashed.wait()
                    return "its renderer has ended"
            try:
                await browser.evaluate("1", _ASKED_EVERY)
                missed = 0
            except NotReady:
                missed += 1
                if missed * 2 * _ASKED_EVERY >= patience:
                    return f"it has not answered for {patience:g} s"
            except StudioError:
                await asyncio.sleep(_ASKED_EVERY)
        return ""


@asynccontextmanager
async def open_page(
    opening: OpenBrowser,
    value: Mapping[str, Any],
    place: Path | str,
    allow: Sequence[str] = (),
    state: Mapping[str, Any] | None = None,
    note: Note = lambda event, **fields: None,
) -> AsyncIterator[Page]:
    """A page, once something of it is painted.

    `value` is the data about the page for others; `place`, `allow` and `state` are as for `show` and `update`.

    Raises:
        InputError: The page cannot be one.
        StudioError: It cannot be shown.
    """
    page = Page(opening, value, note)
    try:
        if state:
            await page.update(state)
        await page.show(place, allow)
        yield page
    finally:
        await page.close()
