"""Real-time events over real sockets: rooms, what is said in them, and what goes wrong."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import httpx
import pytest
import socketio
from flow_processes import WITHIN

from retake_flow.redact import Secret
from retake_flow.rehearsal.server import serve
from retake_flow.rehearsal.setup.faults import SocketFault
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.setup.viewer_script import Cue

OWL = PreparedAgent("Owl", Secret("rtk_realtime_owl_1"), "user_owl", token_address="TOKEN")
# A socket at once, and one to which a client gets by way of requests.
TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "upgrade"])


async def eventually(condition):
    """Wait until a condition holds."""
    async with asyncio.timeout(WITHIN):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


class Client:
    """A client that writes down what it hears."""

    def __init__(self, session, transport):
        self.heard = asyncio.Queue()
        self.joined = []
        self.gone = asyncio.Event()
        self.transport = transport
        self.sio = socketio.AsyncClient(reconnection=False, http_session=session, request_timeout=WITHIN)
        self.sio.on("*", self._hear)
        self.sio.on("disconnect", self._gone)

    async def _hear(self, event, data):
        if event == "joinedRoom":
            self.joined.append(data)
        else:
            self.heard.put_nowait((event, data))

    async def _gone(self, reason):
        self.gone.set()

    async def join(self, server, *rooms):
        transports = ["websocket"] if self.transport == "websocket" else None
        await self.sio.connect(server.address, transports=transports, wait_timeout=WITHIN)
        for room in rooms:
            await self.sio.emit("joinRoom", {"roomId": room})
        await eventually(lambda: server.platform.rooms.occupied_rooms.issuperset(rooms))

    async def next(self, count=1):
        async with asyncio.timeout(WITHIN):
            return [await self.heard.get() for _ in range(count)]


def run(tmp_path, scene, transport="websocket", **options):
    """Play `scene(server, client)` with a rehearsal that is served."""

    async def main():
        async with serve(Options(agents=(OWL,), viewers=(), **options), tmp_path) as server, client_of(transport) as it:
            return await scene(server, it)

    return asyncio.run(main())


@asynccontextmanager
async def client_of(transport="websocket"):
    """A client that is gone when the context is left."""
    # The session is ours, since the library leaves its own open when a connection fails.
    async with aiohttp.ClientSession() as session:
        client = Client(session, transport)
        try:
            yield client
        finally:
            await client.sio.shutdown()


def act(server, **cue):
    """Have mira do something in the owl's stream."""
    server.platform.viewers.perform(server.platform.agents.by_id("user_owl"), Cue(0.0, "mira", **cue))


@TRANSPORTS
def test_joining_a_room_is_confirmed(tmp_path, transport):
    """To the client that joined, and once it hears what is said there; a room that is none is not joined."""

    async def scene(server, client):
        async with client_of() as other:
            await client.join(server, "user_owl", "trades_TOKEN")
            await other.join(server, "user_owl")
            for nonsense in ({}, {"roomId": 5}, {"roomId": ""}, "user_owl", None):
                await client.sio.emit("joinRoom", nonsense)
            await client.sio.emit("joinRoom", {"roomId": "last"})
            await eventually(lambda: len(client.joined) > 2 and other.joined)
            return client.joined, other.joined

    joined, others = run(tmp_path, scene, transport)
    assert joined == [{"roomId": room} for room in ("user_owl", "trades_TOKEN", "last")]
    assert others == [{"roomId": "user_owl"}]


@TRANSPORTS
def test_chat_is_heard_in_its_room_as_it_stands_in_the_comments(tmp_path, transport):
    """A client in the room of a userDbId hears each entry of that chat, in order, just as the list has it."""

    async def scene(server, client):
        await client.join(server, "user_owl")
        for number in range(5):
            act(server, text=f"text {number}")
        heard = await client.next(5)
        server.platform.start(server.platform.agents.by_id("user_owl"))
        async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=WITHIN) as http:
            token = {"Authorization": f"Bearer {OWL.token.reveal()}"}
            listed = await http.get("/api/v1/agent/stream/comments?userDbId=user_owl", headers=token)
        return heard, listed.json()

    heard, listed = run(tmp_path, scene, transport)
    assert [event for event, _ in heard] == ["message"] * 5
    assert [entry for _, entry in heard] == listed[::-1]


def test_tips_trades_follows_and_sessions_are_heard(tmp_path):
    """The live room tells of sessions, tips, follows and trades; trades are told in the rooms of trades too."""

    async def scene(server, client):
        await client.join(server, "live_user_owl", "trades", "trades_TOKEN")
        server.platform.start(server.platform.agents.by_id("user_owl"))
        act(server, type="tip", text="for you", amount=5.0)
        act(server, type="follow")
        act(server, type="trade", amount=2.0, side="sell")
        return await client.next(6)

    heard = run(tmp_path, scene)
    assert [event for event, _ in heard] == ["session_started", "tip_received", "user_followed", *["newtrade"] * 3]
    assert heard[1][1]["amount"] == 5.0
    assert heard[2][1]["username"] == "mira"
    assert (heard[3][1]["side"], heard[3][1]["amount"], heard[3][1]["token_address"]) == ("sell", 2.0, "TOKEN")


def test_a_room_that_was_left_is_silent(tmp_path):
    """After leaveRoom nothing is heard any more, and the platform knows of nobody who listens."""

    async def scene(server, client):
        await client.join(server, "user_owl", "live_user_owl")
        await client.sio.emit("leaveRoom", {"roomId": "user_owl"})
        await eventually(lambda: server.platform.rooms.occupied_rooms == {"live_user_owl"})
        act(server, text="unheard")
        act(server, type="follow")
        return await client.next()

    assert [event for event, _ in run(tmp_path, scene)] == ["user_followed"]


def test_one_event_is_lost_and_one_comes_twice(tmp_path):
    """A lost event stands in the chat and is never said; a doubled one is said twice and stands there once."""

    async def scene(server, client):
        await client.join(server, "user_owl")
        for number in range(5):
            act(server, text=str(number))
        return [entry["text"] for _, entry in await client.next(5)], len(
            server.platform.agents.by_name("Owl").chat.comments
        )

    faults = (SocketFault("lose", after=1), SocketFault("double", after=2))
    assert run(tmp_path, scene, faults=faults) == (["0", "2", "3", "3", "4"], 5)


@TRANSPORTS
def test_connections_break_after_some_events(tmp_path, transport):
    """`after` events arrive, then the connection breaks without a goodbye, and a new one can be made."""

    async def scene(server, client):
        await client.join(server, "user_owl")
        for number in range(4):
            act(server, text=str(number))
        async with asyncio.timeout(WITHIN):
            await client.gone.wait()
        heard = [entry["text"] for _, entry in await client.next(2)]
        async with client_of(transport) as second:
            await second.join(server, "user_owl")
            act(server, text="again")
            return heard, client.heard.empty(), [entry["text"] for _, entry in await second.next()]

    fault = SocketFault("drop", after=2)
    assert run(tmp_path, scene, transport, faults=(fault,)) == (["0", "1"], True, ["again"])


def test_sockets_are_broken_on_demand(tmp_path):
    """DELETE /_rehearsal/sockets breaks every connection there is."""

    async def scene(server, client):
        await client.join(server, "user_owl")
        async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=WITHIN) as http:
            assert (await http.delete("/_rehearsal/sockets")).status_code == 200
        async with asyncio.timeout(WITHIN):
            await client.gone.wait()
        await eventually(lambda: not server.platform.rooms.occupied_rooms)

    run(tmp_path, scene)


@TRANSPORTS
def test_a_connection_is_refused_as_often_as_the_fault_says(tmp_path, transport):
    """A refused connection is an error to the client; the next one is made."""

    async def scene(server, client):
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.join(server, "user_owl")
        await client.join(server, "user_owl")

    run(tmp_path, scene, transport, faults=(SocketFault("refuse"),))


@TRANSPORTS
def test_a_platform_without_real_time_has_no_such_path(tmp_path, transport):
    """With `realtime: false` there is nothing at /socket.io/."""

    async def scene(server, client):
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.join(server, "user_owl")
        async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=WITHIN) as http:
            return (await http.get("/socket.io/?EIO=4&transport=polling")).status_code

    assert run(tmp_path, scene, transport, realtime=False) == 404


def test_a_silent_platform_connects_and_says_nothing(tmp_path):
    """With `realtime: "silent"` a client can join rooms and hears nothing until the platform speaks again."""

    async def scene(server, client):
        await client.join(server, "user_owl")
        act(server, text="unheard")
        async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=WITHIN) as http:
            await http.post("/_rehearsal/options", json={"realtime": True})
        act(server, text="heard")
        return [entry["text"] for _, entry in await client.next()]

    assert run(tmp_path, scene, realtime="silent") == ["heard"]


def test_nonsense_from_a_stranger_breaks_nothing(tmp_path):
    """Rooms that are no text, events that nobody knows and ever more rooms are passed over."""

    async def scene(server, client):
        await client.join(server)
        for data in (None, "user_owl", {"roomId": 5}, {"room": "x"}, ["roomId"]):
            await client.sio.emit("joinRoom", data)
        await client.sio.emit("message", {"text": "hello"})
        for number in range(60):
            await client.sio.emit("joinRoom", {"roomId": f"room {number}"})
        async with client_of() as second:
            await second.join(server, "user_owl")
            act(server, text="still here")
            assert [entry["text"] for _, entry in await second.next()] == ["still here"]
        return len([room for room in server.platform.rooms.occupied_rooms if room.startswith("room ")])

    assert run(tmp_path, scene) <= 50
