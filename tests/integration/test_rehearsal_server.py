"""The rehearsal served on real sockets: faults on the wire, strangers, files, and a clean end."""

import asyncio
import json
import logging
import signal
import sys
from contextlib import contextmanager, suppress

import httpx
import pytest
from flow_processes import WITHIN

from retake_flow.errors import UsageError
from retake_flow.redact import Secret
from retake_flow.rehearsal.http.middleware import LARGEST_BODY
from retake_flow.rehearsal.server import serve
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.setup.viewer_script import Cue

TOKEN = "rtk_server_owl_12345"
OWL = PreparedAgent("Owl", Secret(TOKEN), "user_owl")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(2_000_000)


async def eventually(condition):
    """Wait until a condition holds."""
    async with asyncio.timeout(WITHIN):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def run(tmp_path, scene, **options):
    """Play a scene with a rehearsal that is served, and a client of it."""

    async def main():
        async with (
            serve(Options(agents=(OWL,), **options), tmp_path) as server,
            httpx.AsyncClient(
                base_url=server.address, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=WITHIN
            ) as client,
        ):
            return await scene(server, client)

    return asyncio.run(main())


@contextmanager
def nobody_listens():
    """Take pytest's ears away, so that a warning goes to stderr as it does in a program that sets up no logging."""
    known = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    ears = [
        (logger, handler)
        for logger in [logging.getLogger(), *known]
        for handler in logger.handlers
        if type(handler) is not logging.NullHandler
    ]
    for logger, handler in ears:
        logger.removeHandler(handler)
    try:
        yield
    finally:
        for logger, handler in ears:
            logger.addHandler(handler)


def test_the_api_is_served_and_leaves_its_files(tmp_path):
    """Calls over a socket work, thumbnails become files, and the report is written at the end."""

    async def scene(server, client):
        rtmp = (await client.post("/api/v1/agent/rtmp")).json()
        assert rtmp["url"] == server.rtmp_address
        answer = await client.post("/api/v1/agent/update-thumbnail", files={"image": ("t.png", PNG, "image/png")})
        return rtmp["key"], answer.json()["thumbnail_url"], server.address

    key, url, address = run(tmp_path, scene)
    assert url == f"{address}/thumbnails/user_owl"
    assert (tmp_path / "thumbnails" / "owl-001.png").read_bytes() == PNG
    report = (tmp_path / "report.json").read_text()
    assert key not in report
    assert TOKEN not in report
    assert [call["path"] for call in json.loads(report)["timeline"]] == [
        "/api/v1/agent/rtmp",
        "/api/v1/agent/update-thumbnail",
    ]


@pytest.mark.parametrize("effect", [False, True])
def test_a_dropped_connection_has_no_answer(tmp_path, effect, capfd):
    """On the wire a dropped call is a closed connection without a byte, and nobody writes a traceback about it."""

    async def scene(server, client):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/api/v1/agent/stream/start")
        session = server.platform.agents.by_id("user_owl").session
        after = await client.get("/api/v1/agent/stream/status")
        return session is not None, after.status_code, [call.status for call in server.platform.calls.calls]

    fault = Fault("POST /agent/stream/start", drop=True, effect=effect)
    with nobody_listens():
        assert run(tmp_path, scene, faults=(fault,)) == (effect, 200, [None, 200])
    assert capfd.readouterr().err == ""


def test_a_client_that_gives_up_has_no_effect(tmp_path):
    """A call whose client timed out during a delay is never carried out behind its back."""

    async def scene(server, client):
        before = asyncio.all_tasks()
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/api/v1/agent/rtmp", timeout=httpx.Timeout(WITHIN, read=0.2))
        await eventually(lambda: asyncio.all_tasks() <= before)
        return len(server.platform.agents.by_id("user_owl").keys)

    assert run(tmp_path, scene, faults=(Fault("POST /agent/rtmp", delay=60.0),)) == 0


def test_a_body_that_is_too_large_or_too_deep_is_refused_in_words(tmp_path, capfd):
    """The client that sends it hears why, the platform goes on, and nobody writes a traceback about it."""

    async def scene(server, client):
        answers = []
        for path in ("/api/v1/agent/stream/chat/send", "/_rehearsal/faults", "/api/v1/agent/update-thumbnail"):
            for body in (bytes(LARGEST_BODY + 1), b"[" * 200_000):
                answers.append(await client.post(path, content=body))
        after = await client.get("/api/v1/agent/verification-status")
        return [answer.status_code for answer in answers], [answer.json()["error"] for answer in answers], after

    statuses, words, after = run(tmp_path, scene)
    assert statuses == [413, 400, 413, 400, 413, 400]
    assert all(words)
    assert after.json() == {"verified": True}
    assert capfd.readouterr().err == ""


def test_viewers_come_by_themselves(tmp_path):
    """Once there is video the script of the options is performed without anybody asking."""

    async def scene(server, client):
        key = (await client.post("/api/v1/agent/rtmp")).json()["key"]
        await client.post("/api/v1/agent/stream/start")
        push = server.platform.publish(key)
        push.video()
        owl = server.platform.agents.by_id("user_owl")
        await eventually(lambda: owl.chat.comments)
        return (await client.get("/api/v1/agent/stream/comments?userDbId=user_owl")).json()[0]["text"]

    assert run(tmp_path, scene, lag=0.0, viewers=(Cue(0.05, "mira", text="hi"),)) == "hi"


def test_the_end_does_not_wait_for_a_long_delay(tmp_path):
    """A call that is being delayed is given up when the rehearsal ends, and nothing of it stays open."""

    async def main():
        fault = Fault("* *", delay=3600.0)
        async with asyncio.timeout(WITHIN), httpx.AsyncClient(trust_env=False) as client:
            async with serve(Options(agents=(OWL,), faults=(fault,)), tmp_path) as server:
                asking = asyncio.create_task(client.get(f"{server.address}/skill.json", timeout=3600))
                await eventually(lambda: server.platform.calls.count)
            others = asyncio.all_tasks() - {asyncio.current_task(), asking}
            await asyncio.wait([asking], timeout=WITHIN)
        return asking.done(), asking.exception() or asking.result().status_code, others

    done, end, others = asyncio.run(main())
    assert done
    assert end == 500 or isinstance(end, httpx.TransportError)
    assert others == set()


def test_strangers_leave_nothing_on_stderr(tmp_path, capfd):
    """Port scans, garbage and broken connections at both ports; all goes on working."""
    handshake = b"\x03" + bytes(1536)
    rubbish = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(100),
        handshake,
        handshake + bytes(1536) + b"\xff" * 500,
        handshake + bytes(1536) + b"\x03" + bytes(3) + (5).to_bytes(3) + b"\x14" + bytes(4) + b"\x02\xff\xffno",
        handshake
        + bytes(1536)
        + b"\x03"
        + bytes(3)
        + (6).to_bytes(3)
        + b"\x14"
        + bytes(4)
        + b"\x02\x00\x03\xff\xfe\xfd",
        handshake + bytes(1536) + b"\x03" + bytes(3) + (6).to_bytes(3) + b"\x14" + bytes(4) + b"\x02\x00\x03odd",
    ]

    async def scene(server, client):
        ports = [int(address.split(":")[2].split("/")[0]) for address in (server.address, server.rtmp_address)]
        for port in ports:
            for data in rubbish:
                for politely in (True, False):
                    await poke(port, data, politely)
        junk = {"content": b"junk", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}
        assert (await client.post("/api/v1/agent/update-thumbnail", **junk)).status_code == 400
        return (await client.get("/skill.json")).status_code

    async def poke(port, data, politely):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        await writer.drain()
        if politely:
            writer.write_eof()
            with suppress(ConnectionError):
                async with asyncio.timeout(WITHIN):
                    await reader.read()
            writer.close()
        else:
            writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()

    with nobody_listens():
        assert run(tmp_path, scene) == 200
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_refused_in_words(tmp_path):
    """A port that somebody has is refused in words with a hint, not by an exit of the whole program."""

    async def scene(server, client):
        async with serve(Options(), tmp_path / "other", port=int(server.address.split(":")[2])):
            pass

    with pytest.raises(UsageError, match="cannot listen on") as error:
        run(tmp_path, scene)
    assert error.value.hint


def test_a_folder_that_cannot_be_used_is_refused(tmp_path):
    """A folder that cannot be made is refused in words."""
    (tmp_path / "file").write_text("")

    async def main():
        async with serve(Options(), tmp_path / "file" / "folder"):
            pass

    with pytest.raises(UsageError, match="cannot use the folder"):
        asyncio.run(main())


def test_signals_and_logging_stay_the_programs_own(tmp_path):
    """Serving installs no signal handler and does not touch the root logger."""

    def state():
        signals = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        return signals, logging.getLogger().level, tuple(logging.getLogger().handlers)

    before = state()

    async def scene(server, client):
        return signal.getsignal(signal.SIGTERM), logging.getLogger().level, tuple(logging.getLogger().handlers)

    during = run(tmp_path, scene)
    assert during == (before[0][1], *before[1:])
    assert state() == before


def test_importing_leaves_the_root_logger_alone():
    """In a fresh program the import of the server adds no handler, so that no library writes on stderr."""
    code = (
        "import logging, retake_flow.rehearsal.server; root = logging.getLogger(); print(root.handlers, root.level);"
        "logging.getLogger('pyrtmp.messages.command').warning('noise')"
    )

    async def main():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        return await process.communicate()

    out, err = asyncio.run(main())
    assert out.decode().strip() == f"[] {logging.WARNING}"
    assert err == b""
