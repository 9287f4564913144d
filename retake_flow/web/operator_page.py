"""The operator's page: its routes and their handlers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from retake_flow.errors import RetakeFlowError, StoreError
from retake_flow.monitor.brief import brief
from retake_flow.redact import Secret
from retake_flow.run.errors import AlreadyAnswered, GateUnknown, RunUnknown
from retake_flow.settings import Settings, variables
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.web import run_view, writes
from retake_flow.web.charts import StateCharts
from retake_flow.web.desk import Desk
from retake_flow.web.guard import ENTER, Guard, clean_name, keep_name, known_name, name_of
from retake_flow.web.live_run import contact_sheet
from retake_flow.web.run_list import KINDS, RunList
from retake_flow.web.templates import page, refusal, wants_json
from retake_flow.web.writes import WRITES, Write
from retake_flow.wiring.children import take_picture

_STATIC: Final = Path(__file__).parent / "static"
_FILES: Final = ("page.css", "page.js", "icon.svg")
#: Seconds for which a picture is reused.
_PICTURE_LASTS: Final = 3.0
_BEAT: Final = 15.0
#: Addresses to which a browser may be redirected after it got the cookie.
_OWN: Final = re.compile(r"/runs/[\w.-]+", re.ASCII)
_MOST_STREAMS: Final = 64


class Page:
    """The operator's page.

    Attributes:
        app: The page as an ASGI application.
        ended: Ends the event streams once it is set: a server waits for them.
    """

    def __init__(self, settings: Settings, token: Secret, port: int, *, read_only: bool) -> None:
        self.ended = asyncio.Event()
        self._read_only = read_only
        self._desk = Desk(settings)
        self._charts = StateCharts()
        self._launcher = Launcher("page", variables())
        self._pictures: dict[str, tuple[float, bytes | None]] = {}
        self._taking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # one for each run
        self._streams = 0
        self._runs = RunList()
        routes = [
            Route("/", self._list),
            Route(ENTER, self._enter, methods=["GET", "POST"]),
            Route("/name", self._name, methods=["POST"]),
            Route("/static/{name}", _static),
            Route("/runs/{run}", self._run),
            Route("/runs/{run}/events", self._events),
            Route("/runs/{run}/picture.jpg", self._picture),
            Route("/runs/{run}/sheet.png", self._sheet),
            *(Route(f"/runs/{{run}}/{end}", self._writing(write), methods=["POST"]) for end, write in WRITES.items()),
            Route("/runs/{run}/{what}", self._end, methods=["POST"]),
        ]
        pages = Starlette(
            routes=routes,
            exception_handlers={RetakeFlowError: _refusal, HTTPException: _not_found},
            lifespan=self._lifespan,
        )
        self._guard = Guard(pages, token, port, settings.page, read_only=read_only)
        self.app: ASGIApp = self._guard

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self._desk.close()

    # --- what is shown --------------------------------------------------------------------------------------

    async def _enter(self, request: Request) -> Response:
        """Exchange the token for a cookie, so that it leaves the address bar at once."""
        form = await request.form(max_files=0)
        given = request.query_params.get("token") or str(form.get("token", ""))
        goal = str(form.get("goal", ""))
        goal = goal if _OWN.fullmatch(goal) else "/"
        if not given:
            return page("enter.html", title="Enter", wrong=False, goal=goal)
        if not self._guard.may_guess():
            return refusal(request, 429, "Too many tokens were tried; wait a minute.")
        if not self._guard.is_token(given):
            return page("enter.html", status=403, title="Enter", wrong=True, goal=goal)
        response = RedirectResponse(goal, 303)
        self._guard.set_cookie(request, response.headers)
        if name := clean_name(request.query_params.get("name") or str(form.get("name", ""))):
            keep_name(response.headers, name)
        return response

    async def _name(self, request: Request) -> Response:
        """Store the name of the person who looks at the page."""
        form = await request.form(max_files=0)
        goal = str(form.get("goal", ""))
        response = RedirectResponse(goal if _OWN.fullmatch(goal) else "/", 303)
        keep_name(response.headers, clean_name(str(form.get("name", ""))))
        return response

    async def _list(self, request: Request) -> Response:
        """All runs."""
        asked = request.query_params
        kind = asked.get("kind", "all") if asked.get("kind") in KINDS else "all"
        number = asked.get("page", "")
        at = int(number) if number.isascii() and number.isdecimal() and 0 < len(number) < 6 else 1
        words = asked.get("words", "")[:100]

        found = await self._desk.do(lambda desk: self._runs.read(desk.store, words=words, kind=kind, page=max(1, at)))
        if wants_json(request):
            return JSONResponse(found)
        return page("list.html", title="Runs", now=time.time(), **found)

    async def _run(self, request: Request) -> Response:
        """One run."""
        run = await self._find(request)
        if wants_json(request):
            return JSONResponse(await self._desk.do(lambda desk: _brief(desk, run)))
        stored = await self._desk.do(lambda desk: desk.store.load(run))
        chart = await self._charts.chart(stored.run.digest, stored.flow_text)
        name = known_name(request)
        return await self._desk.do(lambda desk: self._page(desk, run, chart=chart, person=name))

    def _page(self, desk: Desk, run: str, **more: Any) -> Response:
        live = desk.run(run)
        live.look(now=True)
        stored = live.followed.stored
        flow = self._charts.readable(stored)
        controls: dict[str, Any] = {"events": run_view.event_forms(flow), "scenes": run_view.scenes(flow)}
        view = run_view.page_data(live, self._charts, read_only=self._read_only)
        return page("run.html", title=stored.agent or run, **controls, **view, **more)

    async def _events(self, request: Request) -> Response:
        """The event stream of a run. The id of an event is the number of a record."""
        run = await self._find(request)
        after = request.headers.get("last-event-id") or request.query_params.get("after", "")
        if self._streams >= _MOST_STREAMS:
            return refusal(request, 503, "Too many pages are open.")
        stream = self._stream(run, int(after) if after.isascii() and after.isdecimal() and len(after) < 12 else 0)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _stream(self, run: str, after: int) -> AsyncIterator[str]:
        changed, parts = asyncio.Event(), run_view.Parts(after, self._charts, read_only=self._read_only)
        changed.set()
        self._streams += 1
        await self._desk.watch(run, changed)
        stopping = asyncio.create_task(self.ended.wait())
        try:
            yield "retry: 1000\n\n"
            while not self.ended.is_set():
                if changed.is_set():
                    changed.clear()
                    news, over = await self._desk.do(lambda desk: parts.news(desk.run(run)))
                    if news:
                        yield "".join(news)
                    if over:
                        return
                waiting = asyncio.create_task(changed.wait())
                await asyncio.wait({waiting, stopping}, timeout=_BEAT, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if not changed.is_set():
                    yield ": still here\n\n"
        finally:
            stopping.cancel()
            self._streams -= 1
            self._desk.unwatch(run, changed)

    async def _picture(self, request: Request) -> Response:
        """A picture of a run's display."""
        run = await self._find(request)
        async with self._taking.setdefault(run, asyncio.Lock()):
            at, picture = self._pictures.get(run, (0.0, None))
            if time.monotonic() - at > _PICTURE_LASTS:
                picture = await take_picture(self._launcher, run)
                self._pictures = {**dict(list(self._pictures.items())[-8:]), run: (time.monotonic(), picture)}
        if picture is None:
            return Response(status_code=404)
        return Response(picture, media_type="image/jpeg")

    async def _sheet(self, request: Request) -> Response:
        """The frames of an ended rehearsal."""
        run = await self._find(request)
        sheet = await self._desk.do(lambda desk: contact_sheet(desk.store.load(run).run))
        return Response(status_code=404) if sheet is None else FileResponse(sheet, media_type="image/png")

    # --- what is done ---------------------------------------------------------------------------------------

    def _writing(self, write: Callable[[Write], str]) -> Callable[[Request], Awaitable[Response]]:
        """The handler that carries a request out."""

        async def handle(request: Request) -> Response:
            run = await self._find(request)
            form = await request.form(max_files=0)
            about = self._charts, run, request.path_params.get("what", ""), form, name_of(request, form)
            said = await self._desk.do(lambda desk: write(Write(desk.store, *about)))
            return await self._confirmation(request, run, said)

        return handle

    async def _end(self, request: Request) -> Response:
        run, what = await self._find(request), request.path_params["what"]
        match what:
            case "stop" | "kill":
                said = await writes.end(self._desk, run, what)
            case "resume":
                said = await writes.go_on(self._desk, run)
            case _:
                raise HTTPException(404)
        return await self._confirmation(request, run, said)

    async def _confirmation(self, request: Request, run: str, said: str) -> Response:
        await self._desk.look_now(run)
        return (
            JSONResponse({"ok": True, "message": said})
            if wants_json(request)
            else RedirectResponse(f"/runs/{run}", 303)
        )

    async def _find(self, request: Request) -> str:
        name = request.path_params["run"]
        return await self._desk.do(lambda desk: desk.store.find(name))


def _brief(desk: Desk, run: str) -> dict[str, Any]:
    live = desk.run(run)
    live.look(now=True)
    return brief(live.followed)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        return Response(status_code=404)
    return FileResponse(_STATIC / name, headers={"cache-control": "no-cache"})


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RetakeFlowError)
    return refusal(request, _status(error), error.message, error.hint)


def _status(error: RetakeFlowError) -> int:
    match error:
        case RunUnknown():
            return 404
        case AlreadyAnswered() | GateUnknown():
            return 409
        case StoreError():
            return 503
        case _:
            return 422


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = error.detail if error.status_code == 400 else "There is no such page."
    return refusal(request, error.status_code, message)
