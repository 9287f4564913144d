"""Webhook responder: a web service answers chat; each batch is posted to it as JSON."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import httpx

from retake_flow.flow import duration
from retake_flow.ports.responders import Answer, Batch
from retake_flow.redact import Secret
from retake_flow.responders import replies
from retake_flow.responders.env_secrets import signature, signing_key, variable
from retake_flow.responders.http_client import Connection
from retake_flow.responders.schema import THINKS

_HINT = f"it answers with {replies.FORM}, or with status 204 when there is nothing to say"


@asynccontextmanager
async def open_responder(
    environment: Mapping[str, str],
    now: Callable[[], float],
    transport: httpx.AsyncBaseTransport | None,
    settings: Mapping[str, Any],
) -> AsyncIterator[Webhook]:
    """The service that a flow names, with its headers and its key from the environment.

    Raises:
        ResponderFailed: Its address or a variable cannot be used.
    """
    service = settings["http"]
    headers = {name: variable(environment, source) for name, source in service.get("headers_from", {}).items()}
    key = signing_key(environment, service["secret_from"]) if "secret_from" in service else b""
    within = duration.seconds(settings.get("timeout", THINKS))
    async with Connection(service["url"], within, transport) as connection:
        yield Webhook(connection, headers, key, now)


class Webhook:
    """Asks the service; a `retake_flow.ports.responders.Responder`.

    Requests are signed according to https://www.standardwebhooks.com, for which receivers have libraries.
    """

    def __init__(
        self, connection: Connection, headers: Mapping[str, Secret], key: bytes, now: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._headers = headers
        self._key = key
        self._now = now

    async def respond(self, batch: Batch) -> Answer:
        """The service's replies to new messages.

        Raises:
            ResponderFailed: It did not answer in time, or gave something else.
        """
        body = json.dumps(asdict(batch), ensure_ascii=False).encode("utf-8", "replace")
        headers = {name: value.reveal() for name, value in self._headers.items()}
        reply = await self._connection.post(
            body, {**headers, **signature(self._key, body, f"msg_{secrets.token_hex(12)}", self._now())}
        )
        if not reply.body.strip():
            return Answer()
        return replies.read(reply.body, self._connection.host, _HINT)
