"""Connectivity: tests whether retake.tv can be reached, without a token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx

from retake_flow.api import protocol
from retake_flow.api.lenient_json import text
from retake_flow.api.responses import ServerClock, interpret, parse_json
from retake_flow.api.transport import Transport

WITHIN = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Connectivity:
    """An answer.

    Attributes:
        version: The version of the platform's guide; "" when missing.
        ahead: How far this machine's clock is ahead of the platform's, in seconds, to half a second; None when the
            platform does not give the time.
        proxy: The proxy that it came through; "" for none.
    """

    status: int
    seconds: float
    version: str
    ahead: float | None
    proxy: str


async def check_connectivity(origin: str, transport: httpx.AsyncBaseTransport | None = None) -> Connectivity:
    """Request the version of the platform's guide, once.

    Raises:
        PlatformError: There was no answer, or one that points elsewhere.
        SettingsError: The environment's proxy or certificates cannot be used.
    """
    way = Transport(origin, transport)
    loop = asyncio.get_running_loop()
    began = loop.time()
    request = replace(protocol.SKILL, deadline=WITHIN)
    try:
        answer = await way.send(request, {"Accept": "application/json"})
    finally:
        await way.close()
    if 300 <= answer.status < 400:
        interpret(request, answer)
    took, clock = loop.time() - began, ServerClock()
    clock.observe(answer.headers, loop.time())
    # `Date` has whole seconds, and was written at some moment of the call.
    ahead = None if clock.ahead is None else time.time() - loop.time() - (clock.ahead + 0.5 + took / 2)
    return Connectivity(answer.status, took, _version(answer.body), ahead, way.proxy)


def _version(body: bytes) -> str:
    try:
        value = parse_json(body)
    except ValueError:
        return ""
    return text(value, "version") if isinstance(value, Mapping) else ""
