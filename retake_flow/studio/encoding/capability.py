"""Capability checks: tests whether ffmpeg and the fonts can do what a stream needs, before anything is spent on it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from retake_flow.errors import HostError
from retake_flow.studio import programs
from retake_flow.studio.encoding import encoder
from retake_flow.studio.encoding.quality import SOFTWARE, Quality
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec

TIMEOUT_SECONDS: Final = 30.0

#: A display that does not exist: opening it fails, but not as in an ffmpeg that cannot open any display.
_NO_DISPLAY: Final = ":65000"
_QUALITY: Final = Quality(bitrate="1M")
_TEST_PICTURE: Final = ("-f", "lavfi", "-i", f"color=black:size=64x64:rate={_QUALITY.framerate}")


async def require_capture(launcher: Launcher) -> None:
    """Make sure that ffmpeg knows the encoder's options and can capture a display.

    Raises:
        MissingProgram: ffmpeg cannot do this, or is not installed.
        HostError: This machine does not allow it.
        NotReady: It takes too long.
    """
    picture = encoder.grab_input(_NO_DISPLAY, "64x64", _QUALITY.framerate)
    await _try(launcher, (*_command(picture), "-f", "flv", "/dev/null"))


async def require_sending(launcher: Launcher, scheme: str) -> None:
    """Make sure that ffmpeg can encode and send as a stream does.

    `scheme` is that of the platform's ingest, `rtmp` or `rtmps`.

    Raises:
        MissingProgram: ffmpeg cannot do this, or is not installed.
        HostError: This machine does not allow it.
        NotReady: It takes too long.
    """
    with _closed_port() as port:
        target = f"{scheme}://127.0.0.1:{port}/app/preflight"
        await _try(launcher, (*_command(_TEST_PICTURE), "-t", "1", "-fpre", os.devnull, "-f", "flv", target))


async def require_codec(launcher: Launcher, quality: Quality, size: str) -> None:
    """Make sure that this machine's hardware can encode, by encoding one second.

    Raises:
        HostError: It cannot.
        MissingProgram: ffmpeg is not installed, or does not know the codec.
        NotReady: It takes too long.
    """
    if quality.codec == SOFTWARE:
        return
    picture = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={quality.framerate}")
    argv = (*encoder.command(picture, quality), "-t", "1", "-f", "null", "-")
    tried = await launcher.run(ProcessSpec(argv), TIMEOUT_SECONDS)
    if tried.status != 0:
        why = tried.lines[0] if tried.lines else tried.ending
        raise HostError(
            f"this machine cannot encode with {quality.codec}: {why}",
            hint=f"install its driver, or set `codec: {SOFTWARE}`",
        )


async def require_fonts(launcher: Launcher) -> None:
    """Make sure that there is a font, where that can be found out.

    Raises:
        HostError: There is no font.
        NotReady: It takes too long.
    """
    if programs.find("fc-list", launcher.environment) is None:
        return
    listed = await launcher.run(ProcessSpec(("fc-list", ":", "family")), TIMEOUT_SECONDS)
    if listed.status == 0 and not listed.stdout.strip():
        raise programs.no_font()


async def _try(launcher: Launcher, command: tuple[str, ...]) -> None:
    """Start a program that is bound to fail, to learn why it fails."""
    completed = await launcher.run(ProcessSpec(command), TIMEOUT_SECONDS)
    if completed.lasting is not None:
        raise completed.lasting


@contextmanager
def _closed_port() -> Iterator[int]:
    """A port of this machine on which nothing can listen while this lasts."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def _command(picture: Sequence[str]) -> tuple[str, ...]:
    return encoder.command(picture, _QUALITY)
