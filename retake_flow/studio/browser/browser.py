"""Browser: a running Chromium with one window, whose requests and dialogs are answered here."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from retake_flow.errors import NotReady, ProcessFailed
from retake_flow.sanitize import cut
from retake_flow.studio.browser import chromium
from retake_flow.studio.browser.devtools import DevTools
from retake_flow.studio.browser.source import ORIGIN, AllowedHosts, Source
from retake_flow.studio.display import Display
from retake_flow.studio.layout import Area
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process
from retake_flow.tasks import end, time_limit

#: The longest time to load a page, and to paint something of it, in seconds.
LOADS_WITHIN: Final = 15.0
PAINTS_WITHIN: Final = 5.0
_CRASHES_WITHIN: Final = 1.0
_MOST_READ: Final = 4  # files at once, each of which is in memory as a whole
_SOON: Final = 0.02
#: A print dialog would cover the stream until it is closed, which nobody does.
_NO_PRINTING: Final = "window.print = () => {}"


class Browser:
    """A running Chromium with one window. Open it with `open_browser`.

    Args:
        hosts: The hosts that this browser can reach at all.
        loaded: Called whenever a document has loaded, also when the page navigates by itself.

    Attributes:
        reveal: Shows the window, which lies below all others until then.
    """

    def __init__(
        self, process: Process, hosts: AllowedHosts, refused: Callable[[str, str], object], loaded: Callable[[], object]
    ) -> None:
        self.process = process
        self.hosts = hosts
        self.devtools = DevTools(process.write, self._heard)
        self.crashed = asyncio.Event()
        self.reveal: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)
        self._refused = refused
        self._loaded = loaded
        self._source = Source("about:blank")
        self._session = self._target = ""
        self._seen: dict[str, set[str]] = {}  # the lifecycle events of the latest documents
        self._news = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Semaphore(_MOST_READ)

    async def prepare(self) -> None:
        """Attach to the window before it shows a page.

        Raises:
            StudioError: Chromium does not do it.
        """
        # For the browser as a whole, so that no worker or frame is forgotten.
        everything = {"patterns": [{"urlPattern": "*"}], "handleAuthRequests": True}
        await self.devtools.call("Fetch.enable", everything, within=LOADS_WITHIN)
        await self.devtools.call("Browser.setDownloadBehavior", {"behavior": "deny"})
        self._target = await self._window()
        attached = await self.devtools.call("Target.attachToTarget", {"targetId": self._target, "flatten": True})
        self._session = str(attached["sessionId"])
        await self._call("Page.enable")
        await self._call("Inspector.enable")
        await self._call("Page.setLifecycleEventsEnabled", {"enabled": True})
        await self._call("Page.setInterceptFileChooserDialog", {"enabled": True})
        await self._call("Page.addScriptToEvaluateOnNewDocument", {"source": _NO_PRINTING})
        await self.devtools.call("Target.setDiscoverTargets", {"discover": True})

    async def show(self, source: Source) -> None:
        """Show a page in place of the present one, which stays until the new one is painted.

        Raises:
            StudioError: It cannot be loaded.
        """
        if source.site is not self._source.site:
            # A service worker of another folder would answer for this one.
            left = {"origin": ORIGIN, "storageTypes": "service_workers,cache_storage"}
            await self._call("Storage.clearDataForOrigin", left)
        self._source = source
        self.crashed.clear()
        went = await self._call("Page.navigate", {"url": source.url}, within=LOADS_WITHIN)
        if failure := went.get("errorText"):
            raise ProcessFailed(f"the page {source.url} cannot be loaded: {failure}")
        await self._wait_until_painted(str(went.get("loaderId", "")))

    async def replace_renderer(self) -> None:
        """End the page's renderer, even one in an endless loop, and load the page in a new one.

        Raises:
            StudioError: Chromium does not do it.
        """
        if not self.crashed.is_set():
            self.devtools.send("Page.crash", session=self._session)
            try:
                async with time_limit(_CRASHES_WITHIN):
                    await self.crashed.wait()
            except TimeoutError:
                raise NotReady("Chromium cannot end the renderer of the page") from None
        await self.show(self._source)

    async def evaluate(self, expression: str, within: float) -> Any:
        """The value of a JavaScript expression in the page.

        Raises:
            StudioError: The page does not answer, or the expression fails.
        """
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = await self._call("Runtime.evaluate", asked, within=within)
        if failed := answer.get("exceptionDetails"):
            about = failed.get("exception", {}).get("description") or failed.get("text")
            raise ProcessFailed(f"the page failed: {cut(str(about).partition(chr(10))[0], 200)}")
        return answer.get("result", {}).get("value")

    async def close(self) -> None:
        """Stop answering."""
        self.devtools.close("Chromium has been ended")
        await end(*self._answering)

    async def _call(
        self, method: str, params: Mapping[str, Any] | None = None, within: float = LOADS_WITHIN
    ) -> Mapping[str, Any]:
        return await self.devtools.call(method, params, session=self._session, within=within)

    async def _window(self) -> str:
        while True:  # for as long as the launcher waits until it is ready
            found = await self.devtools.call("Target.getTargets")
            for target in found.get("targetInfos", ()):
                if target.get("type") == "page":
                    return str(target["targetId"])
            await asyncio.sleep(_SOON)

    async def _wait_until_painted(self, document: str) -> None:
        """Wait until something of a document is painted; the wait is limited, since an empty one never is."""
        with suppress(TimeoutError):
            async with time_limit(PAINTS_WITHIN):
                while "firstPaint" not in self._seen.get(document, ()) and not self.crashed.is_set():
                    self._news.clear()
                    await self._news.wait()

    # --- events ---------------------------------------------------------------------------------------------

    def _heard(self, method: str, params: Mapping[str, Any], session: str) -> None:
        match method:
            case "Fetch.requestPaused":
                task = asyncio.ensure_future(self._answer(params, session))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case "Fetch.authRequired":
                answer = {"requestId": params["requestId"], "authChallengeResponse": {"response": "CancelAuth"}}
                self.devtools.send("Fetch.continueWithAuth", answer, session=session)
            case "Page.javascriptDialogOpening":
                leaving = params.get("type") == "beforeunload"
                self.devtools.send("Page.handleJavaScriptDialog", {"accept": leaving}, session=session)
            case "Inspector.targetCrashed":
                self.crashed.set()
                self._news.set()
            case "Target.targetCreated":
                self._close_other(params.get("targetInfo", {}))
            case "Page.lifecycleEvent" if params.get("frameId") == self._target:
                self._saw(str(params.get("loaderId")), str(params.get("name")))

    def _saw(self, document: str, event: str) -> None:
        self._seen.setdefault(document, set()).add(event)
        while len(self._seen) > 4:
            del self._seen[next(iter(self._seen))]
        self._news.set()
        if event in ("DOMContentLoaded", "load"):
            self._loaded()

    def _close_other(self, target: Mapping[str, Any]) -> None:
        if target.get("type") == "page" and target.get("targetId") != self._target:
            self.devtools.send("Target.closeTarget", {"targetId": target["targetId"]})

    async def _answer(self, params: Mapping[str, Any], session: str) -> None:
        url, request = str(params.get("request", {}).get("url", "")), {"requestId": params.get("requestId")}
        async with self._reading:
            answer = await asyncio.to_thread(self._source.answer, url)
        if answer is None:
            self.devtools.send("Fetch.continueRequest", request, session=session)
            return
        if answer.reason and not url.endswith("/favicon.ico"):
            self._refused(_without_query(url), answer.reason)
        if answer.status == 403:
            # A page that navigates elsewhere stays, instead of being replaced by an error page of Chromium.
            going = params.get("resourceType") == "Document"
            failed = {**request, "errorReason": "Aborted" if going else "BlockedByClient"}
            self.devtools.send("Fetch.failRequest", failed, session=session)
            return
        headers = {"Content-Type": answer.type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        listed = [{"name": name, "value": value} for name, value in headers.items()]
        body = base64.b64encode(answer.body).decode("ascii")
        filled = {**request, "responseCode": answer.status, "responseHeaders": listed, "body": body}
        self.devtools.send("Fetch.fulfillRequest", filled, session=session)


@asynccontextmanager
async def open_browser(
    launcher: Launcher,
    display: Display,
    area: Area,
    hosts: AllowedHosts,
    sound: Mapping[str, str],
    *,
    refused: Callable[[str, str], object],
    loaded: Callable[[], object],
    sandbox: bool = True,
) -> AsyncIterator[Browser]:
    """A browser with an empty window. Its folder is gone when the context is left.

    `refused` receives the address and the reason of each refused request.

    Raises:
        MissingProgram: Chromium is not installed.
        HostError: This machine does not let it start.
        ProcessFailed, NotReady: It does not start.
    """
    chromium.require(launcher.environment)
    async with AsyncExitStack() as stack:
        own = stack.enter_context(chromium.browser_folder())
        entrance = {"DISPLAY": display.name, "XAUTHORITY": str(chromium.keep_authority(own, display.authority.cookie))}
        spec = chromium.specification(own, area, hosts, entrance, sound, sandbox=sandbox)
        opened: list[Browser] = []
        early = bytearray()

        def hear(data: bytes) -> None:
            if opened:
                opened[0].devtools.receive(data)
            else:
                early.extend(data)

        async def ready(process: Process) -> None:
            opened.append(Browser(process, hosts, refused, loaded))
            hear(bytes(early))
            await opened[0].prepare()

        process = await stack.enter_async_context(launcher.process(spec, ready, stdout=hear))
        stack.push_async_callback(opened[0].close)
        dying = asyncio.ensure_future(_closed_with(process, opened[0]))
        stack.callback(dying.cancel)
        yield opened[0]


async def _closed_with(process: Process, browser: Browser) -> None:
    """Fail what waits for the browser when it ends."""
    browser.devtools.close(await process.wait())


def _without_query(url: str) -> str:
    """An address without its user and its query, which may be private."""
    parts = urlsplit(url)
    return cut(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", 200) if parts.netloc else cut(url, 40)
