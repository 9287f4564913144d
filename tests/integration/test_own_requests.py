"""Requests of one's own against a real server on loopback: requests, responses and refusals."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from retake_flow.actions.own.request import RequestActions
from retake_flow.actions.performer import Performer
from retake_flow.api import own_request
from retake_flow.api.own_request import is_public
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.actions import Call, Completion
from retake_flow.redact import Secret

KEY = base64.b64encode(b"0123456789abcdef01").decode()
VARIABLES = {"OWL_KEY": "a-key-of-the-owl", "OWL_SIGN": f"whsec_{KEY}", "OWL_TOKEN": "rtk_never_leaves_here"}


class Answering(BaseHTTPRequestHandler):
    """Answers by path, and keeps what it was asked."""

    asked: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status, headers, sent = {
            "/ok": (200, {"Content-Type": "application/json"}, b'{"viewers": 3}'),
            "/latin": (200, {"Content-Type": "text/plain; charset=latin-1"}, "größer".encode("latin-1")),
            "/missing": (404, {}, b"no such thing"),
            "/busy": (503, {"Retry-After": "7"}, b"later"),
            "/away": (302, {"Location": "/ok"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/large": (200, {}, b"x" * 70_000),
            "/bomb": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"\0" * 5_000_000)),
            "/noise": (200, {"Content-Encoding": "gzip"}, gzip.compress(random.Random(1).randbytes(100_000))),
            "/empty": (204, {"Content-Encoding": "gzip"}, b""),
            "/elsewhere": (302, {"Location": "/ok", "Content-Encoding": "deflate"}, b""),
            "/packed": (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"packed": true}')),
            "/tells": (200, {}, b"it is a-secret-that-we-know"),
        }[self.path.partition("?")[0]]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)

    do_POST = do_DELETE = do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[Any]]]:
    """The address of a server, and what it was asked."""
    asked: list[Any] = []
    made = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Answering,), {"asked": asked}))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}", asked
    made.shutdown()
    thread.join()
    made.server_close()


def request(url: str, key: str = "owl/tell/1", **inputs: Any) -> Completion:
    """Perform the action as the engine does."""
    performer = Performer(RequestActions(VARIABLES, lambda: 1_700_000_000.0, own_request.send))
    call = Call("owl", "tell", 1, "http.request", {"url": url, **inputs}, {}, key)
    return asyncio.run(performer.perform(call))


def refused(url: str, **inputs: Any) -> RetakeFlowError:
    """The error of a request."""
    with pytest.raises(RetakeFlowError) as caught:
        request(url, **inputs)
    return caught.value


def test_responses(server: tuple[str, list[Any]]) -> None:
    """JSON, text in its own encoding, and a packed body; other statuses only where they are expected."""
    here, _ = server
    done = request(f"{here}/ok?token=1", private=True)
    assert done.value["status"] == 200
    assert done.value["json"] == {"viewers": 3}
    assert done.value["headers"]["content-type"] == "application/json"
    assert request(f"{here}/latin", private=True).value["text"] == "größer"
    assert request(f"{here}/packed", private=True).value["json"] == {"packed": True}
    assert request(f"{here}/missing", private=True, expect=[200, 404]).value["status"] == 404
    Secret("a-secret-that-we-know")
    assert request(f"{here}/tells", private=True).value["text"] == "it is •••"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("HEAD", "packed", 200), ("POST", "empty", 204), ("DELETE", "empty", 204), ("GET", "elsewhere", 200)],
)
def test_a_response_without_a_body_may_name_an_encoding(
    server: tuple[str, list[Any]], method: str, path: str, status: int
) -> None:
    """As servers that pack their responses do: to HEAD, with 204, and with a redirect, which is followed."""
    given = {"redirects": 1} if path == "elsewhere" else {}
    assert request(f"{server[0]}/{path}", private=True, method=method, **given).value["status"] == status


def test_requests(server: tuple[str, list[Any]]) -> None:
    """A body with its type, headers from the environment, and a signature; every try of a visit has the same id."""
    here, asked = server
    given: dict[str, Any] = {
        "private": True, "method": "POST", "json": {"live": True}, "headers": {"X-Owl": "hoo"},
        "headers_from": {"Authorization": "OWL_KEY"}, "secret_from": "OWL_SIGN", "idempotency_key": True,
    }  # fmt: skip
    for _ in range(2):
        request(f"{here}/ok", **given)
    request(f"{here}/ok", "owl/tell/2", **given)
    method, _, headers, body = asked[0]
    assert (method, json.loads(body), headers["content-type"]) == ("POST", {"live": True}, "application/json")
    assert (headers["x-owl"], headers["authorization"]) == ("hoo", VARIABLES["OWL_KEY"])
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(KEY), content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    keys = [headers["idempotency-key"] for _, _, headers, _ in asked]
    assert keys[0] == keys[1] != keys[2]
    request(f"{here}/ok", private=True, method="POST", form={"a": 1, "b": "x y"})
    assert asked[-1][3] == b"a=1&b=x+y"


def test_redirects_are_followed_only_if_the_flow_says_so(server: tuple[str, list[Any]]) -> None:
    """And never to where the request may not go, nor with secrets to another host."""
    here, asked = server
    assert "leads to /ok" in refused(f"{here}/away", private=True).message
    assert request(f"{here}/away", private=True, redirects=1).value["json"] == {"viewers": 3}
    asked.clear()
    assert refused(f"{here}/round", private=True, redirects=3).kind == "request_refused"
    assert len(asked) == 4
    assert refused(f"{here}/away", private=True, redirects=3, method="POST").kind == "request_refused"


def test_which_errors_may_be_repeated(server: tuple[str, list[Any]]) -> None:
    """A refusal is final; a failure is not, except of a request that may already have been carried out."""
    here, _ = server
    missing, busy = refused(f"{here}/missing", private=True), refused(f"{here}/busy", private=True)
    assert (missing.kind, missing.may_repeat) == ("request_refused", False)
    assert missing.message == f"GET {here}/missing: status 404: no such thing"
    assert (busy.kind, busy.may_repeat, busy.retry_after) == ("request_failed", True, 7.0)
    assert not refused(f"{here}/busy", private=True, method="POST").may_repeat
    assert refused(f"{here}/busy", private=True, method="POST", idempotency_key=True).may_repeat
    assert refused("http://127.0.0.1:1/", private=True, method="POST").may_repeat  # certainly not sent


@pytest.mark.parametrize("path", ["large", "bomb", "noise"])
def test_sizes_are_bounded(server: tuple[str, list[Any]], path: str) -> None:
    """Also while a body is unpacked."""
    assert "larger than 64 KiB" in refused(f"{server[0]}/{path}", private=True).message


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://localhost/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://10.1.2.3/",
     "http://[::ffff:169.254.169.254]/", "http://169.254.169.254/latest/meta-data", "http://[64:ff9b::a00:1]/", "http://0/"],
)  # fmt: skip
def test_private_addresses_are_refused(url: str) -> None:
    """However they are written."""
    error = refused(url)
    assert error.kind in ("input", "request_failed"), error
    assert "this machine or its network" in error.message or "cannot be found" in error.message


def test_public_addresses() -> None:
    """Only globally reachable ones count."""
    tried = ("1.1.1.1", "2606:4700::1111", "224.0.0.1", "fe80::1%eth0", "2002:0a00:0001::", "x")
    assert list(filter(is_public, tried)) == ["1.1.1.1", "2606:4700::1111"]


def test_headers_that_cannot_be_sent(server: tuple[str, list[Any]]) -> None:
    """Those of the connection are not the flow's, and a value has no line ends and no other letters than ASCII."""
    here, asked = server
    for headers in ({"hOst": "a"}, {"Content-Length": "3"}, {"TE": "trailers"}, {"A": "b\r\nC: d"}, {"A": "größer"}):
        assert refused(f"{here}/ok", private=True, headers=headers).kind == "input", headers
    assert refused(f"{here}/ok", private=True, headers_from={"Host": "OWL_KEY"}).kind == "input"
    assert asked == []


def test_secrets_stay_here(server: tuple[str, list[Any]]) -> None:
    """In no part that is written down, not unencrypted to others, and no token of retake.tv at all."""
    here, asked = server
    Secret("a-secret-that-we-know")
    assert refused(f"{here}/ok?k=a-secret-that-we-know", private=True).kind == "secret"
    assert refused(f"{here}/ok", private=True, method="POST", text="a-secret-that-we-know").kind == "secret"
    assert refused(f"{here}/ok", private=True, headers_from={"A": "OWL_TOKEN"}).kind == "settings"
    assert refused(f"{here}/ok", private=True, headers_from={"A": "OWL_UNSET"}).kind == "settings"
    assert "https only" in refused("http://example.org/", headers_from={"A": "OWL_KEY"}).message
    assert refused("https://ann:pw@example.org/").kind == "input"
    assert asked == []
