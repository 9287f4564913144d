"""Request action: sends one HTTP request of a flow's own, and turns the response into a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from email.message import Message
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from retake_flow.actions.base import Family
from retake_flow.actions.own.run_program import readable
from retake_flow.errors import RequestFailed, RequestRefused, ResponderMissing, SecretRefused, SettingsError
from retake_flow.flow.duration import seconds
from retake_flow.ports.actions import Call, Completion
from retake_flow.redact import require_no_secret
from retake_flow.responders.env_secrets import signature, signing_key, variable
from retake_flow.responders.replies import parse
from retake_flow.sanitize import cut

if TYPE_CHECKING:
    from retake_flow.api.own_request import OwnRequest
    from retake_flow.api.responses import Response

Send = Callable[["OwnRequest", float], Awaitable["Response"]]

_HINT: Final = "pass secrets by `headers_from`"
_SHOWN: Final = 200  # characters of a response in messages
#: Hints after a refusal, by its status.
_TRY: Final = {
    401: "name the variable with the credentials: `headers_from: {Authorization: VARIABLE}`",
    403: "check the credentials in `headers_from` or `secret_from`",
    404: "check the address; with `expect: [200, 404]` this status counts as done",
    405: "check the `method`",
}
_LATER: Final = (408, 425, 429)


class RequestActions(Family):
    """The requests of a flow."""

    def __init__(self, environment: Mapping[str, str], now: Callable[[], float], send: Send) -> None:
        self._environment = environment
        self._now = now
        self._send = send
        self.tasks = {"http.request": self.request}

    async def request(self, call: Call) -> Completion:
        """Send the request.

        Raises:
            RetakeFlowError: It was not sent, there is no whole response, or its status is not as expected.
        """
        try:
            request = self._build(call)
        except ResponderMissing as error:
            raise SettingsError(error.message, hint=error.hint) from None
        response = await self._send(request, seconds(call.inputs["timeout"]))
        text = readable(response.body, request.label, _charset(response.headers))
        headers = {name: readable(value.encode(), request.label) for name, value in response.headers.items()}
        _require_expected(request, response.status, headers, text, call.inputs.get("expect"))
        return Completion(
            value={"status": response.status, "json": parse(text.encode()), "text": text, "headers": headers}
        )

    def _build(self, call: Call) -> OwnRequest:
        from retake_flow.api.own_request import OwnRequest

        given = call.inputs
        body, kind = _body(given)
        headers = dict(given["headers"])
        if kind and "content-type" not in map(str.lower, headers):
            headers["Content-Type"] = kind
        try:
            require_no_secret("the request", str(given["url"]), body, *headers, *headers.values())
        except SecretRefused as error:
            error.hint = _HINT
            raise
        sent = body.encode("utf-8", "replace")
        secret = {
            name: variable(self._environment, source, purpose="for a request").reveal()
            for name, source in given["headers_from"].items()
        }
        once = hashlib.sha256(call.key.encode()).hexdigest()[:24]  # the same for every try of one visit
        if given["idempotency_key"]:
            headers["Idempotency-Key"] = once
        if given.get("secret_from"):
            key = signing_key(self._environment, given["secret_from"], purpose="for a request")
            secret |= signature(key, sent, f"msg_{once}", self._now())
        url, redirects, private = str(given["url"]), given["redirects"], given["private"]
        request = OwnRequest(given["method"], url, sent, headers, secret, redirects, private)
        request.address()  # it may be one that cannot be used
        return request


def _body(given: Mapping[str, Any]) -> tuple[str, str]:
    if given.get("json") is not None:
        return json.dumps(given["json"], ensure_ascii=False), "application/json"
    if given.get("form") is not None:
        return urlencode({name: str(value) for name, value in given["form"].items()}), (
            "application/x-www-form-urlencoded"
        )
    return (str(given["text"]), "text/plain; charset=utf-8") if given.get("text") is not None else ("", "")


def _charset(headers: Mapping[str, str]) -> str:
    about = Message()
    about["content-type"] = headers.get("content-type", "")
    return about.get_content_charset("utf-8")


def _require_expected(request: OwnRequest, status: int, headers: Mapping[str, str], text: str, expect: Any) -> None:
    """Require a status as expected."""
    if status in expect if expect else 200 <= status < 300:
        return
    body = cut(" ".join(text.split()), _SHOWN)
    message = f"{request.label}: status {status}{f': {body}' if body else ''}"
    if 300 <= status < 400:
        hint = "use the address that it leads to, or allow `redirects`"
        place = cut(" ".join(headers.get("location", "nowhere").split()), _SHOWN)
        raise RequestRefused(f"{message}, which leads to {place}", hint=hint)
    if 400 <= status < 500 and status not in _LATER:
        raise RequestRefused(message, hint=_TRY.get(status, "list the status in `expect` if it counts as done"))
    from retake_flow.api.responses import retry_after

    error = RequestFailed(message, hint="`retry` sets how often and how long it is retried")
    error.retry_after = retry_after(headers)
    unsure = status >= 500 and request.method not in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
    error.unsure = unsure and "Idempotency-Key" not in request.headers
    raise error
