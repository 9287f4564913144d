"""The real-time connection over real sockets: what is heard, what becomes of it, and what is left."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
import socketio
from aiohttp import web
from bombs import bomb

from retake_flow.api.realtime import open_realtime
from retake_flow.errors import SettingsError
from retake_flow.redact import Secret
from retake_flow.rehearsal.server import serve
from retake_flow.rehearsal.setup.faults import SocketFault
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.setup.viewer_script import Cue

OWL = PreparedAgent("Owl", Secret("rtk_api_realtime_1"), "user_owl", token_address="TOKEN")
#: Seconds after which something that is waited for counts as not coming, also on a slow and busy machine.
WITHIN = 150
ROOMS = ("user_owl", "live_user_owl", "trades_TOKEN")


class Ear:
    """Hears a connection, and lets a test wait for what it hears."""

    def __init__(self):
        self.heard = []
        self._news = asyncio.Event()

    def on_connected(self):
        self._hear("connected")

    def on_lost(self, reason):
        self._hear("lost", reason)

    def on_event(self, event, payload):
        if event != "joinedRoom":
            self._hear(event, *payload)

    def _hear(self, *what):
        self.heard.append(what)
        self._news.set()

    async def until(self, condition):
        """Wait until a condition holds of what was heard."""
        async with asyncio.timeout(WITHIN):
            while not condition(self.heard):
                self._news.clear()
                await self._news.wait()

    def names(self):
        return [name for name, *_ in self.heard]


def play(scene):
    """Play `scene(ear)`; nothing is left of it but what it began itself."""

    async def main():
        before = asyncio.all_tasks()
        answer = await scene(Ear())
        await eventually(lambda: all(_is_the_servers(task) for task in asyncio.all_tasks() - before))
        return answer

    return asyncio.run(main())


def _is_the_servers(task):
    # The library's server lets a ping of its own run out.
    return "AsyncSocket" in task.get_coro().__qualname__


@asynccontextmanager
async def connected(server, ear):
    """A connection to a rehearsal that has joined the rooms."""
    async with open_realtime(server.address, lambda: ROOMS, ear):
        await ear.until(lambda heard: heard)
        await eventually(lambda: server.platform.rooms.occupied_rooms.issuperset(ROOMS))
        yield


async def eventually(condition):
    """Wait until a condition holds."""
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(handler):
    """A server of any kind, on loopback."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def act(server, **cue):
    """Have mira do something in the owl's stream."""
    server.platform.viewers.perform(server.platform.agents.by_id("user_owl"), Cue(0.0, "mira", **cue))


def test_events_are_heard_in_order(tmp_path):
    """Messages, tips, follows and trades of the agent's rooms are heard as the platform sends them."""

    async def scene(ear):
        async with serve(Options(agents=(OWL,), viewers=()), tmp_path) as server, connected(server, ear):
            for number in range(200):
                act(server, text=f"text {number}")
            act(server, type="tip", text="for you", amount=5.0)
            act(server, type="follow")
            await ear.until(lambda heard: heard[-1][0] == "user_followed")
        return ear

    ear = play(scene)
    assert ear.names() == ["connected", *["message"] * 201, "tip_received", "user_followed"]
    assert [each[1]["text"] for each in ear.heard[1:201]] == [f"text {number}" for number in range(200)]


def test_a_connection_that_breaks_comes_back(tmp_path):
    """Events after it has come back are heard again."""

    async def scene(ear):
        async with serve(Options(agents=(OWL,), viewers=()), tmp_path) as server, connected(server, ear):
            server.platform.rooms.drop()
            await ear.until(lambda heard: len(heard) > 2)
            await eventually(lambda: server.platform.rooms.occupied_rooms.issuperset(ROOMS))
            act(server, text="again")
            await ear.until(lambda heard: heard[-1][0] == "message")
        return ear

    assert play(scene).names() == ["connected", "lost", "connected", "message"]


@pytest.mark.parametrize("refused", [False, True])
def test_leaving_at_the_moment_of_the_connection_works(monkeypatch, refused):
    """A cancellation that the library swallows, its waiting being over just then, ends the connection all the same."""

    async def scene(ear):
        waits, over = asyncio.Event(), asyncio.Event()

        async def connect(*about, **more):
            waits.set()
            await asyncio.wait_for(over.wait(), WITHIN)
            if refused:
                raise socketio.exceptions.ConnectionError("refused")

        async def emit(*about, **more):
            """Nobody is there."""

        monkeypatch.setattr(socketio.AsyncClient, "connect", connect)
        monkeypatch.setattr(socketio.AsyncClient, "emit", emit)
        async with asyncio.timeout(WITHIN), open_realtime("http://127.0.0.1:9", lambda: ROOMS, ear):
            await waits.wait()
            over.set()
            await asyncio.sleep(0)
        return ear

    assert play(scene).heard == []


def test_a_platform_without_real_time_is_asked_again_and_again(tmp_path):
    """A missing path is no defect: it is reported, and tried again later."""

    async def scene(ear):
        async with (
            serve(Options(agents=(OWL,), viewers=(), realtime=False), tmp_path) as server,
            open_realtime(server.address, lambda: ROOMS, ear),
        ):
            await ear.until(lambda heard: len(heard) > 1)
        return ear

    assert play(scene).names()[:2] == ["lost", "lost"]


def test_a_refused_connection_is_tried_again(tmp_path):
    """The platform that could not serve it a moment ago is connected to afterwards."""

    async def scene(ear):
        options = Options(agents=(OWL,), viewers=(), faults=(SocketFault("refuse"),))
        async with serve(options, tmp_path) as server, open_realtime(server.address, lambda: ROOMS, ear):
            await ear.until(lambda heard: len(heard) > 1)
        return ear

    assert play(scene).names()[:2] == ["lost", "connected"]


def test_a_port_where_nobody_listens_counts_as_lost(unused_port):
    """The connection is tried, and its failure reported."""

    async def scene(ear):
        async with open_realtime(f"http://127.0.0.1:{unused_port}", lambda: ROOMS, ear):
            await ear.until(lambda heard: heard)
        return ear

    assert play(scene).names()[:1] == ["lost"]


@pytest.fixture
def unused_port():
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_no_redirect_is_followed():
    """Another host that the platform points to gets no request."""
    asked = []

    async def stranger(request):
        asked.append(request.path)
        return web.Response()

    async def scene(ear):
        async with serving(stranger) as elsewhere:

            async def pointing(request):
                return web.Response(status=307, headers={"Location": f"{elsewhere}/socket.io/"})

            async with serving(pointing) as origin, open_realtime(origin, lambda: ROOMS, ear):
                await ear.until(lambda heard: heard)
        return ear

    ear = play(scene)
    assert ear.names()[:1] == ["lost"]
    assert asked == []


CHALLENGE = {"status": 403, "text": "<title>Just a moment...</title>", "headers": {"cf-mitigated": "challenge"}}


@pytest.mark.parametrize(
    "page",
    [
        CHALLENGE,
        {"status": 200, "text": "<title>Log in</title>"},
        {"status": 503, "text": ""},
        {"status": 403, "headers": {"Content-Encoding": "gzip, gzip"}},
    ],
    ids=["challenge", "portal", "empty", "bomb"],
)
def test_a_page_in_the_place_of_the_socket_passes(page):
    """It is asked for again and again."""

    async def scene(ear):
        async def edge(request):
            if "text" in page:
                return web.Response(**page, content_type="text/html")
            return web.Response(**page, body=bomb("gzip, gzip"))

        async with serving(edge) as origin, open_realtime(origin, lambda: ROOMS, ear):
            await ear.until(lambda heard: len(heard) > 2)
        return ear

    assert set(play(scene).names()) == {"lost"}


def test_packed_messages_are_not_offered():
    """A message of the socket has the size that it says."""
    seen = []

    async def curious(request):
        seen.append(dict(request.headers))
        return web.Response(status=404)

    async def scene(ear):
        async with serving(curious) as origin, open_realtime(origin, lambda: ROOMS, ear):
            await ear.until(lambda heard: heard)

    play(scene)
    assert "Sec-WebSocket-Extensions" not in seen[0]
    assert seen[0]["Accept-Encoding"] == "identity"


def test_no_token_and_no_cookie_goes_over_it():
    """The request to connect names this program and nothing else; cookies are not kept."""
    seen = []

    async def curious(request):
        seen.append(dict(request.headers))
        return web.Response(status=404, headers={"Set-Cookie": "a=b"})

    async def scene(ear):
        async with serving(curious) as origin, open_realtime(origin, lambda: ROOMS, ear):
            await ear.until(lambda heard: len(heard) > 1)

    play(scene)
    assert len(seen) > 1
    assert not any({"Authorization", "Cookie"} & set(headers) for headers in seen)
    assert seen[0]["User-Agent"].startswith("retake-flow/")


@pytest.mark.parametrize("said", ["nonsense", "9", '0{"sid": 5}', "0[", "4", "42" + "[" * 5_000, b"\x00\x01"])
def test_a_server_that_speaks_something_else_harms_nothing(said, capfd):
    """It counts as lost or as silent; nothing is printed, and nothing is left."""

    async def odd(request):
        async with asyncio.timeout(WITHIN):
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            hello = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'
            for text in (hello, '40{"sid":"t"}', said, '42["message",{"text":"after"}]'):
                await (ws.send_bytes(text) if isinstance(text, bytes) else ws.send_str(text))
            await ws.receive()
            return ws

    async def scene(ear):
        async with serving(odd) as origin, open_realtime(origin, lambda: ROOMS, ear):
            await ear.until(lambda heard: len(heard) > 1)
        return ear

    assert play(scene).names()[0] == "connected"
    assert capfd.readouterr() == ("", "")


def test_a_server_that_says_nothing_holds_up_no_end(monkeypatch):
    """An end that comes before the connection does not wait for it: all the time for connecting would be left."""
    monkeypatch.setattr("retake_flow.api.realtime._OPENS", 10 * WITHIN)

    async def mute(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        reached.set()
        await ws.receive()
        return ws

    async def scene(ear):
        async with serving(mute) as origin:
            async with asyncio.timeout(WITHIN), open_realtime(origin, lambda: ROOMS, ear):
                await reached.wait()
            return ear

    reached = asyncio.Event()
    assert play(scene).heard == []


@pytest.mark.parametrize("origin", ["https://retake.tv.example", "http://retake.tv", "https://example.com"])
def test_other_hosts_are_refused(origin):
    """Another host is refused before anything is sent."""

    async def scene(ear):
        with pytest.raises(SettingsError, match=r"retake\.tv or this machine"):
            async with open_realtime(origin, lambda: ROOMS, ear):
                pass

    play(scene)
