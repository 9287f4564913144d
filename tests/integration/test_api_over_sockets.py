"""The client over real sockets on loopback, where connections break in ways that no mock has."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from bombs import bomb
from hypothesis import given, settings
from hypothesis import strategies as st

from retake_flow.api.client import RetakeClient
from retake_flow.errors import PlatformError, Redirected, RetakeFlowError, Unreachable
from retake_flow.redact import Secret

TOKEN = "rtk_socket-0123456789"
Serve = Callable[["Peer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server that does what a function says with each connection."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Peer]:
        """Serve on a free port of loopback."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> RetakeClient:
        """A client whose token this peer issued."""
        return RetakeClient(self.origin, Secret(TOKEN), issued_by=self.origin)

    async def read_request(self, reader: asyncio.StreamReader) -> bytes:
        """The next request's head and body."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
        request = head + await reader.readexactly(length)
        self.requests.append(request)
        return request

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(self, reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def verified(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of a connection with `verified: true`."""
    while True:
        await peer.read_request(reader)
        body = b'{"verified": true, "url": "rtmp://127.0.0.1/app", "key": "sk_socket-1"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()


def test_one_connection_serves_many_calls() -> None:
    """Calls that follow each other share a connection."""

    async def work() -> int:
        async with Peer(verified).listening() as peer, peer.client() as client:
            assert await client.verification_status() is True
            await client.rtmp()
            await client.verification_status()
            assert len(peer.requests) == 3
            return peer.connections

    assert asyncio.run(work()) == 1


def test_a_connection_dropped_after_the_request() -> None:
    """Each call is one request, also where another would do no harm: the caller decides that."""

    async def drop(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read_request(reader)

    async def work() -> list[int]:
        sent = []
        async with Peer(drop).listening() as peer, peer.client() as client:
            for call in (lambda: client.send_chat("hi", "user_a"), client.rtmp):
                peer.requests.clear()
                with pytest.raises(Unreachable):
                    await call()
                sent.append(len(peer.requests))
        return sent

    assert asyncio.run(work()) == [1, 1]


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "br", "deflate"])
@pytest.mark.parametrize("status", [b"200 OK", b"403 Forbidden", b"503 Service Unavailable"])
def test_a_packed_answer_takes_no_more_room_than_any_other(encoding: str, status: bytes) -> None:
    """Nothing packed is asked for; what comes all the same is bounded while it is unpacked, or not unpacked at all."""

    async def packed(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read_request(reader)
        head, body = b"HTTP/1.1 %s\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", bomb(encoding)
        writer.write(head % (status, encoding.encode(), len(body)) + body)
        await writer.drain()

    async def work() -> bytes:
        async with Peer(packed).listening() as peer, peer.client() as client:
            for call in (client.rtmp, client.stream_status, client.guide, client.public.live_users, client.stop_stream):
                with pytest.raises(PlatformError) as caught:
                    await call()
                assert caught.value.may_repeat
            with pytest.raises(PlatformError):
                await client.send_chat("hi", "user_a")
            return peer.requests[0]

    bomb(encoding)
    tracemalloc.start()
    try:
        request = asyncio.run(work())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert b"accept-encoding: identity\r\n" in request.lower()
    assert peak < 32 << 20


def test_a_file_that_is_kept_packed_is_read() -> None:
    """Some servers send the guide as they keep it."""

    async def packed(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read_request(reader)
        body = gzip.compress(b"# retake.tv\n" * 1000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    async def work() -> str:
        async with Peer(packed).listening() as peer, peer.client() as client:
            return await client.guide()

    assert asyncio.run(work()) == "# retake.tv\n" * 1000


def test_a_port_where_nobody_listens() -> None:
    """When nobody listens the error names the host and the call, and that it may be repeated."""

    async def work() -> None:
        async with Peer(verified).listening() as peer:
            client = peer.client()
        async with client:
            with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{peer.port} .*POST /agent/stream/start") as caught:
                await client.start_stream()
            assert caught.value.may_repeat
            assert "not known" not in str(caught.value)

    asyncio.run(work())


def test_a_redirect_to_another_port_is_not_followed() -> None:
    """A redirect to somebody who listens brings them no connection at all."""

    async def work() -> int:
        async with Peer(verified).listening() as other:

            async def redirect(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await peer.read_request(reader)
                head = f"HTTP/1.1 307 Moved\r\nLocation: {other.origin}/x\r\nContent-Length: 0\r\n\r\n"
                writer.write(head.encode())
                await writer.drain()

            async with Peer(redirect).listening() as peer, peer.client() as client:
                with pytest.raises(Redirected, match=str(other.port)):
                    await client.rtmp()
                with pytest.raises(Redirected):
                    await client.guide_version()
            return other.connections

    assert asyncio.run(work()) == 0


def test_the_environments_proxy_and_netrc_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No proxy that the environment names sees a call, and no netrc takes the token's place."""

    async def work() -> None:
        async with Peer(verified).listening() as proxy, Peer(verified).listening() as peer:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.origin)
            for name in ("NO_PROXY", "no_proxy"):
                monkeypatch.delenv(name, raising=False)
            netrc = tmp_path / "netrc"
            netrc.write_text("machine 127.0.0.1 login owl password hoot\n")
            monkeypatch.setenv("NETRC", str(netrc))
            async with peer.client() as client:
                await client.verification_status()
            assert proxy.connections == 0
            assert f"Authorization: Bearer {TOKEN}\r\n".encode() in peer.requests[0]

    asyncio.run(work())


@settings(max_examples=40)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest))
def test_any_bytes_on_the_wire_are_our_error(answer: bytes) -> None:
    """Whatever bytes come back, a call ends with a value or an error of ours that does not show the token."""

    async def garble(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read_request(reader)
        writer.write(answer)
        await writer.drain()

    async def work() -> None:
        async with Peer(garble).listening() as peer, peer.client() as client:
            try:
                await client.start_stream()
            except RetakeFlowError as error:
                message = error.message
            else:
                message = ""
            assert TOKEN not in message
            assert len(peer.requests) == 1

    asyncio.run(work())
