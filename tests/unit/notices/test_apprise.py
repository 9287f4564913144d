"""Notices through apprise, to a server of our own on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from retake_flow.errors import NoticeFailed, SettingsError
from retake_flow.notices import apprise
from retake_flow.notices.apprise import LONGEST_ANSWER
from retake_flow.ports.notices import Notice
from retake_flow.redact import Secret, scrub

TOKEN = "hush_0123456789"
NOTICE = Notice("gate", "owl: a question", "May I go live?\n<b>&</b>", about="approve.1")
SHORT = Notice("told", "t", "text")
_MOST = 64 * LONGEST_ANSWER


class Server(ThreadingHTTPServer):
    """Takes posts.

    Attributes:
        posts: What was posted, as JSON.
        status: What it answers.
        arrived: Set when the first post has come.
        answers: Set unless it is to keep silent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts: list[dict[str, Any]] = []
        self.status = 200
        self.arrived = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    def address(self, who: str = "", path: str = TOKEN) -> Secret:
        """Where it is, as apprise writes it, with a secret in it."""
        return Secret(f"{who}json://127.0.0.1:{self.server_port}/{path}")


class Handler(BaseHTTPRequestHandler):
    """Keeps a post and answers."""

    server: Server

    def do_POST(self) -> None:
        """Take a post."""
        self.server.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.arrived.set()
        self.server.answers.wait()
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that takes posts, in threads of its own."""
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.answers.set()
        serving.shutdown()
        thread.join()


def send(*addresses: Secret, notice: Notice = NOTICE) -> None:
    """Send a notice to each address."""

    async def all_of_them() -> None:
        for notifier in apprise.notifiers(addresses):
            await notifier.send(notice)

    asyncio.run(all_of_them())


def test_a_notice_arrives(server: Server) -> None:
    """The title and the text are posted to the address, character by character."""
    send(server.address())
    (post,) = server.posts
    assert (post["title"], post["message"], post["type"]) == (NOTICE.title, NOTICE.text, "info")


@pytest.mark.parametrize(
    ("kind", "look"), [("trouble", "warning"), ("escalation", "warning"), ("live", "success"), ("ended", "info")]
)
def test_a_service_can_tell_trouble_from_good_news(server: Server, kind: Any, look: str) -> None:
    """Each kind has the look that services give to information, success or a warning."""
    send(server.address(), notice=Notice(kind, "t", ""))
    assert [post["type"] for post in server.posts] == [look]


def test_each_address_is_a_channel_with_an_audience() -> None:
    """`WHO=` before an address makes it one of that audience; each has a name that tells no more than the scheme."""
    addresses = ["json://h/a?x=b://c", "owner=json://h/b", "json://h/c", "the-boss_2=xml://h/d"]
    found = apprise.notifiers([Secret(address) for address in addresses])
    assert [(notifier.channel, notifier.audience) for notifier in found] == [
        ("json", "operator"),
        ("json (owner)", "owner"),
        ("json 2", "operator"),
        ("xml (the-boss_2)", "the-boss_2"),
    ]
    assert "h/a" not in repr(found)


def test_a_refused_notice_has_failed(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """A server that answers with an error has not taken the notice; the error tells the scheme and no secret."""
    server.status = 500
    with pytest.raises(NoticeFailed, match=r"^json \(owner\) did not accept the notice$"):
        send(server.address("owner="))
    assert len(server.posts) == 1
    assert capfd.readouterr() == ("", "")


def test_nobody_there_is_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    """An address at which nobody listens is a failed notice, without a word on the terminal."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(NoticeFailed, match=r"^json did not accept the notice$"):
            send(Secret(f"json://127.0.0.1:{deaf.getsockname()[1]}/{TOKEN}"))
    assert capfd.readouterr() == ("", "")


def test_a_delivery_has_a_time_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that keeps silent is not waited for longer than the limit, and the event loop goes on meanwhile."""
    monkeypatch.setattr(apprise, "WITHIN", 0.2)
    server.answers.clear()
    (notifier,) = apprise.notifiers([server.address()])

    async def scene() -> None:
        sending = asyncio.create_task(notifier.send(NOTICE))
        with pytest.raises(NoticeFailed, match=r"^json did not accept the notice within 0\.2 s$"):
            await sending
        server.answers.set()

    asyncio.run(scene())


def test_a_delivery_can_be_broken_off(server: Server) -> None:
    """A delivery that is cancelled ends as cancelled, at once."""
    server.answers.clear()
    (notifier,) = apprise.notifiers([server.address()])

    async def scene() -> None:
        sending = asyncio.create_task(notifier.send(NOTICE))
        await asyncio.to_thread(server.arrived.wait)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        server.answers.set()

    asyncio.run(scene())


def test_a_defect_of_apprise_is_a_failed_notice(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever apprise raises is a failed notice, without its words, which may hold the address."""
    (notifier,) = apprise.notifiers([server.address()])

    def breaks(**_: object) -> bool:
        raise ValueError(TOKEN)

    monkeypatch.setattr(notifier._service, "notify", breaks)
    with pytest.raises(NoticeFailed, match=r"^json could not be notified: ValueError$") as raised:
        asyncio.run(notifier.send(NOTICE))
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"nosuchthing://{TOKEN}", "nosuchthing://•••"),
        (f"owner=nosuchthing://{TOKEN}", "nosuchthing://•••"),
        (f"discord://{TOKEN}", "discord://•••"),
        (TOKEN, "•••"),
        (f"not an audience=json://{TOKEN}", "•••"),
        (f"{TOKEN}://", "•••"),
        ("json://", "•••"),
        ("", "•••"),
    ],
)
def test_a_bad_address_is_refused_without_showing_it(
    address: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """An address that apprise does not know is an error of the settings that says which one, and not what it is."""
    with pytest.raises(SettingsError) as raised:
        apprise.notifiers([Secret("json://127.0.0.1/"), Secret(address)])
    assert raised.value.message == f"address 2 for notices ({shown}) is not one that apprise knows"
    assert TOKEN not in raised.value.hint
    assert capfd.readouterr() == ("", "")


def test_an_address_without_its_audience_is_secret_too() -> None:
    """What a program says of an address is scrubbed, also when the `WHO=` is not with it."""
    apprise.notifiers([Secret(f"owner=json://127.0.0.1/{TOKEN}")])
    assert TOKEN not in scrub(f"cannot reach json://127.0.0.1/{TOKEN}")


def test_what_logs_addresses_is_silent(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing about a delivery is logged, whatever level somebody asks for."""
    server.status = 500
    with caplog.at_level(logging.DEBUG), pytest.raises(NoticeFailed):
        send(server.address())
    assert TOKEN not in caplog.text


def test_a_text_that_is_too_long_for_a_service_is_parted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that takes short texts gets several, since it would refuse a long one each time."""
    (notifier,) = apprise.notifiers([server.address()])
    monkeypatch.setattr(next(iter(notifier._service)), "body_maxlen", 100)
    asyncio.run(notifier.send(Notice("told", "t", "word " * 50)))
    assert len(server.posts) > 2


def test_an_address_may_say_what_is_done_with_long_texts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes `overflow=truncate` gets one text."""
    (notifier,) = apprise.notifiers([server.address(path="?overflow=truncate")])
    monkeypatch.setattr(next(iter(notifier._service)), "body_maxlen", 100)
    asyncio.run(notifier.send(Notice("told", "t", "word " * 50)))
    assert len(server.posts) == 1


def test_who_has_no_address_does_not_pay_for_apprise() -> None:
    """Without addresses there are no channels, and apprise, which is slow to come, is not imported."""
    code = (
        "import sys; from retake_flow.notices.apprise import notifiers;"
        " assert notifiers([]) == () and 'apprise' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("a tip: @everyone look", "@everyone"),
        ("@Here and <!channel>", "@Here"),
        ("<@123456> <@&42> <#7> <!here>", "<@"),
        ("slack <!channel> too", "<!channel"),
        ("@room @all @CHANNEL", "@room"),
    ],
)
def test_what_a_viewer_writes_calls_nobody(server: Server, text: str, forbidden: str) -> None:
    """The words stay readable, and are no mention any more."""
    (notifier,) = apprise.notifiers([server.address()])
    asyncio.run(notifier.send(Notice("tip", text, text)))
    [post] = server.posts
    assert forbidden not in post["title"] + post["message"]
    assert post["message"].replace("\u200b", "") == text


def test_what_has_to_be_copied_stays_as_it_is() -> None:
    """A name after an @, an address and a command are not touched."""
    text = "Claiming my Livestreaming Agent on @retakedottv. Code: K7 <b> a@hereford.example 1 < 2"
    assert apprise.without_mentions(text) == text


class Talker:
    """A service that takes one post after the other and answers with whatever it is told to.

    Attributes:
        port: Where it listens.
        sent: How many bytes it has got rid of.
        over: Set when it is to be silent.
    """

    def __init__(self, head: bytes, body: Callable[[], Iterator[bytes]]) -> None:
        self._head, self._body = head, body
        self.sent = 0
        self.over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self.over.is_set():
            with suppress(OSError):
                connection, _ = self._listening.accept()
                with closing(connection):
                    connection.recv(65_536)
                    connection.sendall(self._head)
                    for piece in self._body():
                        connection.sendall(piece)
                        self.sent += len(piece)
                        if self.over.is_set() or self.sent > _MOST:
                            break

    def close(self) -> None:
        """End it."""
        self.over.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._listening.close()
        self._thread.join()

    @property
    def address(self) -> Secret:
        """Where it is, as apprise writes it."""
        return Secret(f"json://127.0.0.1:{self.port}/")


def endless() -> Iterator[bytes]:
    """Bytes for ever."""
    while True:
        yield b"x" * 65_536


PLAIN = b"HTTP/1.1 200 OK\r\n\r\n"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[Talker]:
    """A service that answers as the test says."""
    serving = Talker(*request.param)
    yield serving
    serving.close()


def chunks() -> Iterator[bytes]:
    """Chunks for ever."""
    while True:
        yield b"8000\r\n" + b"x" * 0x8000 + b"\r\n"


def bomb() -> Iterator[bytes]:
    """What is small until it is unpacked."""
    yield gzip.compress(b" " * 4 * _MOST)


def headers() -> Iterator[bytes]:
    """Headers for ever."""
    while True:
        yield b"X: y\r\n" * 100


@pytest.mark.parametrize(
    "talker",
    [(PLAIN, endless), (CHUNKED, chunks), (PACKED, bomb), (b"HTTP/1.1 200 OK\r\n", headers)],
    indirect=True,
    ids=["endless", "chunks", "packed", "headers"],
)
def test_an_answer_is_read_only_so_far(talker: Talker) -> None:
    """However much a service answers, the notice has failed and nothing of it is kept."""
    (notifier,) = apprise.notifiers([talker.address])
    with pytest.raises(NoticeFailed, match=r"^json did not accept the notice"):
        asyncio.run(notifier.send(SHORT))
    assert talker.sent < _MOST


def trickle(over: threading.Event) -> Iterator[bytes]:
    """A byte now and then."""
    while not over.wait(0.2):
        yield b"x"


def test_a_service_that_trickles_is_told_nothing_more_and_holds_up_no_end() -> None:
    """It is given up in time, told nothing while it goes on, and neither the loop nor the process waits for it."""
    over = threading.Event()
    talker = Talker(PLAIN, lambda: trickle(over))
    code = f"""
import asyncio
from retake_flow.errors import NoticeFailed
from retake_flow.notices import apprise
from retake_flow.ports.notices import Notice
from retake_flow.redact import Secret
apprise.WITHIN = 0.5
(notifier,) = apprise.notifiers([Secret("json://127.0.0.1:{talker.port}/")])
async def main():
    for _ in range(3):
        try:
            await notifier.send(Notice("told", "t", "text"))
        except NoticeFailed as error:
            print(error.message)
asyncio.run(main())
"""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    finally:
        over.set()
        talker.close()
    busy = "json is still busy with an earlier notice"
    assert done.stdout.splitlines() == ["json did not accept the notice within 0.5 s", busy, busy]
    assert done.stderr == ""
