"""Studio: one run's studio, with its programs, its own display and its own folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from retake_flow.errors import NoDisplay, NoVoice, StudioError
from retake_flow.redact import Secret
from retake_flow.studio import picture
from retake_flow.studio.display import Display, open_display
from retake_flow.studio.encoding import capability, encoder
from retake_flow.studio.encoding.encoder import Encoder
from retake_flow.studio.encoding.progress import Health
from retake_flow.studio.encoding.quality import GUIDE, Adaptation, Quality
from retake_flow.studio.layout import BACKDROP
from retake_flow.studio.media import Media
from retake_flow.studio.picture import Picture, Screenshot
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessService
from retake_flow.studio.screen import Screen
from retake_flow.studio.sound import SILENCE, AudioInput, Sound, open_sound
from retake_flow.studio.speech import EMBEDDED, Voice
from retake_flow.studio.windows import arrangement, xterm
from retake_flow.studio.windows.x_client import connect
from retake_flow.studio.windows.xterm import StreamLog
from retake_flow.studio.work_folder import WorkFolder
from retake_flow.tasks import time_limit

# An encoder that started without the sound would stay silent until its end.
SOUND_WITHIN = 5.0


class Studio:
    """The studio of one run.

    Each program is an asynchronous context manager: entering starts it, leaving ends it. What it yields is a
    `retake_flow.ports.actions.Service`.
    """

    def __init__(
        self,
        launcher: Launcher,
        folder: WorkFolder,
        voice: Sequence[str] = (),
        home: Path | None = None,
        voice_variables: Sequence[str] = (),
        *,
        allowed: Sequence[str] = (),
        sandbox: bool = True,
    ) -> None:
        """Set up a studio.

        Args:
            launcher: Starts the programs.
            folder: The folder of the stream log and the screenshots; created again if it is needed and gone.
            voice: The program that speaks; the embedded one by default.
            home: Where the operator's own programs run; `folder` by default.
            voice_variables: Names of variables that the program that speaks needs.
            allowed: Folders and files outside `home` that may be shown.
            sandbox: Whether the kernel confines the renderers of pages.

        Attributes:
            screen: The windows on the display.
            captions: Called with each text as it begins to be spoken, and with "" when it has ended.
        """
        self.folder = folder
        self.log = StreamLog(folder.ensure() / "stream.log")
        self._launcher = launcher
        self._display: Display | None = None
        self._encoder: Encoder | None = None
        self._adaptation = Adaptation()
        self._starting = asyncio.Lock()
        self._home = home or folder.path
        self.screen = Screen(
            launcher,
            folder,
            Media(self._home, tuple(allowed)),
            lambda: self.current_display,
            self._touched_log,
            sandbox=sandbox,
        )
        self._spoken_by = tuple(voice) or EMBEDDED, tuple(voice_variables)
        self._voice = Voice(launcher, self._home, *self._spoken_by)
        self._sound: Sound | None = None
        self.captions: Callable[[str], None] = lambda text: None
        self._restored = asyncio.Event()  # unset while a dead sound is expected back
        self._restored.set()

    @property
    def current_display(self) -> Display:
        """The open display.

        Raises:
            NoDisplay: No display is open.
        """
        if self._display is None:
            raise NoDisplay
        return self._display

    def health(self) -> Health | None:
        """The health of the encoder, or None when there is no encoder."""
        return self._encoder.health if self._encoder else None

    @asynccontextmanager
    async def display(self, size: str) -> AsyncIterator[Display]:
        """A virtual display. Its value is `{display, size}`."""
        async with open_display(self._launcher, self.folder.ensure(), size) as display:
            with suppress(StudioError):  # it would only be black
                async with connect(display) as client:
                    client.paint_background(BACKDROP)
            self._display = display
            try:
                yield display
            finally:
                self._display = None

    def window_manager(self) -> AbstractAsyncContextManager[ProcessService]:
        """A window manager on the display. Its value is `{display}`."""
        display, folder = self.current_display, self.folder.ensure("openbox")
        return self._open_alone(arrangement.open_window_manager(self._launcher, display, folder))

    def content(self) -> AbstractAsyncContextManager[ProcessService]:
        """The window that shows the stream log. Its value is `{display, log}`."""
        display = self.current_display
        return self._open_alone(xterm.open_content(self._launcher, display, self._touched_log()))

    def _touched_log(self) -> Path:
        """The file of the stream log, which now exists."""
        self.folder.ensure()
        self.log.touch()
        return self.log.path

    @asynccontextmanager
    async def _open_alone(self, opening: AbstractAsyncContextManager[ProcessService]) -> AsyncIterator[ProcessService]:
        """Start a window while no other starts: one mapped during a manager's takeover is never noticed by it."""
        async with AsyncExitStack() as stack:
            async with self._starting:
                opened = await stack.enter_async_context(opening)
            yield opened

    @asynccontextmanager
    async def sound(self, voice: Sequence[str] = (), variables: Sequence[str] = ()) -> AsyncIterator[Sound]:
        """The sound of the stream; silent if none is available. Its value is `{sound, server, sink, speaks}`.

        Args:
            voice: The program that speaks; by default the studio's.
            variables: Names of variables that it needs.
        """
        # A new one, whose turn no text waits for that was spoken into the last sound.
        self._voice = Voice(self._launcher, self._home, *((voice, variables) if voice else self._spoken_by))
        async with open_sound(self._launcher, partial(self.folder.ensure, "sound"), self.screen.guests) as opened:
            sound = replace(opened, speaks=opened.audible and self._voice.is_installed)
            self._sound = sound
            self._restored.set()
            try:
                yield sound
            finally:
                self._sound = None
                if sound.is_dead:
                    self._restored.clear()

    @asynccontextmanager
    async def encoder(
        self, push_url: Secret, quality: Quality = GUIDE, *, adapt: bool = False
    ) -> AsyncIterator[Encoder]:
        """The encoder, sending the display to `push_url`. Its value is `{display, size, frames}`.

        With `adapt` it ends when the settings are too much for the machine, so that the next one has lower ones.
        """
        adaptation = self._adaptation if adapt else None
        now = adaptation.begin(quality) if adaptation else quality
        display = self.current_display
        await capability.require_codec(self._launcher, now, display.size)
        audio = await self._audio()
        async with encoder.push(self._launcher, push_url, display, now, audio, adaptation) as running:
            self._encoder = running
            try:
                yield running
            finally:
                self._encoder = None

    async def screenshot(self, limit: int, look: bool = True) -> Screenshot:
        """Take a picture of the display, as a JPEG file of at most `limit` bytes; `look` checks whether it is black."""
        return await picture.take_screenshot(self._launcher, self.current_display, self.folder.ensure(), limit, look)

    async def picture(self) -> Picture:
        """Capture the display as a small picture."""
        display = self.current_display
        return await picture.capture(self._launcher, picture.of_display(display.environment, display.size))

    def say(self, text: str) -> None:
        """Show a text on stream, in the content window.

        Raises:
            StudioError: The text cannot be written there.
        """
        self.folder.ensure()
        self.log.append(text)

    async def speak(self, text: str) -> None:
        """Speak a text on stream, and return once it has been played.

        Raises:
            NoVoice: There is no sound, or so many texts wait that this one would come too late.
            MissingProgram: The program that speaks is not installed.
            ProcessFailed, NotReady: The program failed or took too long.
        """
        if self._sound is None or not self._sound.audible:
            reason = self._sound.reason if self._sound else "there is no sound"
            raise NoVoice(f"nothing can be spoken on stream: {reason or 'the sound has died'}")
        await self._voice.speak(text, self._sound, self.captions)

    async def _audio(self) -> AudioInput:
        """The encoder's sound; waits a moment for a dead sound that may come back."""
        if self._sound is not None and self._sound.is_dead:
            self._restored.clear()
        with suppress(TimeoutError):
            async with time_limit(SOUND_WITHIN):
                await self._restored.wait()
        self._restored.set()
        return self._sound.input if self._sound else SILENCE
