"""The sound of the stream: PulseAudio for one run alone, with a sink that is heard on stream and nowhere else.

Where it is not installed, or does not start, the stream has a silent track instead: without one a player shows nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from retake_flow import os_errors
from retake_flow.errors import NotReady, StudioError
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.studio.processes import watchdog
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process
from retake_flow.studio.processes.process_spec import ProcessSpec

SINK: Final = "stream"
RATE: Final = 44100  # samples per second, as the guide's silent track
# PulseAudio takes the address of a server for a list that is split at blanks, and the kernel takes 107 bytes at most.
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_./+-]{1,107}")
_TRIED_WITHIN = 10.0  # seconds

# What a client of PulseAudio says first: a header of 20 bytes with the length, then, each behind its type, the command
# AUTH (8), its number, the protocol's version, and a cookie that is not looked at.
_AUTH = struct.pack(">cIcIcIcI256x", b"L", 8, b"L", 0, b"L", 32, b"x", 256)
_HELLO = struct.pack(">Iixxxxxxxxxxxx", len(_AUTH), -1) + _AUTH
_WELCOME = struct.pack(">cI", b"L", 2)  # REPLY

# PulseAudio that lives but does not answer for so long is given up; sooner than an encoder that hears nothing.
SILENCE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class AudioInput:
    """Where an encoder gets its audio.

    Attributes:
        options: ffmpeg's, up to the input.
        filters: ffmpeg's, for the output.
        environment: What ffmpeg needs to reach it.
        slow: Whether opening it takes a while, so that it comes before the picture, which would have a gap else.
    """

    options: tuple[str, ...]
    filters: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    slow: bool = False


#: The guide's track for a stream that has nothing to say.
SILENCE: Final = AudioInput(("-f", "lavfi", "-i", f"anullsrc=channel_layout=stereo:sample_rate={RATE}"))


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that is ready: PulseAudio's, or none at all.

    Attributes:
        process: PulseAudio; None when the sound is silent.
        server: The address of PulseAudio; "" when the sound is silent.
        environment: What a program needs to be heard on stream.
        reason: Why it is silent, in words for a person; "" when it is not.
        speaks: Whether there is a program that can speak.
        renew: Has PulseAudio make its socket again.
    """

    process: Process | None = None
    server: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    speaks: bool = False
    renew: Callable[[], None] = lambda: None

    @property
    def value(self) -> Mapping[str, Any]:
        """What others may need to know of it."""
        kind = "pulseaudio" if self.process else "silent"
        sink = SINK if self.process else ""
        said = {"speaks": self.speaks, "reason": self.reason}
        return {"sound": kind, "server": self.server, "sink": sink, **said}

    @property
    def audible(self) -> bool:
        """Whether what is played is heard on stream."""
        return self.process is not None and self.process.alive

    @property
    def dead(self) -> bool:
        """Whether it was audible and is no more; one that was silent from the first does not come back."""
        return self.process is not None and not self.process.alive

    @property
    def input(self) -> AudioInput:
        """Where an encoder hears it."""
        return monitor(self.server, self.environment) if self.audible else SILENCE

    async def ended(self) -> str:
        """Wait until PulseAudio ends, or has not answered for `SILENCE_SECONDS`; a silent sound never ends.

        Returns:
            Why it is over, in words for a person.
        """
        if self.process is None:
            await asyncio.Event().wait()
            return ""
        address = self.server.removeprefix("unix:")

        async def greeted() -> bool:
            if await _greets(address):
                return True
            if not os.path.lexists(address):  # its folder was removed; whoever listens already goes on listening
                self.renew()
            return False

        unanswered = watchdog.unanswered(SILENCE_SECONDS, greeted)
        return await watchdog.ended(self.process, unanswered, f"pulseaudio has not answered for {SILENCE_SECONDS:g} s")


def specification(folder: Path, address: str) -> ProcessSpec:
    """How PulseAudio is started, so that it keeps to a folder, and shares nothing with the one of a desktop.

    Args:
        folder: Is for it alone.
        address: The path of its socket, as `_address` gives it.
    """
    own = str(folder)
    return ProcessSpec(
        argv=(
            "pulseaudio",
            *("-n", "--daemonize=no", "--use-pid-file=no"),
            "--exit-idle-time=-1",  # it also stays when nobody listens
            "--disable-shm=yes",  # shared memory would outlive a kill
            *("--realtime=no", "--high-priority=no"),  # neither is ours to take
            "--log-target=stderr",
            # Without rewinds it renders 50 ms ahead at most, else up to 2 s, which the encoder would have to wait for.
            *("-L", f"module-null-sink sink_name={SINK} rate={RATE} channels=2 norewinds=1"),
            # Last, so that the sink is there when the socket is. Who may connect is told by the folder and the user.
            *("-L", _listening(address)),
            "-C",  # takes commands from its standard input, and ends with it
        ),
        fed=True,
        detached=True,
        environment={
            **dict.fromkeys(("HOME", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"), own),
            **dict.fromkeys(("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CACHE_HOME"), own),
            "PULSE_CONFIG": "/dev/null",
            "PULSE_COOKIE": str(folder / "cookie"),
            # It must not start a bus of its own, nor take its name on the desktop's.
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "DISPLAY": "",
        },
        hint="the stream goes on with a silent track",
    )


@asynccontextmanager
async def open_sound(launcher: Launcher, make_folder: Callable[[], Path]) -> AsyncIterator[Sound]:
    """A sound of its own, silent where PulseAudio cannot be had, or ffmpeg cannot listen to it.

    Args:
        launcher: Starts PulseAudio.
        make_folder: Gives the folder that is for it alone, made again when it is gone.
    """
    async with AsyncExitStack() as stack:
        try:
            sound = await stack.enter_async_context(_audible(launcher, make_folder))
        except StudioError as error:
            sound = Sound(reason=error.message)
        except OSError as error:
            refused = os_errors.host_error(error, "the sound has no place to be")
            if refused is None:
                raise
            sound = Sound(reason=refused.message)
        yield sound


@asynccontextmanager
async def _audible(launcher: Launcher, make_folder: Callable[[], Path]) -> AsyncIterator[Sound]:
    folder = _furnished(make_folder())
    with _address(folder) as address:
        hearing = asyncio.ensure_future(_require_hearing(launcher))
        try:
            async with launcher.process(specification(folder, address), partial(_answers, address)) as process:
                await hearing

                def renew() -> None:
                    with suppress(OSError, StudioError):  # it is tried again soon
                        _furnished(make_folder())
                        process.write(f"load-module {_listening(address)}\n".encode())

                yield Sound(process, f"unix:{address}", _environment(folder, address), renew=renew)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


def _furnished(folder: Path) -> Path:
    """The folder with what clients look for in it: they start no PulseAudio when this one is gone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "client.conf").write_text("autospawn = no\nenable-shm = no\n", encoding="utf-8")
    return folder


def _listening(address: str) -> str:
    """The module that takes clients, with its arguments."""
    return f"module-native-protocol-unix socket={address} auth-cookie-enabled=0"


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """The path of the socket, in a form that everybody takes whatever the folder's name is."""
    socket_file = folder / "native"
    socket_file.unlink(missing_ok=True)  # of one that was killed
    if _PLAIN_ADDRESS.fullmatch(str(socket_file)):
        yield str(socket_file)
        return
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/{os.getpid()}/fd/{opened}/{socket_file.name}"
    finally:
        os.close(opened)


async def _require_hearing(launcher: Launcher) -> None:
    """Make sure that ffmpeg can listen to PulseAudio, by having it listen to none.

    Raises:
        MissingProgram: It cannot, or is not installed.
        HostError: This machine does not let it.
    """
    nobody = ("-f", "pulse", "-server", "unix:/dev/null", "-i", "nothing")
    argv = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", *nobody, "-f", "null", "-")
    with suppress(NotReady):  # a machine that is only slow
        tried = await launcher.run(ProcessSpec(argv), _TRIED_WITHIN)
        if tried.lasting is not None:
            raise tried.lasting


async def _answers(address: str, _: Process) -> None:
    while True:
        if await _greets(address):
            return
        await asyncio.sleep(0.01)


def _environment(folder: Path, address: str) -> dict[str, str]:
    return {
        "PULSE_SERVER": f"unix:{address}",
        "PULSE_SINK": SINK,
        "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
        "PULSE_COOKIE": str(folder / "cookie"),
    }


def monitor(server: str, environment: Mapping[str, str]) -> AudioInput:
    """What is played into the sink, as an encoder's input without gaps."""
    return AudioInput(
        (
            *("-thread_queue_size", "512"),
            # Nothing is to be found out of raw samples, and the picture would wait for it.
            *("-probesize", "32", "-analyzeduration", "0"),
            *("-f", "pulse", "-server", server, "-sample_rate", str(RATE)),
            *("-fragment_size", "4096"),  # bytes, 23 ms; by default up to 2 s come at once
            # Samples are counted. By the time of day, the picture would wait for them once the clock is set back.
            *("-wallclock", "0"),
            *("-i", f"{SINK}.monitor"),
        ),
        # Where samples come late or not at all, silence takes their time, from the first moment on. 1 is to fill and to
        # trim: with more it also stretches, and then fills with time stamps that go back, at which ffmpeg ends.
        ("-af", "aresample=async=1:first_pts=0"),
        environment,
        slow=True,
    )


async def _greets(address: str) -> bool:
    """Whether PulseAudio takes us as a client."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
            await loop.sock_sendall(connection, _HELLO)
            answer = await loop.sock_recv(connection, 64)
        except OSError:
            return False
    return answer[20:25] == _WELCOME
