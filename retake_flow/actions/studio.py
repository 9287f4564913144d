"""The actions that are programs and pictures of the studio."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from retake_flow.actions.access import Access
from retake_flow.actions.family import Family
from retake_flow.errors import InputError
from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.services import Service
from retake_flow.redact import Secret


class Stage(Protocol):
    """The programs of one run's studio; `retake_flow.studio.stage.Stage` starts real ones."""

    def display(self, size: str) -> AbstractAsyncContextManager[Service]:
        """A virtual display."""
        ...

    def window_manager(self) -> AbstractAsyncContextManager[Service]:
        """A window manager on the display."""
        ...

    def content(self) -> AbstractAsyncContextManager[Service]:
        """A window on the display that shows what is said."""
        ...

    def encoder(self, push_url: Secret, *, framerate: int, bitrate: str) -> AbstractAsyncContextManager[Service]:
        """An encoder that sends the display to `push_url`."""
        ...

    async def screenshot(self) -> Path:
        """Take a picture of the display, as a PNG or JPEG file."""
        ...

    def say(self, text: str) -> None:
        """Show a text on stream."""
        ...


class StudioActions(Family):
    """What one run's studio does."""

    def __init__(self, stage: Stage, access: Access) -> None:
        self._stage = stage
        self._access = access
        self.tasks = {"studio.show": self.show, "studio.thumbnail": self.thumbnail}
        self.services = {
            "studio.content": self.content,
            "studio.display": self.display,
            "studio.encoder": self.encoder,
            "studio.window_manager": self.window_manager,
        }

    def display(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """A virtual display."""
        return self._stage.display(str(call.inputs.get("size", "1280x720")))

    def window_manager(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """A window manager on the display."""
        return self._stage.window_manager()

    def content(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """A window that shows the stream log."""
        return self._stage.content()

    def encoder(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """An encoder that pushes to the address of a fresh stream key.

        Raises:
            InputError: `to` is not the result of retake.stream_key.
        """
        target = call.inputs.get("to")
        push_url = target.get("push_url") if isinstance(target, dict) else None
        if not isinstance(push_url, Secret):
            raise InputError("`to` of studio.encoder must be the result of retake.stream_key")
        return self._stage.encoder(
            push_url,
            framerate=int(call.inputs.get("framerate", 30)),
            bitrate=str(call.inputs.get("bitrate", "1500k")),
        )

    async def thumbnail(self, call: Call) -> Completion:
        """Take a picture and upload it."""
        picture = await self._stage.screenshot()
        image = picture.read_bytes()
        kind = "image/jpeg" if picture.suffix in (".jpg", ".jpeg") else "image/png"
        uploaded = await self._access.client().update_thumbnail(image, kind)
        return Completion(value={"thumbnail_url": uploaded.thumbnail_url, "bytes": len(image)})

    async def show(self, call: Call) -> Completion:
        """Write a line on the stream."""
        self._stage.say(str(call.inputs["text"]))
        return Completion()
