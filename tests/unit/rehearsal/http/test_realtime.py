"""The logs of the rooms over Socket.IO, in process."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.http.realtime import PATH, Realtime
from retake_flow.rehearsal.state.platform import Platform

JOIN = '42["joinRoom", {"roomId": "live_user_owl"}]'
READ = ""


def talk(platform: Platform, *packets: str) -> str:
    """Send packets of Engine.IO over a session, then one to no session; returns what the session read."""

    async def main() -> str:
        app = Realtime(platform, create_app(platform))
        transport = httpx.ASGITransport(app)
        at = {"EIO": "4", "transport": "polling"}
        async with httpx.AsyncClient(transport=transport, base_url="http://platform") as client:
            opened = await client.get(f"{PATH}/", params=at)
            own = {**at, "sid": json.loads(opened.text[1:])["sid"]}
            read = ""
            for packet in packets:
                if packet == READ:
                    read += (await client.get(f"{PATH}/", params=own)).text
                else:
                    await client.post(f"{PATH}/", params=own, content=packet)
            await client.post(f"{PATH}/", params={**at, "sid": "nobody"}, content="2")
            return read

    return asyncio.run(main())


def test_a_failure_of_the_rehearsal_is_logged(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of a handler whose exceptions the library keeps to itself."""

    def fail(*_: object) -> None:
        raise LookupError("a defect")

    monkeypatch.setattr(Realtime, "_forget", fail)
    assert "joinedRoom" in talk(platform, "40", READ, JOIN, READ, "1")
    assert "a defect" in caplog.text


def test_a_mistake_of_a_client_is_not(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    """It gets the error itself."""
    talk(platform, "40", "4?", "?", '42["joinRoom"', "1")
    assert [record for record in caplog.records if record.name.startswith(("socketio", "engineio"))] == []
