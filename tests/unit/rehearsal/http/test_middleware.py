"""Who may speak to a rehearsal."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from retake_flow.rehearsal.http.middleware import OnlyLocal

GUARDED = OnlyLocal(PlainTextResponse("taken"))


def status(headers: list[tuple[str, str]]) -> int:
    """What becomes of a call with these headers."""

    async def call() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(GUARDED), base_url="http://127.0.0.1:1") as client:
            return (await client.post("/_rehearsal/comments", headers=headers)).status_code

    return asyncio.run(call())


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "127.0.0.1:8080")],
        [("host", "localhost")],
        [("host", "[::1]:8080"), ("origin", "http://localhost:3000")],
        [("host", "127.0.0.1"), ("origin", "http://127.0.0.1:8080")],
    ],
)
def test_programs_and_pages_of_this_machine_are_answered(headers: list[tuple[str, str]]) -> None:
    """By whatever name it has for itself."""
    assert status(headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "evil.example")],
        [("host", "evil.example:8080")],
        [("host", "127.0.0.1.evil.example")],
        [("host", "localhost.evil.example")],
        [("host", "127.0.0.1@evil.example")],
        [("host", "0.0.0.0")],
        [("host", "")],
        [("host", "[")],
        [("host", "127.0.0.1"), ("host", "evil.example")],
        [("host", "127.0.0.1"), ("origin", "https://evil.example")],
        [("host", "127.0.0.1"), ("origin", "null")],
        [("host", "127.0.0.1"), ("origin", "http://127.0.0.1"), ("origin", "https://evil.example")],
    ],
)
def test_a_page_of_elsewhere_is_refused(headers: list[tuple[str, str]]) -> None:
    """Whether its name has come to mean this machine, or it posts from where it is."""
    assert status(headers) == 403


def test_a_socket_from_elsewhere_is_closed() -> None:
    """Before anything is said on it."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/socket.io/", "headers": [(b"host", b"evil.example")]}
    asyncio.run(GUARDED(scope, receive, send))
    assert [message["type"] for message in said] == ["websocket.close"]
