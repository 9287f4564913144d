"""Proxies and certificates of one's own: honoured where that is safe, refused in words where it is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flow_processes import at_home, retake_tv
from neighbours import Authority, gate

from retake_flow.api.responses import Response
from retake_flow.errors import NoticeFailed, ResponderFailed, SettingsError
from retake_flow.notices.apprise import notifiers
from retake_flow.ports.notices import Notice
from retake_flow.redact import Secret
from retake_flow.responders.http_client import Connection

TOKEN = "rtk_network_0123456789"
OPTIONS = {"agents": [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}]}
# Of somebody who has a token, and nothing in the environment that says how to reach the network.
_NETWORK = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY", "no_proxy")
OWN = {"RETAKE_ACCESS_TOKEN": TOKEN, **dict.fromkeys(_NETWORK, "")}
ASKED = """
flow: asked
initial: look
states:
  look:
    do: retake.verification_status
    retry: {max: 5, interval: 1s}
    transitions: {done: over, error: lost}
  over: {final: completed}
  lost: {final: failed, reason: "{{ event.message }}"}
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that no machine knows, which vouches for retake.tv here."""
    return Authority.made(tmp_path_factory.mktemp("authority"), "retake.tv", "owl.example")


@contextmanager
def service() -> Iterator[int]:
    """A plain server that answers every post; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving.server_port
        serving.shutdown()
        thread.join()


def port_of(address: str) -> int:
    """The port of an address."""
    return int(address.rpartition(":")[2])


@pytest.mark.real
def test_a_stream_goes_live_by_a_proxy_with_a_certificate_of_its_own(tmp_path: Path, authority: Authority) -> None:
    """Calls and real-time events go through the tunnel; the proxy sees the host's name, and nothing of the token."""
    with (
        retake_tv(tmp_path / "tv", OPTIONS) as tv,
        gate(tmp_path / "gate", port_of(tv.address), authority, password="owl:hoot-hoot") as proxy,
        at_home(
            tmp_path / "home", **{**OWN, **proxy.by("owl:hoot-hoot@"), "SSL_CERT_FILE": str(authority.file)}
        ) as home,
    ):
        running = home.start("run", "go-live.yaml")
        running.until("chat_realtime", state="connected")
        assert home.call("stop", running.run).code == 0
        assert running.finish() == 0, running.err
        assert {head.split()[1] for head in proxy.heads} == {"retake.tv:443"}
        assert all("authorization: bearer" not in head.lower() for head in proxy.heads)
        assert TOKEN.encode() not in proxy.seen
        assert tv.agent("owl")["sessions"][0]["ended_by"] == "stop"
        assert not [path for path, text in home.texts() if "hoot-hoot" in text]
        assert "hoot-hoot" not in running.out + running.err


@pytest.mark.parametrize(
    ("variables", "password", "answer", "words", "hint"),
    [
        ({"SSL_CERT_FILE": ""}, "", "", "its certificate cannot be verified", "export SSL_CERT_FILE="),
        ({}, "owl:hoot", "", "the proxy refuses (407 Proxy Authentication Required)", "export HTTPS_PROXY="),
        ({}, "", "403 Forbidden", "the proxy refuses (403 Forbidden)", "export HTTPS_PROXY="),
    ],
)
def test_an_obstacle_on_the_way_ends_the_run_at_once(
    tmp_path: Path, authority: Authority, variables: dict[str, str], password: str, answer: str, words: str, hint: str
) -> None:
    """It is not tried again and again: the reason says what to set."""
    with (
        service() as port,
        gate(tmp_path / "gate", port, authority, password=password, answer=answer) as proxy,
        at_home(tmp_path, **{**OWN, **proxy.by(), "SSL_CERT_FILE": str(authority.file), **variables}) as home,
    ):
        (tmp_path / "asked.yaml").write_text(ASKED)
        done = home.call("run", str(tmp_path / "asked.yaml"), "--json")
        assert done.code == 1, done
        assert words in done.out
        assert hint in done.out
        assert len(proxy.heads) == 1, proxy.heads


def test_a_proxy_that_fails_for_a_moment_is_named(tmp_path: Path, authority: Authority) -> None:
    """A gateway that is down is no refusal; a command asks once, and says so."""
    with (
        service() as port,
        gate(tmp_path / "gate", port, authority, answer="503 Service Unavailable") as proxy,
        at_home(tmp_path, **{**OWN, **proxy.by(), "SSL_CERT_FILE": str(authority.file)}) as home,
    ):
        done = home.call("guide")
        assert "could not be reached by the proxy 127.0.0.1" in done.err, done
        assert "the proxy refuses (503 Service Unavailable)" in done.err
        assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ALL_PROXY": "socks5://127.0.0.1:9050"}, "ALL_PROXY names a SOCKS proxy"),
        ({"HTTPS_PROXY": "socks5h://127.0.0.1:9050"}, "HTTPS_PROXY names a SOCKS proxy"),
        ({"HTTPS_PROXY": "gopher://gate"}, "not a proxy address"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE is '/nowhere/ca.pem', which cannot be read"),
        ({"SSL_CERT_DIR": "/nowhere"}, "SSL_CERT_DIR is '/nowhere', which is not a folder"),
    ],
)
def test_a_setting_that_cannot_be_honoured_is_refused_before_anything_begins(
    tmp_path: Path, variables: dict[str, str], words: str
) -> None:
    """No run is made, and the message says what to set."""
    with at_home(tmp_path, **{**OWN, **variables}) as home:
        done = home.call("run", "heartbeat.yaml")
        assert done.code == 2, done
        assert words in done.err
        assert "hint: " in done.err
        assert home.call("runs").out.startswith("no runs yet")


@pytest.mark.real
def test_a_rehearsal_goes_by_no_proxy(tmp_path: Path) -> None:
    """Neither its calls nor its notices leave this machine, whatever the environment says."""
    dead = "http://127.0.0.1:9"
    with service() as port:
        proxies = {"HTTPS_PROXY": "socks5://127.0.0.1:9", "HTTP_PROXY": dead, "ALL_PROXY": dead, "http_proxy": dead}
        notified = {"RETAKE_FLOW_NOTIFY": f"json://127.0.0.1:{port}/told"}
        with at_home(tmp_path / "home", **proxies, **notified) as home:
            done = home.call(
                "run", "go-live.yaml", "--rehearse", "--json", "--folder", str(tmp_path / "r"), "--for", "2s"
            )
            assert done.code == 0, done
            assert not [r for r in done.records if r["event"] == "notice_failed"], done
            assert [r for r in done.records if r["event"] == "notice_sent"], done


def test_a_spared_host_is_reached_directly(tmp_path: Path, authority: Authority) -> None:
    """NO_PROXY keeps the proxy out."""
    with service() as port, gate(tmp_path / "gate", port, authority) as proxy:
        with at_home(tmp_path, **{**OWN, **proxy.by(), "no_proxy": "retake.tv"}) as home:
            done = home.call("guide")
            assert done.code != 0
            assert "by the proxy" not in done.err
        assert proxy.heads == []


def test_a_notice_goes_by_the_proxy_with_the_certificate(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notices take the ways that everything else takes: SSL_CERT_FILE counts for them too."""
    notice = Notice("gate", "owl", "May I go live?")

    def tell() -> None:
        [found] = notifiers([Secret("jsons://owl.example/told")])
        asyncio.run(found.send(notice))

    with service() as port, gate(tmp_path / "gate", port, authority) as proxy:
        for name in _NETWORK:
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        for name, value in proxy.by().items():
            monkeypatch.setenv(name, value)
        with pytest.raises(NoticeFailed):
            tell()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        tell()
        assert {head.split()[1] for head in proxy.heads} == {"owl.example:443"}
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
        with pytest.raises(SettingsError, match="HTTPS_PROXY names a SOCKS proxy") as raised:
            tell()
        assert "pip install pysocks" in raised.value.hint


def test_a_responder_is_asked_by_the_proxy(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages of viewers go encrypted through the tunnel too; without the certificate the reason says what to set."""

    async def asked() -> Response:
        async with Connection("https://owl.example/chat", 20.0) as connection:
            return await connection.post(b"{}", {})

    with service() as port, gate(tmp_path / "gate", port, authority) as proxy:
        for name, value in proxy.by().items():
            monkeypatch.setenv(name, value)
        for name in _NETWORK:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert asyncio.run(asked()).status == 200
        assert proxy.heads[0].startswith("CONNECT owl.example:443")
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ResponderFailed, match="certificate") as raised:
            asyncio.run(asked())
        assert "export SSL_CERT_FILE=" in raised.value.hint
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
        with pytest.raises(ResponderFailed, match=r"owl\.example cannot be asked: HTTPS_PROXY names a SOCKS proxy"):
            asyncio.run(asked())
