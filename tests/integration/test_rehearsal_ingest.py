"""The ingest with the real ffmpeg: who may push, what is recorded, and when a stream is live."""

import asyncio
import json
import signal
import time
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from flow_processes import WITHIN

from retake_flow.redact import Secret
from retake_flow.rehearsal.server import serve
from retake_flow.rehearsal.setup.faults import StreamFault
from retake_flow.rehearsal.setup.options import Options, PreparedAgent

pytestmark = pytest.mark.real

OPTIONS = Options(agents=(PreparedAgent("Owl", Secret("rtk_ingest_owl_12345"), "user_owl"),), viewers=())
# The guide's encoder settings, with a test picture in place of the display.
PICTURE = "-re -f lavfi -i testsrc2=size=1280x720:rate=30"
SOUND = "-f lavfi -i anullsrc=channel_layout=stereo:sample_rate=44100 -c:a aac -b:a 128k"
CODING = (
    "-c:v libx264 -preset ultrafast -tune zerolatency -b:v 1500k -maxrate 1500k -bufsize 3000k -pix_fmt yuv420p -g 60"
)


@asynccontextmanager
async def ffmpeg(server, key, *options):
    """Run ffmpeg pushing to the server with a key."""
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", *PICTURE.split(), *SOUND.split()),
        *(*CODING.split(), "-f", "flv", *options),
        f"{server.rtmp_address}/{key}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ffprobe(path, *entries):
    """What ffprobe says of a file."""
    process = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-of", "json", "-count_frames", *entries, str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert err == b""
    return json.loads(out)


async def eventually(condition):
    """Wait until a condition holds."""
    async with asyncio.timeout(WITHIN):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def begin(server):
    """Ask for a key and start a session, as the guide says."""
    owl = server.platform.agents.by_id("user_owl")
    key = server.platform.issue_key(owl)
    server.platform.start(owl)
    return owl, key.value.reveal()


def frames_of_newest(server):
    """How many frames of video came with the push on the newest key."""
    push = server.platform.agents.by_id("user_owl").publication
    return push.frames if push is not None and push.is_open else 0


def run(tmp_path, scene, options=OPTIONS):
    """Play a scene with a rehearsal that is served."""

    async def main():
        async with serve(options, tmp_path) as server:
            return await scene(server)

    return asyncio.run(main())


def test_a_push_with_the_right_key_is_recorded(tmp_path):
    """The recording of three seconds is h264 1280x720 yuv420p and aac, whole, three seconds long in both."""

    async def scene(server):
        _, key = begin(server)
        async with ffmpeg(server, key, "-t", "3") as process:
            assert await process.wait() == 0
        await eventually(lambda: not server.platform.publications[0].is_open)
        (recording,) = server.report()["recordings"]
        found = await ffprobe(recording["path"], "-show_streams", "-show_format")
        packets = await ffprobe(recording["path"], "-select_streams", "a", "-show_entries", "packet=pts_time")
        return recording, found, packets["packets"]

    recording, found, sound = run(tmp_path, scene)
    video = next(stream for stream in found["streams"] if stream["codec_type"] == "video")
    audio = next(stream for stream in found["streams"] if stream["codec_type"] == "audio")
    assert (video["codec_name"], video["width"], video["height"], video["pix_fmt"]) == ("h264", 1280, 720, "yuv420p")
    assert (video["nb_read_frames"], recording["frames"]) == ("90", 90)
    assert audio["codec_name"] == "aac"
    assert float(found["format"]["duration"]) == pytest.approx(3.0, abs=0.1)
    assert float(sound[-1]["pts_time"]) == pytest.approx(3.0, abs=0.1)


def test_a_recording_goes_on_past_24_bits_of_time(tmp_path):
    """After 4 h 40 min the times no longer fit the header of a chunk; the recording goes on without a jump."""

    async def scene(server):
        _, key = begin(server)
        async with ffmpeg(server, key, "-t", "2", "-output_ts_offset", "16776.5") as process:
            assert await process.wait() == 0
        await eventually(lambda: not server.platform.publications[0].is_open)
        path = server.report()["recordings"][0]["path"]
        found = await ffprobe(path, "-select_streams", "v", "-show_entries", "packet=pts_time")
        return [float(packet["pts_time"]) for packet in found["packets"]]

    times = run(tmp_path, scene)
    assert len(times) == 60
    assert times[-1] > 16777.3
    assert all(0 < later - earlier < 0.1 for earlier, later in pairwise(times))


@pytest.mark.parametrize("application", ["live", "app/other", "apps"])
def test_there_is_one_application(tmp_path, application):
    """An address with another path leads nowhere, though the key is good: a wrong address is noticed in a rehearsal."""

    async def scene(server):
        _, key = begin(server)
        server.rtmp_address = server.rtmp_address.replace("/app", f"/{application}")
        async with ffmpeg(server, key, "-t", "3") as process:
            async with asyncio.timeout(WITHIN):
                _, said = await process.communicate()
            return process.returncode, said, server.report()

    code, said, report = run(tmp_path, scene)
    assert code != 0
    assert said
    assert report["recordings"] == []
    assert report["keys"]["used"] == 0
    assert report["keys"]["refused_pushes"] == 1


@pytest.mark.parametrize("which", ["made up", "old"])
def test_a_push_with_a_wrong_key_fails_at_once(tmp_path, which):
    """Ffmpeg ends with an error when its key is unknown or not the newest, and nothing is recorded."""

    async def scene(server):
        _, key = begin(server)
        if which == "made up":
            key = "sk_made_up_by_somebody"
        else:
            begin(server)
        async with ffmpeg(server, key) as process:
            _, words = await asyncio.wait_for(process.communicate(), WITHIN)
        return process.returncode, words.decode(), server.report()

    code, words, report = run(tmp_path, scene)
    assert code != 0
    assert "Server error: the stream key is" in words
    assert report["recordings"] == []
    assert report["keys"]["refused_pushes"] == 1
    assert not (tmp_path / "recordings").exists()


def test_is_live_follows_the_real_video(tmp_path):
    """A stream is live the lag after its first frame, and not live once ffmpeg is killed."""

    async def scene(server):
        owl, key = begin(server)
        async with ffmpeg(server, key) as process:
            await eventually(lambda: server.platform.is_live(owl))
            push = server.platform.publications[0]
            lag = time.time() - push.first_video_at
            process.send_signal(signal.SIGKILL)
            await eventually(lambda: push.closed_by and not server.platform.is_live(owl))
        return lag, push.closed_by

    lag, closed_by = run(tmp_path, scene)
    assert lag >= 0.3
    assert closed_by == "the publisher went away"


def test_each_push_has_its_own_readable_recording(tmp_path):
    """After kill -9 the recording is readable, and the next push, on a fresh key, is another file."""

    async def scene(server):
        for _ in range(2):
            _, key = begin(server)
            async with ffmpeg(server, key) as process:
                await eventually(lambda: frames_of_newest(server) >= 40)
                process.send_signal(signal.SIGKILL)
                await eventually(lambda: not server.platform.publications[-1].is_open)
        report = server.report()
        probes = [
            await ffprobe(recording["path"], "-show_entries", "stream=nb_read_frames", "-select_streams", "v")
            for recording in report["recordings"]
        ]
        return report, [int(probe["streams"][0]["nb_read_frames"]) for probe in probes]

    report, frames = run(tmp_path, scene)
    assert len({recording["path"] for recording in report["recordings"]}) == 2
    # The decoder needs a frame it never got to give out the last ones.
    assert all(
        0 <= recording["frames"] - count <= 2 for recording, count in zip(report["recordings"], frames, strict=True)
    )
    assert report["keys"] == {"issued": 2, "used": 2, "reused": 0, "refused_pushes": 0, "rotated": 0}
    assert report["broken_rules"] == []


@pytest.mark.parametrize("how", ["stop", "key"])
def test_the_platform_ends_a_push(tmp_path, how):
    """When the session is stopped or a newer key is issued, the connection is closed and ffmpeg ends."""

    async def scene(server):
        owl, key = begin(server)
        async with ffmpeg(server, key) as process:
            await eventually(lambda: server.platform.is_live(owl))
            if how == "stop":
                server.platform.stop(owl)
            else:
                server.platform.issue_key(owl)
            await asyncio.wait_for(process.communicate(), WITHIN)
        return process.returncode

    assert run(tmp_path, scene) != 0


def test_leaving_ends_a_push_that_is_going_on(tmp_path):
    """When the rehearsal ends, a push that is going on ends with it, and its recording is closed."""

    async def main():
        async with serve(OPTIONS, tmp_path) as server:
            owl, key = begin(server)
            pushing = ffmpeg(server, key)
            process = await pushing.__aenter__()
            await eventually(lambda: server.platform.is_live(owl))
        try:
            await asyncio.wait_for(process.communicate(), WITHIN)
        finally:
            await pushing.__aexit__(None, None, None)
        return process.returncode

    assert asyncio.run(main()) != 0
    (recording,) = json.loads((tmp_path / "report.json").read_text())["recordings"]
    assert recording["closed"] is not None


def test_a_stall_reads_nothing_and_a_rotation_ends_the_push(tmp_path):
    """While the ingest stalls no frame arrives from an encoder that runs; a rotated key ends the encoder itself."""

    async def scene(server):
        owl, key = begin(server)
        async with ffmpeg(server, key) as process:
            await eventually(lambda: server.platform.is_live(owl))
            server.platform.strike(owl, StreamFault("stall", lasts=30.0))
            await eventually(lambda: not server.platform.is_live(owl))
            stalled = frames_of_newest(server), process.returncode
            await eventually(lambda: server.platform.is_live(owl))
            resumed = frames_of_newest(server)
            server.platform.strike(owl, StreamFault("rotate_key"))
            await process.wait()
        return stalled, resumed, [breach.rule for breach in server.platform.breaches]

    (frames, ended), resumed, broken = run(tmp_path, scene)
    assert (ended, broken) == (None, [])
    assert resumed > frames
