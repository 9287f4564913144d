"""One run's studio: its programs, on its own display, in its own folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from retake_flow.errors import NoDisplay
from retake_flow.redact import Secret
from retake_flow.studio import encoder, screenshot, window
from retake_flow.studio.display import SIZE, Display, open_display
from retake_flow.studio.encoder import BITRATE, FRAMERATE, Encoder
from retake_flow.studio.launcher import Launcher
from retake_flow.studio.progress import Progress
from retake_flow.studio.stream_log import StreamLog
from retake_flow.studio.window import Window


class Stage:
    """The studio of one run.

    Each program is an asynchronous context manager: entering starts it, leaving ends it. What it yields is a
    `retake_flow.ports.services.Service`.
    """

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        """Set up a studio.

        Args:
            launcher: Starts the programs.
            folder: Where the stream log and the screenshots go; it is created when missing.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.log = StreamLog(folder / "stream.log")
        self._launcher = launcher
        self._display: Display | None = None
        self._encoder: Encoder | None = None

    @property
    def current_display(self) -> Display:
        """The display that is open.

        Raises:
            NoDisplay: There is none.
        """
        if self._display is None:
            raise NoDisplay
        return self._display

    @property
    def progress(self) -> Progress | None:
        """The latest report of the encoder, or None when there is no encoder."""
        return self._encoder.progress if self._encoder else None

    @asynccontextmanager
    async def display(self, size: str = SIZE) -> AsyncIterator[Display]:
        """A virtual display. Its value is `{display, size}`."""
        async with open_display(self._launcher, size) as display:
            self._display = display
            try:
                yield display
            finally:
                self._display = None

    def window_manager(self) -> AbstractAsyncContextManager[Window]:
        """A window manager on the display. Its value is `{display}`."""
        folder = self.folder / "openbox"
        folder.mkdir(exist_ok=True)
        return window.open_window_manager(self._launcher, self.current_display.name, folder)

    def content(self) -> AbstractAsyncContextManager[Window]:
        """The window that shows the stream log. Its value is `{display, log}`."""
        return window.open_content(self._launcher, self.current_display.name, self.log.path)

    @asynccontextmanager
    async def encoder(
        self, push_url: Secret, size: str | None = None, framerate: int = FRAMERATE, bitrate: str = BITRATE
    ) -> AsyncIterator[Encoder]:
        """The encoder, sending the display to `push_url`. Its value is `{display, size, frames}`."""
        display = self.current_display
        async with encoder.push(
            self._launcher, push_url, display.name, size or display.size, framerate, bitrate
        ) as running:
            self._encoder = running
            try:
                yield running
            finally:
                self._encoder = None

    async def screenshot(self) -> Path:
        """Take a picture of the display, as a PNG or, when large, JPEG file."""
        return await screenshot.take(self._launcher, self.current_display.name, self.folder)

    def say(self, text: str) -> None:
        """Show a text on stream, in the content window."""
        self.log.append(text)
