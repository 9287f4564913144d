"""A fake studio without programs: it takes time, pushes to a rehearsed platform, and fails as configured."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from retake_flow import os_errors
from retake_flow.errors import (
    HostError,
    IngestUnreachable,
    MissingProgram,
    NoDisplay,
    NoVoice,
    PushRefused,
    Rejected,
    StudioError,
)
from retake_flow.redact import Secret
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.studio import programs
from retake_flow.studio.encoding.progress import SLOW, Health
from retake_flow.studio.encoding.quality import GUIDE, Quality
from retake_flow.studio.picture import HEIGHT, WIDTH, Picture, Screenshot
from retake_flow.testing.fakes.studio_programs import Program, Trouble, become_ready

SPEECH_PACE = 14.0  # characters per second
ENDS_WITHIN = 0.2
FIRST_FRAMES = 0.2  # seconds from the accepted key until the encoder reports that it sends
FRAME_PACE = 1.0  # seconds between two deliveries of frames; far below the platform's limit for a stale stream

BITRATE = 1500.0  # of its encoder, in kbit/s

# One grey pixel.
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)


class FakeStudio:
    """The studio of one run, with the interface of `retake_flow.studio.studio.Studio`.

    Args:
        platform: The platform that the encoder pushes to, which refuses keys as usual.
        folder: The folder for screenshots.
        troubles: The faults.

    Attributes:
        alive: The running programs.
        started: How often each part was started.
        said: The texts shown on stream.
        spoken: The texts spoken on stream.
        screen: The windows on the display.
        strain: The speed of the encoder, where 1 is full speed, and since when.
    """

    def __init__(self, platform: Platform, folder: Path, troubles: tuple[Trouble, ...] = ()) -> None:
        self.alive: list[Program] = []
        self.started: Counter[str] = Counter()
        self.said: list[str] = []
        self.spoken: list[str] = []
        self.strain = (1.0, 0.0)
        self.screen = FakeScreen(self.run, self.display_name)
        self._platform = platform
        self._folder = folder
        self._troubles = list(troubles)

    # --- for the run ----------------------------------------------------------------------------

    def display(self, size: str) -> AbstractAsyncContextManager[Program]:
        """A display."""
        return self.run("display", {"display": ":99", "size": size})

    @asynccontextmanager
    async def sound(self, voice: Sequence[str], variables: Sequence[str] = ()) -> AsyncIterator[Program]:
        """A sound; silent if it is not available."""
        value = {"sound": "pulseaudio", "server": "unix:native", "sink": "stream", "speaks": True, "reason": ""}
        async with AsyncExitStack() as stack:
            try:
                program = await stack.enter_async_context(self.run("sound", value))
            except StudioError as error:
                silent = {"sound": "silent", "server": "", "sink": "", "speaks": False, "reason": error.message}
                program = Program("sound", silent)
            yield program

    def window_manager(self) -> AbstractAsyncContextManager[Program]:
        """A window manager on the display."""
        return self.run("window manager", {"display": self.display_name()})

    def content(self) -> AbstractAsyncContextManager[Program]:
        """A window on the display."""
        return self.run("content window", {"display": self.display_name(), "log": "stream.log"})

    @asynccontextmanager
    async def encoder(
        self, push_url: Secret, quality: Quality = GUIDE, *, adapt: bool = False
    ) -> AsyncIterator[Program]:
        """An encoder that pushes to the platform."""
        value = {"display": self.display_name(), "frames": quality.framerate}
        async with self.run("encoder", value) as program:
            with self._publishing(push_url, quality.framerate, program):
                await asyncio.sleep(FIRST_FRAMES)
                yield program

    async def screenshot(self, limit: int, look: bool = True) -> Screenshot:
        """A screenshot of the display, black until it shows a window."""
        self.display_name()
        async with self.run("screenshot", {}):
            picture = self._folder / "screenshot.png"
            picture.write_bytes(_PNG)
            return Screenshot(picture, look and self._dark)

    async def picture(self) -> Picture:
        """The picture on the display: a different one each time, unless it is black or frozen."""
        self.display_name()
        display = self._ready("display")
        moment = 0 if display is None or display.stalled else int(asyncio.get_running_loop().time() * 1000)
        seen = b"\x80" * (WIDTH * HEIGHT - 8) + moment.to_bytes(8, "big")
        return Picture(bytes(WIDTH * HEIGHT) if self._dark else seen)

    def health(self) -> Health | None:
        """The health of the encoder."""
        encoder = self._ready("encoder")
        if encoder is None or encoder.ready_at is None:
            return None
        now, (speed, since) = asyncio.get_running_loop().time(), self.strain
        seconds, framerate = now - encoder.ready_at, encoder.value["frames"]
        return Health(
            frames=int(seconds * framerate),
            fps=framerate * speed,
            bitrate=BITRATE * speed,
            dropped=0,
            speed=speed,
            seconds=round(seconds, 1),
            slow_for=round(now - max(since, encoder.ready_at), 1) if speed < SLOW else 0.0,
        )

    def say(self, text: str) -> None:
        """Show a text on stream."""
        self.said.append(text)

    async def speak(self, text: str) -> None:
        """Speak a text on stream."""
        if not any(program.part == "sound" and program.alive for program in self.alive):
            raise NoVoice("nothing can be spoken on stream: there is no sound")
        await asyncio.sleep(len(text) / SPEECH_PACE)
        self.spoken.append(text)

    # --- for tests ---------------------------------------------------------------------------

    def kill(self, part: str) -> None:
        """Kill a running part; a display takes its contents with it.

        Raises:
            LookupError: The part does not run.
        """
        victims = [program for program in self.alive if program.part == part]
        if not victims:
            raise LookupError(f"there is no {part} to kill")
        for program in self.alive:
            if program in victims:
                program.die("was killed")
            elif part == "display" and program.part != "sound":
                program.die("lost its display")
            elif part == "sound" and program.part == "encoder":
                program.die("lost its sound")

    def exhaust(self, part: str) -> None:
        """Kill a running program; from now on there is no memory to restart it."""
        self._troubles = [Trouble(part, "gets no memory", times=None), *self._troubles]
        self.kill(part)

    def stall(self) -> None:
        """Make the running encoder stop sending, without ending."""
        for program in self.alive:
            program.stalled = program.stalled or program.part == "encoder"

    def freeze(self) -> None:
        """Freeze the running display."""
        for program in self.alive:
            program.stalled = program.stalled or program.part == "display"

    def slow_down(self, speed: float) -> None:
        """Set the speed of the encoder from now on, where 1 is full speed."""
        self.strain = (speed, asyncio.get_running_loop().time())

    # --- inside ---------------------------------------------------------------------------------------------

    @property
    def _dark(self) -> bool:
        return self._ready("content window") is None

    def _ready(self, part: str) -> Program | None:
        return next((each for each in self.alive if each.part == part and each.ready_at is not None), None)

    def display_name(self) -> str:
        """The name of the running display."""
        if not any(program.part == "display" and program.alive for program in self.alive):
            raise NoDisplay
        return ":99"

    @asynccontextmanager
    async def run(self, part: str, value: Mapping[str, Any]) -> AsyncIterator[Program]:
        """A program of `PARTS` that has the given value."""
        trouble = self._trouble(part)
        program = Program(part, value)
        if trouble is not None and trouble.way == "is missing":
            needed = [known for known in programs.PROGRAMS if known.name == program.name]
            hint = f"run: {programs.install_command(needed)}"
            raise MissingProgram(f"{program.name} is not installed", hint=hint)
        if trouble is not None and trouble.way == "gets no memory":
            raise HostError(f"{program.name} gets no memory", hint=os_errors.MEMORY)
        if trouble is not None and trouble.way == "has a defect":
            self.started[part] += 1
            raise LookupError(f"nobody has foreseen this of {program.name}")
        self.started[part] += 1
        self.alive.append(program)
        try:
            await become_ready(program, trouble)
            program.ready_at = asyncio.get_running_loop().time()
            if trouble is not None and trouble.way == "dies":
                asyncio.get_running_loop().call_later(trouble.after, self._dies, program)
            yield program
        finally:
            try:
                if program.alive:
                    await asyncio.sleep(ENDS_WITHIN)  # a second cancellation kills
            finally:
                self.alive.remove(program)
                program.die("was ended")

    def _dies(self, program: Program) -> None:
        if program in self.alive and program.alive:
            self.kill(program.part)

    def _trouble(self, part: str) -> Trouble | None:
        for trouble in self._troubles:
            if trouble.part == part and trouble.skips:
                trouble.skips -= 1
            elif trouble.part == part and trouble.times != 0:
                trouble.times = None if trouble.times is None else trouble.times - 1
                return trouble
        return None

    @contextmanager
    def _publishing(self, push_url: Secret, framerate: int, program: Program) -> Iterator[None]:
        address, _, stream_key = push_url.reveal().rpartition("/")
        if address != self._platform.ingest_url:
            program.die("ended")
            raise IngestUnreachable("the name of the platform's ingest cannot be resolved")
        try:
            push = self._platform.publish(stream_key)
        except Rejected as error:
            program.die("ended")
            raise PushRefused(f"the platform's ingest refuses the push: {error.message}") from None
        push.on_close = program.is_thrown_off

        async def send() -> None:
            while program.alive:
                push.video(0 if program.stalled else int(framerate * FRAME_PACE))
                await asyncio.sleep(FRAME_PACE)
            push.close()

        push.video()
        sending = asyncio.get_running_loop().create_task(send())
        try:
            yield
        finally:
            sending.cancel()
            push.close()


Run = Callable[[str, Mapping[str, Any]], AbstractAsyncContextManager[Program]]


class FakeMedia:
    """Any files, with the interface of `retake_flow.studio.media.Media`."""

    def folder(self, name: str) -> Path:
        """A folder with a page."""
        return Path(name)


class FakeScreen:
    """The windows of a fake studio, with the interface of `retake_flow.studio.screen.Screen`.

    Args:
        run: Runs a program of `PARTS` with a given value.
        display: Gives the name of the running display.
    """

    def __init__(self, run: Run, display: Callable[[], str]) -> None:
        self._run = run
        self._display = display
        self.media = FakeMedia()
        self.browses = True

    def divide(self, scenes: Mapping[str, Sequence[str]]) -> None:
        """Take the scenes of a flow."""

    async def switch(self, scene: str) -> None:
        """Show the windows of a scene."""
        self.scene = scene

    def page(
        self, place: Path | str, allow: Sequence[str] = (), state: Mapping[str, Any] | None = None, **placed: Any
    ) -> AbstractAsyncContextManager[Program]:
        """A web page."""
        return self._window("page", url=str(place) if isinstance(place, str) else "https://stage.invalid/")

    def terminal(self, command: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """A terminal."""
        return self._window("terminal")

    def log(self, **how: Any) -> AbstractAsyncContextManager[Program]:
        """The stream log."""
        return self._window("content window")

    def program(self, command: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """A program with a window."""
        return self._window("program")

    def film(self, places: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """Films."""
        return self._window("player")

    def slides(self, places: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """Pictures."""
        return self._window("player")

    def music(self, places: Sequence[str], **how: Any) -> AbstractAsyncContextManager[Program]:
        """Music."""
        return self._run("player", {"files": len(places)})

    def _window(self, part: str, **value: Any) -> AbstractAsyncContextManager[Program]:
        return self._run(part, {"display": self._display(), **value})
