"""Sound: PulseAudio for this run alone, with a sink that is heard on stream and nowhere else.

If it is not installed or does not start, the stream has a silent track: without a track, a player shows nothing.
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
from retake_flow.studio import unprivileged
from retake_flow.studio.processes import watchdog
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process, ProcessSpec
from retake_flow.tasks import end

SINK: Final = "stream"
RATE: Final = 44100  # samples per second, as in the guide's silent track
# PulseAudio splits a server's address at spaces, and the kernel takes 107 bytes at most.
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_./+-]{1,107}")
#: The variables of a program that speaks: meanwhile, music and films that give way are quieter.
SPEAKING: Final = {"PULSE_PROP": "media.role=announce"}
_DUCKING: Final = "load-module module-role-ducking trigger_roles=announce ducking_roles=music,video volume=-20dB\n"
_TRIED_WITHIN = 30.0  # seconds

# A PulseAudio client's first message: a header of 20 bytes with the length, then, each after its type, the command
# AUTH (8), its number, the protocol's version, and a cookie that is not checked.
_AUTH = struct.pack(">cIcIcIcI256x", b"L", 8, b"L", 0, b"L", 32, b"x", 256)
_HELLO = struct.pack(">Iixxxxxxxxxxxx", len(_AUTH), -1) + _AUTH
_WELCOME = struct.pack(">cI", b"L", 2)  # REPLY


@dataclass(frozen=True, slots=True)
class AudioInput:
    """The audio input of an encoder.

    Attributes:
        options: Options of ffmpeg, up to the input.
        filters: Options of ffmpeg, for the output.
        environment: The variables that ffmpeg needs to reach it.
        slow: Whether opening it takes a while. It then comes before the picture, which would otherwise have a gap.
    """

    options: tuple[str, ...]
    filters: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    slow: bool = False


#: The guide's track for a stream without sound.
SILENCE: Final = AudioInput(("-f", "lavfi", "-i", f"anullsrc=channel_layout=stereo:sample_rate={RATE}"))


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that is ready: PulseAudio's, or silence.

    Attributes:
        process: PulseAudio; None when the sound is silent.
        server: The address of PulseAudio; "" when the sound is silent.
        reason: Why it is silent, in words for a person; "" when it is not.
        speaks: Whether there is a program that can speak.
        renew: Makes PulseAudio create its socket again.
    """

    process: Process | None = None
    server: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    speaks: bool = False
    renew: Callable[[], None] = lambda: None

    @property
    def value(self) -> Mapping[str, Any]:
        """The data about the sound for others."""
        kind = "pulseaudio" if self.process else "silent"
        sink = SINK if self.process else ""
        speech = {"speaks": self.speaks, "reason": self.reason}
        return {"sound": kind, "server": self.server, "sink": sink, **speech}

    @property
    def audible(self) -> bool:
        """Whether a played sound is heard on stream."""
        return self.process is not None and self.process.alive

    @property
    def is_dead(self) -> bool:
        """Whether the sound was audible and no longer is. A sound that was silent from the start does not come back."""
        return self.process is not None and not self.process.alive

    @property
    def input(self) -> AudioInput:
        """The encoder's input for this sound."""
        return monitor(self.server, self.environment) if self.audible else SILENCE

    async def wait(self) -> str:
        """Wait until PulseAudio ends, or does not answer any more; a silent sound never ends.

        Returns:
            Why it ended, in words for a person.
        """
        if self.process is None:
            await asyncio.Event().wait()
            return ""
        address = self.server.removeprefix("unix:")

        async def is_answering() -> bool:
            if await _accepts_clients(address):
                return True
            if not os.path.lexists(address):  # its folder was removed; existing listeners keep listening
                self.renew()
            return False

        return await watchdog.wait_while_answering(self.process, is_answering)


def specification(folder: Path, address: str, guests: str = "") -> ProcessSpec:
    """The start of PulseAudio, confined to a folder and sharing nothing with the desktop's.

    Args:
        folder: The folder for it alone.
        address: The path of its socket, as returned by `_address`.
        guests: The path of a socket for programs of another user; "" for none.
    """
    own = str(folder)
    return ProcessSpec(
        argv=(
            "pulseaudio",
            *("-n", "--daemonize=no", "--use-pid-file=no"),
            "--exit-idle-time=-1",  # it stays even when nothing listens
            "--disable-shm=yes",  # shared memory would outlive a kill
            *("--realtime=no", "--high-priority=no"),  # neither is ours to take
            "--log-target=stderr",
            # Without rewinds it renders at most 50 ms ahead, otherwise up to 2 s, and the encoder would wait.
            *("-L", f"module-null-sink sink_name={SINK} rate={RATE} channels=2 norewinds=1"),
            # Last, so that the sink exists when the socket does. The folder and the user decide who may connect.
            *(("-L", _listening(guests, anybody=True)) if guests else ()),
            *("-L", _listening(address)),
            "-C",  # reads commands from its standard input, and ends with it
        ),
        fed=True,
        detached=True,
        environment={
            **dict.fromkeys(("HOME", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"), own),
            **dict.fromkeys(("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CACHE_HOME"), own),
            "PULSE_CONFIG": "/dev/null",
            "PULSE_COOKIE": str(folder / "cookie"),
            # It must not start its own bus, nor take its name on the desktop's bus.
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "DISPLAY": "",
        },
        hint="the stream continues with a silent track",
    )


@asynccontextmanager
async def open_sound(
    launcher: Launcher, make_folder: Callable[[], Path], make_guests: Callable[[], Path] | None = None
) -> AsyncIterator[Sound]:
    """A sound for this run; silent if PulseAudio is not available or ffmpeg cannot listen to it.

    `make_folder` returns the folder for it alone, created again when it is gone; `make_guests` that of a socket for
    pages (`guests_environment`), which are silent without it.
    """
    async with AsyncExitStack() as stack:
        try:
            sound = await stack.enter_async_context(_audible(launcher, make_folder, make_guests))
        except StudioError as error:
            sound = Sound(reason=error.message)
        except OSError as error:
            refused = os_errors.host_error(error, "there is no folder for the sound")
            if refused is None:
                raise
            sound = Sound(reason=refused.message)
        yield sound


@asynccontextmanager
async def _audible(
    launcher: Launcher, make_folder: Callable[[], Path], make_guests: Callable[[], Path] | None
) -> AsyncIterator[Sound]:
    folder = _write_client_config(make_folder())
    guests = _guests_socket(make_guests() if make_guests else None)
    with _address(folder) as (address, follow):
        hearing = asyncio.ensure_future(_require_hearing(launcher))
        try:
            async with launcher.process(specification(folder, address, guests), partial(_answers, address)) as process:
                await hearing
                process.write(_DUCKING.encode())

                def renew() -> None:
                    with suppress(OSError, StudioError):  # it is retried soon
                        follow(_write_client_config(make_folder()))
                        process.write(f"load-module {_listening(address)}\n".encode())
                        if guests and make_guests is not None:
                            again = _listening(_guests_socket(make_guests()), anybody=True)
                            process.write(f"load-module {again}\n".encode())

                yield Sound(process, f"unix:{address}", _environment(folder, address), renew=renew)
        finally:
            await end(hearing)


def guests_environment(folder: Path) -> dict[str, str]:
    """The variables that send the sound of another user's program to the stream, even if the sound starts later.

    Args:
        folder: The folder of the socket for guests.
    """
    return _environment(folder, str(folder / "native"))


def _guests_socket(folder: Path | None) -> str:
    """The path of the socket for guests in a folder that only they may pass; "" where its name does not allow one."""
    if folder is None or not _PLAIN_ADDRESS.fullmatch(str(folder / "native")):
        return ""
    unprivileged.let_in(_write_client_config(folder))
    (folder / "client.conf").chmod(0o644)
    (folder / "native").unlink(missing_ok=True)  # of a killed process
    return str(folder / "native")


def _write_client_config(folder: Path) -> Path:
    """The folder with its clients' configuration: they start no PulseAudio when this one is gone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "client.conf").write_text("autospawn = no\nenable-shm = no\n", encoding="utf-8")
    return folder


def _listening(address: str, *, anybody: bool = False) -> str:
    """The module that accepts clients, with its arguments; with `anybody`, only the folder limits who can connect."""
    allowed = " auth-anonymous=1" if anybody else ""
    return f"module-native-protocol-unix socket={address} auth-cookie-enabled=0{allowed}"


@contextmanager
def _address(folder: Path) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """The path of the socket, in a form that every program accepts, whatever the folder's name is.

    It comes with a function that lets it lead into a folder that was made again.
    """
    socket_file = folder / "native"
    socket_file.unlink(missing_ok=True)  # of a killed process
    if _PLAIN_ADDRESS.fullmatch(str(socket_file)):
        yield str(socket_file), lambda again: None
        return
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)

    def follow(again: Path) -> None:
        new = os.open(again, os.O_PATH | os.O_DIRECTORY)
        os.dup2(new, opened, inheritable=False)
        os.close(new)

    try:
        yield f"/proc/{os.getpid()}/fd/{opened}/{socket_file.name}", follow
    finally:
        os.close(opened)


async def _require_hearing(launcher: Launcher) -> None:
    """Make sure that ffmpeg can listen to PulseAudio, by letting it listen to one that does not exist."""
    nobody = ("-f", "pulse", "-server", "unix:/dev/null", "-i", "nothing")
    argv = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", *nobody, "-f", "null", "-")
    with suppress(NotReady):  # the machine is only slow
        tried = await launcher.run(ProcessSpec(argv), _TRIED_WITHIN)
        if tried.lasting is not None:
            raise tried.lasting


async def _answers(address: str, _: Process) -> None:
    while True:
        if await _accepts_clients(address):
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
    """The sound played into the sink, as an encoder's input without gaps."""
    return AudioInput(
        (
            *("-thread_queue_size", "512"),
            # Raw samples need no analysis, and the picture would wait for it.
            *("-probesize", "32", "-analyzeduration", "0"),
            *("-f", "pulse", "-server", server, "-sample_rate", str(RATE)),
            *("-fragment_size", "4096"),  # bytes, 23 ms; by default up to 2 s come at once
            # Samples are counted. By the time of day, the picture would wait for them after the clock is set back.
            *("-wallclock", "0"),
            *("-i", f"{SINK}.monitor"),
        ),
        # Silence fills the time of late or missing samples, from the first moment on. 1 means fill and trim: with more
        # it also stretches, and then fills with time stamps that go backwards, at which ffmpeg ends.
        ("-af", "aresample=async=1:first_pts=0"),
        environment,
        slow=True,
    )


async def _accepts_clients(address: str) -> bool:
    """Whether PulseAudio accepts us as a client."""
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
