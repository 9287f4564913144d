"""The encoder against a real RTMP listener, which is ffmpeg itself."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import psutil
import pytest
from flow_processes import WITHIN
from rtmp_listener import KEY, listening, seconds_sent
from run_programs import programs

from retake_flow.errors import HostError, IngestUnreachable, ProcessFailed, PushClosed, PushRefused
from retake_flow.redact import Secret
from retake_flow.studio.encoding import encoder as encoder_module
from retake_flow.studio.encoding import quality
from retake_flow.studio.encoding.quality import Quality
from retake_flow.studio.processes import watchdog
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.recordings import probe
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import WorkFolder

pytestmark = pytest.mark.real


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


@pytest.fixture
def stage(marker: str, tmp_path: Path) -> Studio:
    """A studio of this test's own."""
    return Studio(Launcher(marker, os.environ), WorkFolder(tmp_path))


def test_what_is_pushed_is_what_the_guide_asks_for(stage: Studio, marker: str, tmp_path: Path) -> None:
    """The ingest receives h264 1280x720 yuv420p at 30 frames/s with aac, and the stream is closed in order."""

    async def run() -> None:
        async with listening(marker, tmp_path) as ingest, stage.display("1280x720"):
            async with stage.encoder(ingest.push_url) as running:
                assert running.value["frames"] >= 1
                assert running.value["size"] == "1280x720"
                await seconds_sent(stage, 2.0)
                health = stage.health()
                assert health is not None
                assert health.bitrate > 1
            assert stage.health() is None
            assert running.process.status == 255  # how ffmpeg ends when it was interrupted and finished its work
            async with asyncio.timeout(WITHIN):
                assert (await ingest.process.wait()).startswith("ffmpeg ended with status 0")
            recording = await probe(Launcher(marker, os.environ), ingest.recording)
        assert (recording.codec, recording.audio_codec) == ("h264", "aac")
        assert (recording.width, recording.height, recording.pixel_format) == (1280, 720, "yuv420p")
        assert recording.frames_per_second == 30.0
        assert recording.frames >= 10
        assert recording.duration_seconds >= 1.5
        assert programs(marker) == []

    asyncio.run(run())


def test_a_killed_encoder_is_noticed(stage: Studio, marker: str, tmp_path: Path) -> None:
    """After kill -9 of ffmpeg its end is reported."""

    async def run() -> None:
        async with (
            listening(marker, tmp_path) as ingest,
            stage.display("320x240"),
            stage.encoder(ingest.push_url) as running,
        ):
            os.kill(running.process.pid, signal.SIGKILL)
            async with asyncio.timeout(WITHIN):
                assert await running.wait() == "ffmpeg was killed by signal 9"
        assert programs(marker) == []

    asyncio.run(run())


def test_the_encoder_ends_when_the_ingest_goes_away(stage: Studio, marker: str, tmp_path: Path) -> None:
    """A closed connection ends the encoder; the reason holds neither address nor stream key."""

    async def run() -> None:
        async with (
            listening(marker, tmp_path) as ingest,
            stage.display("320x240"),
            stage.encoder(ingest.push_url) as running,
        ):
            os.kill(ingest.process.pid, signal.SIGKILL)
            async with asyncio.timeout(WITHIN):
                with pytest.raises(PushClosed) as closed:
                    await running.wait()
            for text in (closed.value.message, *running.process.lines):
                assert KEY not in text
        assert programs(marker) == []

    asyncio.run(run())


def test_the_encoder_ends_with_its_display(stage: Studio, marker: str, tmp_path: Path) -> None:
    """When the display dies the encoder does not go on with sound alone."""

    async def run() -> None:
        async with (
            listening(marker, tmp_path) as ingest,
            stage.display("320x240") as display,
            stage.encoder(ingest.push_url) as running,
        ):
            os.kill(display.process.pid, signal.SIGKILL)
            async with asyncio.timeout(WITHIN):
                assert (await running.wait()).startswith("ffmpeg ended with status 1: ")
        assert programs(marker) == []

    asyncio.run(run())


def test_a_stalled_encoder_is_given_up(stage: Studio, marker: str, tmp_path: Path) -> None:
    """An encoder that lives but sends nothing is killed after some seconds, without a request to end."""

    async def run() -> None:
        async with (
            listening(marker, tmp_path) as ingest,
            stage.display("320x240"),
            stage.encoder(ingest.push_url) as running,
        ):
            os.kill(running.process.pid, signal.SIGSTOP)
            async with asyncio.timeout(WITHIN):
                assert await running.wait() == "ffmpeg has sent nothing for 5 s"
                assert await running.process.wait() == "ffmpeg was killed by signal 9"
        assert programs(marker) == []

    asyncio.run(run())


def test_a_display_that_hangs_is_noticed_and_its_encoder_ends(
    stage: Studio, marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that lives but does not answer is over before its encoder counts as hanging."""
    assert watchdog.SILENCE_SECONDS < encoder_module.STALL_SECONDS
    monkeypatch.setattr(encoder_module, "STALL_SECONDS", WITHIN)  # which had perhaps sent nothing before, too

    async def run() -> None:
        async with (
            listening(marker, tmp_path) as ingest,
            stage.display("320x240") as display,
            stage.encoder(ingest.push_url) as running,
        ):
            hung, frozen = asyncio.ensure_future(display.wait()), asyncio.ensure_future(running.wait())
            await seconds_sent(stage, 1.0)
            os.kill(display.process.pid, signal.SIGSTOP)
            async with asyncio.timeout(WITHIN):
                assert await hung == "Xvfb has not answered for 4 s"
                assert (await frozen).startswith("ffmpeg ended with status 1: ")
        assert programs(marker) == []

    asyncio.run(run())


def test_an_encoder_that_gets_too_little_time_goes_on_with_less(
    stage: Studio, marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ffmpeg running a tenth of the time, it ends with the reason, and the next one has a faster preset."""
    monkeypatch.setattr(quality, "SLOW_FOR", 6.0)
    monkeypatch.setattr(encoder_module, "STALL_SECONDS", WITHIN)

    async def starve(pid: int) -> None:
        while True:
            for number, seconds in ((signal.SIGSTOP, 0.45), (signal.SIGCONT, 0.05)):
                os.kill(pid, number)
                await asyncio.sleep(seconds)

    async def run() -> None:
        async with stage.display("320x240"):
            async with (
                listening(marker, tmp_path) as ingest,
                stage.encoder(ingest.push_url, adapt=True) as running,
                asyncio.timeout(WITHIN),
            ):
                starving = asyncio.create_task(starve(running.process.pid))
                reason = await running.wait()
                starving.cancel()
                os.kill(running.process.pid, signal.SIGCONT)
            assert reason.startswith("the encoder is too slow for this machine: it continues with preset superfast")
            (tmp_path / "again").mkdir()
            async with (
                listening(marker, tmp_path / "again") as ingest,
                stage.encoder(ingest.push_url, adapt=True) as running,
            ):
                assert "superfast" in psutil.Process(running.process.pid).cmdline()
        assert programs(marker) == []

    asyncio.run(run())


def test_the_health_of_the_encoder_is_known(stage: Studio, marker: str, tmp_path: Path) -> None:
    """It has frames, rates and speed while the encoder runs, and there is none afterwards."""

    async def run() -> None:
        async with listening(marker, tmp_path) as ingest, stage.display("320x240"):
            assert stage.health() is None
            async with stage.encoder(ingest.push_url, Quality(framerate=10)):
                await seconds_sent(stage, 4.0)
                health = stage.health()
            assert stage.health() is None
        assert health is not None
        assert health.frames >= 10
        assert 0 < health.fps <= 15
        assert health.bitrate > 1
        assert health.speed > 0
        assert programs(marker) == []

    asyncio.run(run())


def test_an_ingest_that_cannot_be_reached_is_a_clean_error(stage: Studio, marker: str) -> None:
    """The error names the cause and what to look at, and holds no stream key."""

    async def run() -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))  # nobody listens, and nobody else gets the port
            url = Secret(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/app/{KEY}")
            async with stage.display("320x240"):
                with pytest.raises(IngestUnreachable, match="Connection refused") as raised:
                    async with stage.encoder(url):
                        raise AssertionError("nothing was sent")
        assert KEY not in raised.value.message
        assert "firewall" in raised.value.hint
        assert stage.health() is None
        assert programs(marker) == []

    asyncio.run(run())


@pytest.mark.parametrize("scheme", ["rtmp", "rtmps"])
@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_the_video_takes_no_proxy(marker: str, tmp_path: Path, scheme: str, variable: str) -> None:
    """Whatever proxy is set, the encoder goes to the ingest itself."""

    async def run() -> None:
        with socket.socket() as proxy, socket.socket() as silent:
            for each in (proxy, silent):
                each.bind(("127.0.0.1", 0))
            proxy.listen()
            proxy.setblocking(False)
            environment = {**os.environ, variable: f"http://127.0.0.1:{proxy.getsockname()[1]}"}
            stage = Studio(Launcher(marker, environment), WorkFolder(tmp_path))
            url = Secret(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/app/{KEY}")
            async with stage.display("320x240"):
                with pytest.raises(IngestUnreachable):
                    async with stage.encoder(url):
                        raise AssertionError("nothing was sent")
            with pytest.raises(BlockingIOError):
                proxy.accept()
        assert programs(marker) == []

    asyncio.run(run())


def test_an_ingest_that_refuses_is_a_clean_error(stage: Studio, marker: str) -> None:
    """An ingest that hangs up on us is reported as a failure of the encoder, without the stream key."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with server, stage.display("320x240"):
            url = Secret(f"rtmp://127.0.0.1:{server.sockets[0].getsockname()[1]}/app/{KEY}")
            with pytest.raises(PushRefused, match="closes the connection before it takes any video") as raised:
                async with stage.encoder(url):
                    raise AssertionError("nothing was sent")
        assert KEY not in raised.value.message
        assert programs(marker) == []

    asyncio.run(run())


def test_a_file_that_is_no_recording_is_a_clean_error(marker: str, tmp_path: Path) -> None:
    """The message names a file without video, and a missing one."""
    (tmp_path / "text.flv").write_text("no video in here")
    for name in ("text.flv", "missing.flv"):
        with pytest.raises(ProcessFailed, match=f"{name} cannot be read as a recording"):
            asyncio.run(probe(Launcher(marker, os.environ), tmp_path / name))


def test_hardware_that_cannot_encode_is_named_before_anything_is_sent(tmp_path: Path, marker: str) -> None:
    """It is tried for a second, and not replaced by another encoder."""

    async def scene() -> None:
        stage = Studio(Launcher(marker, os.environ), WorkFolder(tmp_path))
        async with listening(marker, tmp_path) as ingest, stage.display("320x240"):
            with pytest.raises(HostError, match="h264_vaapi") as raised:
                async with stage.encoder(ingest.push_url, Quality(codec="h264_vaapi")):
                    pass
            assert "codec: libx264" in raised.value.hint

    if os.path.exists("/dev/dri"):
        pytest.skip("this machine has a graphics card")
    asyncio.run(scene())
