"""A client of the DevTools protocol, against a peer that speaks it over pipes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from retake_flow.errors import NotReady, ProcessFailed
from retake_flow.studio.browser import devtools
from retake_flow.studio.browser.devtools import DevTools, Refused

Heard = list[tuple[str, Mapping[str, Any], str]]


class Peer:
    """The other end of two pipes, which answers as a test says."""

    def __init__(self) -> None:
        self.heard: Heard = []
        self._to, self._from = os.pipe(), os.pipe()
        self.client = DevTools(lambda data: os.write(self._to[1], data), lambda *event: self.heard.append(event))
        os.set_blocking(self._to[0], False)
        os.set_blocking(self._from[0], False)
        asyncio.get_running_loop().add_reader(self._from[0], self._arrives)
        self._unread = b""

    def _arrives(self) -> None:
        self.client.receive(os.read(self._from[0], 7))  # messages come in pieces

    async def asked(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            try:
                self._unread += os.read(self._to[0], 65536)
            except BlockingIOError:
                await asyncio.sleep(0)
        message, _, self._unread = self._unread.partition(b"\0")
        found = json.loads(message)
        assert isinstance(found, dict)
        return found

    def says(self, message: Mapping[str, Any] | bytes) -> None:
        os.write(self._from[1], (message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\0")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._from[0])
        for end in (*self._to, *self._from):
            os.close(end)


def play(scene: Callable[[Peer], Awaitable[None]]) -> None:
    """Play a scene with a peer."""

    async def run() -> None:
        peer = Peer()
        try:
            async with asyncio.timeout(120):
                await scene(peer)
        finally:
            peer.close()

    asyncio.run(run())


def test_answers_find_their_commands_in_any_order_and_events_go_to_the_listener() -> None:
    """Messages arrive in pieces and out of order."""

    async def scene(peer: Peer) -> None:
        asked = (peer.client.call("A.a", {"x": "ü"}), peer.client.call("B.b", session="s"))
        calls = [asyncio.ensure_future(each) for each in asked]
        first, second = await peer.asked(), await peer.asked()
        assert (first["method"], first["params"], "sessionId" in first) == ("A.a", {"x": "ü"}, False)
        assert (second["method"], second["sessionId"]) == ("B.b", "s")
        peer.says({"id": second["id"], "result": {"n": 2}})
        peer.says({"method": "Page.lifecycleEvent", "params": {"name": "load"}, "sessionId": "s"})
        peer.says({"id": 999, "result": {}})  # of nobody's command
        peer.says({"id": first["id"], "result": {"n": 1}})
        assert [await call for call in calls] == [{"n": 1}, {"n": 2}]
        assert peer.heard == [("Page.lifecycleEvent", {"name": "load"}, "s")]

    play(scene)


def test_a_command_that_is_refused_or_never_answered_fails_alone() -> None:
    """The next command is answered as usual."""

    async def scene(peer: Peer) -> None:
        refused = asyncio.ensure_future(peer.client.call("A.a"))
        peer.says({"id": (await peer.asked())["id"], "error": {"code": -32000, "message": "no such target"}})
        with pytest.raises(Refused, match="no such target"):
            await refused
        with pytest.raises(NotReady, match=r"did not answer B\.b within 0\.01 s"):
            await peer.client.call("B.b", within=0.01)
        late = (await peer.asked())["id"]
        peer.says({"id": late, "result": {}})  # too late
        good = asyncio.ensure_future(peer.client.call("C.c"))
        peer.says({"id": (await peer.asked())["id"]})
        assert await good == {}

    play(scene)


@pytest.mark.parametrize("garbage", [b"{", b"[1]", b"3", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_the_protocol_ends_the_connection(garbage: bytes) -> None:
    """Whoever waits gets an error instead of waiting for ever."""

    async def scene(peer: Peer) -> None:
        call = asyncio.ensure_future(peer.client.call("A.a"))
        await peer.asked()
        peer.client.receive(garbage + b"\0")
        with pytest.raises(ProcessFailed, match="not in the form of its protocol"):
            await call
        with pytest.raises(ProcessFailed):
            await peer.client.call("B.b")
        peer.client.receive(b"more")

    play(scene)


def test_a_message_without_an_end_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never fills the memory."""
    monkeypatch.setattr(devtools, "LONGEST_MESSAGE", 100)

    async def scene(peer: Peer) -> None:
        peer.client.receive(b"x" * 101)
        with pytest.raises(ProcessFailed, match="more than 100 bytes"):
            await peer.client.call("A.a")

    play(scene)


def test_whoever_waits_is_told_when_the_browser_ends() -> None:
    """The error says why."""

    async def scene(peer: Peer) -> None:
        call = asyncio.ensure_future(peer.client.call("A.a"))
        await peer.asked()
        peer.client.close("chromium was killed by signal 9")
        with pytest.raises(ProcessFailed, match="killed by signal 9"):
            await call

    play(scene)
