"""A web service that answers chat."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from responder_samples import BATCH, Service

from retake_flow.errors import ResponderFailed, ResponderMissing
from retake_flow.ports.responders import Answer
from retake_flow.responders import webhook

URL = "https://owl.example/chat"
KEY = bytes(range(32))
ENVIRONMENT = {"OWL_KEY": "Bearer key-of-the-owl", "OWL_SECRET": "whsec_" + base64.b64encode(KEY).decode()}


def asked(service: Service, environment: dict[str, str] | None = None, **said: Any) -> Answer:
    """What the service answers."""

    async def main() -> Answer:
        settings = {"http": {"url": URL, **said}}
        given = ENVIRONMENT if environment is None else environment
        async with webhook.open_responder(given, lambda: 1_767_225_600.9, service, settings) as hook:
            return await hook.respond(BATCH)

    return asyncio.run(main())


def test_a_service_is_sent_the_batch_and_gives_replies() -> None:
    """What it gets is what a program gets."""
    service = Service(httpx.Response(200, json={"replies": ["hi mira"]}))
    assert asked(service) == Answer(("hi mira",))
    assert service.bodies == [json.loads(json.dumps(asdict(BATCH)))]


@pytest.mark.parametrize(("status", "text"), [(204, ""), (200, ""), (200, "\n"), (200, '{"replies": []}')])
def test_a_service_may_have_nothing_to_say(status: int, text: str) -> None:
    """With 204, an empty answer, or no replies."""
    assert asked(Service(httpx.Response(status, text=text))) == Answer()


def test_headers_are_read_from_the_environment() -> None:
    """They go to that service, and their names alone stand in the flow."""
    service = Service(httpx.Response(204))
    asked(service, headers_from={"Authorization": "OWL_KEY", "X-Owl": "OWL_KEY"})
    headers = service.requests[0].headers
    assert headers["authorization"] == headers["x-owl"] == "Bearer key-of-the-owl"


def test_a_request_can_be_known_for_ours() -> None:
    """It is signed over its id, its time and its body as receivers' libraries expect, the same in each try."""
    service = Service(httpx.ConnectError("refused"), httpx.Response(204))
    asked(service, secret_from="OWL_SECRET")
    first, second = service.requests
    headers = second.headers
    assert headers["webhook-timestamp"] == "1767225600"
    content = f"{headers['webhook-id']}.1767225600.".encode() + second.content
    digest = base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert {name: first.headers[name] for name in headers if name.startswith("webhook-")} == {
        name: value for name, value in headers.items() if name.startswith("webhook-")
    }


def test_each_batch_is_a_request_of_its_own() -> None:
    """Without a key they are not signed, and told apart all the same."""
    services = Service(httpx.Response(204))
    for _ in range(2):
        asked(services)
    one, other = services.requests
    assert one.headers["webhook-id"] != other.headers["webhook-id"]
    assert "webhook-signature" not in one.headers


def test_a_page_is_no_answer() -> None:
    """A service behind a login, or a wrong address, is told by what it says."""
    with pytest.raises(
        ResponderFailed, match=r"owl\.example answered <html>Please log in</html>, which is no"
    ) as raised:
        asked(Service(httpx.Response(200, html="<html>Please log in</html>")))
    assert "204" in raised.value.hint


@pytest.mark.parametrize(
    "said", [{"headers_from": {"Authorization": "OWL_KEY"}}, {"secret_from": "OWL_KEY"}], ids=["header", "key"]
)
def test_a_key_that_is_not_there_is_missing(said: dict[str, Any]) -> None:
    """Nothing is sent without it."""
    service = Service(httpx.Response(204))
    with pytest.raises(ResponderMissing, match="the variable OWL_KEY, needed to answer chat, is not set"):
        asked(service, {}, **said)
    assert service.requests == []
