"""Encoder: ffmpeg, which sends a display to the platform with the guide's settings."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from retake_flow.errors import IngestUnreachable, PushClosed, PushRefused, StudioError
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret
from retake_flow.settings import CERTIFICATES
from retake_flow.studio.display import Display, checked_size
from retake_flow.studio.encoding.progress import Health, Progress, ProgressReader
from retake_flow.studio.encoding.quality import Adaptation, Quality
from retake_flow.studio.processes import watchdog
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process, ProcessSpec
from retake_flow.studio.sound import SILENCE, AudioInput
from retake_flow.tasks import first_of

# A write that the network does not take ends ffmpeg after this time (measured for RTMP with ffmpeg 5.1; without it
# ffmpeg hangs and does not react to SIGINT either).
WRITE_TIMEOUT_SECONDS = 10
# If ffmpeg hangs elsewhere, such as in the display or the sound, it is ended when nothing was encoded or sent for this
# long. That is longer than a display's silence, so that a hanging display is noticed first.
STALL_SECONDS = 5.0
_LOOK_SECONDS: Final = 1.0  # between two looks at whether the settings fit
# The key is everything after the last slash, as in `rtmps://host:443/app/key`.
_PUSH_URL = re.compile(r"(?P<server>rtmps?://[^\s/]+)/(?P<app>\S+)/(?P<key>[^\s/]+)/*")
_LONGEST_OPTION = 900  # characters; ffmpeg cuts the lines of a preset

# The display's frames carry the time of day. When the clock is set, the filter continues at the same pace; without it,
# ffmpeg would drop every frame until the old time is reached again, or make up the frames in between.
_LONGEST_GAP_SECONDS = 5
_STEADY = f"if(between((PTS-PREV_INPTS)*TB,0,{_LONGEST_GAP_SECONDS}),PTS-PREV_INPTS,1/(FR*TB))"
_FILTER = f"setpts='if(N,PREV_OUTPTS+{_STEADY},PTS)'"
_TEN_YEARS = 10 * 366 * 86_400  # seconds; frames further apart never reach the filter


@dataclass(frozen=True, slots=True)
class Encoder:
    """A running encoder; with an adaptation, it also ends when its settings are to change."""

    process: Process
    reader: ProgressReader
    value: Mapping[str, Any]
    adaptation: Adaptation | None = None

    @property
    def progress(self) -> Progress:
        """The encoder's latest report."""
        self.process.read_output()
        return self.reader.latest or Progress()

    @property
    def health(self) -> Health:
        """The encoder's present health."""
        self.process.read_output()  # after a suspension, older reports must not count
        return self.reader.health()

    async def wait(self) -> str:
        """Wait until the encoder ends, has sent nothing for `STALL_SECONDS`, or is to change, and return why.

        Raises:
            PushClosed: The ingest has ended the push.
            IngestUnreachable: The connection to the ingest is lost.
        """
        if self.adaptation is None:
            return await self._end()
        async with first_of(self._end(), self._change(self.adaptation)) as (ended, changing):
            return ended.result() if ended.done() else changing.result()

    async def _end(self) -> str:
        reason = await watchdog.wait_while_sending(
            self.process, STALL_SECONDS, lambda: self.progress.frame, lambda: self.progress.total_size
        )
        error = diagnose(self.process.lines, sending=True) if (self.process.status or 0) > 0 else None
        if error is not None:
            raise error
        return reason

    async def _change(self, adaptation: Adaptation) -> str:
        kept_up_for = 0.0  # counted in looks, so that it does not grow while the whole machine stands still
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            slow_for = self.health.slow_for
            kept_up_for = 0.0 if slow_for else kept_up_for + _LOOK_SECONDS
            if reason := adaptation.next(slow_for, kept_up_for):
                return reason


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of an encoder."""

    address: str
    app: str
    key: Secret

    @classmethod
    def of(cls, push_url: Secret) -> Target:
        """Split the push URL of the platform, which ends in a slash and the key.

        Raises:
            StudioError: The URL is not an RTMP address, or too long for ffmpeg.
        """
        parts = _PUSH_URL.fullmatch(push_url.reveal())
        if parts is None:
            raise StudioError("the platform's push address is not an rtmp:// or rtmps:// address with a key")
        if max(map(len, parts.groups())) > _LONGEST_OPTION:
            raise StudioError(f"the platform's push address is longer than {_LONGEST_OPTION} characters")
        # ffmpeg and the ingest also name the key alone.
        return cls(f"{parts['server']}/{parts['app']}", parts["app"], Secret(parts["key"]))

    @property
    def preset(self) -> bytes:
        """Options for ffmpeg, in the format of its preset files, to push with the key."""
        return f"rtmp_app={self.app}\nrtmp_playpath={self.key.reveal()}\n".encode()


def specification(
    target: Target, display: Mapping[str, str], size: str, quality: Quality, audio: AudioInput = SILENCE
) -> ProcessSpec:
    """The start of the encoder: the guide's command line (section 4), with the marked additions.

    The key of the target has to be written to standard input (`Target.preset`). `display` has the variables that let a
    program in, and `size` is the captured part of it, in pixels.

    Raises:
        InputError: A setting cannot be used.
    """
    return ProcessSpec(
        argv=(
            *command(grab_input(display["DISPLAY"], size, quality.framerate), quality, audio),
            *("-rw_timeout", str(WRITE_TIMEOUT_SECONDS * 1_000_000)),  # added, in microseconds
            # Every user of this machine can read arguments, so none of them holds the stream key.
            *("-fpre", "/dev/stdin"),
            *("-f", "flv", target.address),
        ),
        environment={**display, **audio.environment},
        # Without `http_proxy`, which ffmpeg would use for TLS and not for plain RTMP.
        variables=CERTIFICATES,
        shares_memory=False,
        fed=True,
        detached=True,
        stop_signal=signal.SIGINT,  # it then closes the stream cleanly
        grace=5.0,
        hint="check that the ingest can be reached; it accepts only the newest stream key",
        diagnose=partial(diagnose, sending=False),
    )


def grab_input(display: str, size: str, framerate: int) -> tuple[str, ...]:
    """A display as ffmpeg's input.

    Raises:
        InputError: A setting cannot be used.
    """
    # The pointer is not drawn: it would stand in the middle. ffmpeg still queries it, since only that shows when the
    # display has died; a picture as large as the display cannot follow the pointer.
    pictured = ("-draw_mouse", "0", "-follow_mouse", "centered", "-video_size", checked_size(size))
    return ("-f", "x11grab", *pictured, "-framerate", str(framerate), "-i", display)


def command(picture: Sequence[str], quality: Quality, audio: AudioInput = SILENCE) -> tuple[str, ...]:
    """The encoder's command line up to its destination.

    `picture` is the video input, as options of ffmpeg.

    Raises:
        InputError: A setting cannot be used.
    """
    quality.check()
    return (
        "ffmpeg",
        # Added: quiet, with progress for us. The reports come often because the first one with a sent frame makes the
        # encoder ready.
        *("-hide_banner", "-loglevel", "error", "-nostats"),
        *("-progress", "pipe:1", "-stats_period", "0.1"),
        # Added: without it, when the display dies ffmpeg sends the silent sound alone, as fast as it can; and when the
        # sound dies, the picture alone, which players do not show.
        "-xerror",
        *("-dts_error_threshold", str(_TEN_YEARS)),
        *quality.device,
        *(audio.options if audio.slow else ()),
        *("-thread_queue_size", "512"),  # prevents dropped frames (guide)
        *picture,
        # The player shows nothing without an audio track (guide).
        *(() if audio.slow else audio.options),
        *("-vf", ",".join((_FILTER, *quality.filters))),
        *audio.filters,
        *quality.options,
    )


@asynccontextmanager
async def push(
    launcher: Launcher,
    push_url: Secret,
    display: Display,
    quality: Quality,
    audio: AudioInput = SILENCE,
    adaptation: Adaptation | None = None,
) -> AsyncIterator[Encoder]:
    """An encoder that has sent its first frames.

    `push_url` is the ingest's address with the stream key.

    Raises:
        InputError: A setting cannot be used.
        StudioError: `push_url` is not an RTMP address.
        MissingProgram: ffmpeg is not installed, or lacks a part that is needed.
        HostError: This machine does not allow it to work.
        PushRefused: The ingest does not accept the push.
        IngestUnreachable: No connection to the ingest can be made.
        ProcessFailed: ffmpeg ended for another reason, such as a display that is gone.
        NotReady: No frame was sent in time.
    """
    target = Target.of(push_url)
    reader = ProgressReader(quality.framerate)

    async def sending(process: Process) -> None:
        process.finish(target.preset)
        await reader.sending.wait()

    spec = specification(target, display.environment, display.size, quality, audio)
    async with launcher.process(spec, sending, stdout=reader.feed) as process:
        frames = reader.latest.frame if reader.latest else 0
        value = {"display": display.name, "size": display.size, "frames": frames}
        yield Encoder(process, reader, value, adaptation)


#: Signs that no connection can be made, with the message and a hint for the operator; the first match counts.
_UNREACHABLE: Final = (
    (
        r"Failed to resolve hostname (?P<why>.+)",
        "the name of the platform's ingest cannot be resolved",
        "check that this machine can resolve names",
    ),
    (
        r"(?P<why>Network is unreachable|No route to host|Network is down)",
        "there is no network route to the platform's ingest",
        "check that this machine is online",
    ),
    (
        r"(?P<why>Connection refused)",
        "nothing listens at the address of the platform's ingest",
        "a firewall or the ingest itself rejects connections",
    ),
    (
        r"(?P<why>(?:Connection|Operation) timed out)",
        "the platform's ingest does not answer",
        "check that a firewall allows outgoing RTMP (ports 1935 and 443)",
    ),
)
_CLOSED: Final = r"Broken pipe|Connection reset by peer|End of file|handshake response"
_TLS: Final = r"(?s).*\[tls @ \S+\] (?P<why>[^\n]+)"  # the last of them says most
_REFUSED: Final = r"Server error: (?P<why>.+)"


def diagnose(lines: Sequence[str], *, sending: bool) -> StudioError | None:
    """The error in the last lines of an ffmpeg that ended by itself; None when its push is not the cause.

    `sending` says whether the ingest had accepted the push.
    """
    text = "\n".join(lines)
    for pattern, words, hint in _UNREACHABLE:
        if found := re.search(pattern, text):
            return IngestUnreachable(f"{words}: {found['why']}", hint=hint)
    closed = re.search(_CLOSED, text)
    if closed and sending:
        return PushClosed(f"the platform's ingest has closed the push: {closed[0]}")
    if found := re.search(_TLS, text):
        hint = "check whether a proxy intervenes, and whether this machine's clock is right"
        return IngestUnreachable(
            f"no TLS connection to the platform's ingest can be established: {found['why']}", hint=hint
        )
    if found := re.search(_REFUSED, text):
        return PushRefused(f"the platform's ingest refuses the push: {found['why']}")
    if closed:
        return PushRefused("the platform's ingest closes the connection before it takes any video")
    return None
