"""Studio actions: start the programs of the studio and take pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict, fields
from math import inf
from typing import Any, Final, Protocol

from retake_flow.actions.agent_session import Access
from retake_flow.actions.base import Family
from retake_flow.actions.liveness import Push
from retake_flow.actions.studio.content import FirstPaint
from retake_flow.actions.studio.spec import THUMBNAIL_BYTES
from retake_flow.errors import InputError, RetakeFlowError
from retake_flow.ports.actions import Call, Completion, Service
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret
from retake_flow.studio.encoding.progress import Health
from retake_flow.studio.encoding.quality import Quality
from retake_flow.studio.picture import Picture, Screenshot
from retake_flow.tasks import beside

#: The longest wait for a display that is black while its content starts, in seconds.
PATIENCE: Final = 10.0
_BLACK_AGAIN: Final = 0.5
#: How long a picture that was not black counts as current, in seconds.
_SEEN_FOR: Final = 30.0
#: How long the encoder has to be too slow until an event is raised, in seconds.
STRUGGLING_SECONDS: Final = 60.0


class Studio(Protocol):
    """The programs of one run's studio; `retake_flow.studio.studio.Studio` starts real ones."""

    def display(self, size: str) -> AbstractAsyncContextManager[Service]:
        """Start a virtual display."""

    def window_manager(self) -> AbstractAsyncContextManager[Service]:
        """Start a window manager on the display."""

    def encoder(self, push_url: Secret, quality: Quality, *, adapt: bool) -> AbstractAsyncContextManager[Service]:
        """Start an encoder that sends the display to `push_url`."""

    async def screenshot(self, limit: int, look: bool) -> Screenshot:
        """Take a picture of the display, as a PNG or JPEG file of at most `limit` bytes; `look` checks whether it is
        black.
        """

    async def picture(self) -> Picture:
        """Look at the display."""

    def health(self) -> Health | None:
        """The encoder's health, or None without an encoder."""


class StudioActions(Family):
    """The actions of one run's studio."""

    def __init__(self, studio: Studio, access: Access, paint: FirstPaint) -> None:
        self._studio = studio
        self._access = access
        self._paint = paint
        self._struggling = False
        self._advice = ""
        self._seen = _PictureHistory()
        self._visible_at = -inf
        self._ahead: _Shot | None = None
        self._taking = asyncio.Lock()
        self.tasks = {"studio.health": self.health, "studio.picture": self.picture, "studio.thumbnail": self.thumbnail}
        self.services = {
            "studio.display": self.display,
            "studio.encoder": self.encoder,
            "studio.window_manager": self.window_manager,
        }

    def display(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a virtual display."""
        self._seen, self._visible_at, self._ahead = _PictureHistory(), -inf, None
        return self._studio.display(str(call.inputs["size"]))

    def window_manager(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a window manager."""
        return self._studio.window_manager()

    def encoder(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start an encoder that pushes to the address of a fresh stream key.

        Raises:
            InputError: `to` is not the result of retake.stream_key.
        """
        target = call.inputs.get("to")
        push_url = target.get("push_url") if isinstance(target, dict) else None
        if not isinstance(push_url, Secret):
            raise InputError("`to` of studio.encoder must be the result of retake.stream_key")
        quality = Quality(**{each.name: call.inputs[each.name] for each in fields(Quality) if each.name in call.inputs})
        adapts = bool(call.inputs["adapt"])
        self._advice = quality.advice(adapts=adapts)
        return self._pushing(self._studio.encoder(push_url, quality, adapt=adapts))

    @asynccontextmanager
    async def _pushing(self, encoder: AbstractAsyncContextManager[Service]) -> AsyncIterator[Service]:
        """Run the encoder as the current push, from its first frames on."""
        async with self._access.push() as push, encoder as running:
            self._access.liveness.first_frames(push)
            async with beside(self._preview(push), "preview"):
                yield running

    async def _preview(self, push: Push) -> None:
        """Take a picture for the first thumbnail before the stream is live, once its scene can be seen."""
        latest = _now() + PATIENCE
        with suppress(RetakeFlowError):
            while self._paint.pending or (await self._studio.picture()).black:
                if _now() >= latest:
                    return
                await asyncio.sleep(_BLACK_AGAIN)
            self._visible_at = _now()
            await self._paint.until_live_scene()
            async with self._taking:
                if not push.shown.is_set():
                    self._ahead = await self._take(THUMBNAIL_BYTES, PATIENCE)

    async def thumbnail(self, call: Call) -> Completion:
        """Upload a picture; while the display is black, wait for a while, then upload it anyway."""
        limit, patience = int(call.inputs["limit"]), float(call.inputs["patience"])
        async with self._taking:
            ahead, self._ahead = self._ahead, None
            if ahead is None or not ahead.shows(self._paint.scene, call.inputs["max_age"]) or len(ahead.image) > limit:
                ahead = await self._take(limit, patience)
        url = await self._access.client().update_thumbnail(ahead.image, ahead.kind)
        return Completion(value={"thumbnail_url": url, "bytes": len(ahead.image), "black": ahead.black})

    async def _take(self, limit: int, patience: float) -> _Shot:
        """Take a picture; while the display is black, again for `patience` seconds."""
        latest = _now() + patience
        await self._paint.wait(patience)
        scene, taken_at = self._paint.scene, _now()
        shot = await self._studio.screenshot(limit, taken_at - self._visible_at > _SEEN_FOR)
        while shot.black and _now() < latest:
            await asyncio.sleep(_BLACK_AGAIN)
            scene, taken_at = self._paint.scene, _now()
            shot = await self._studio.screenshot(limit, look=True)
        kind = "image/jpeg" if shot.path.suffix in (".jpg", ".jpeg") else "image/png"
        return _Shot(shot.path.read_bytes(), kind, shot.black, scene, taken_at)

    async def picture(self, call: Call) -> Completion:
        """Check whether the picture is black or frozen."""
        if not call.inputs["look"]:
            return Completion("idle")
        return Completion(value=self._seen.next(await self._studio.picture(), _now()))

    async def health(self, call: Call) -> Completion:
        """Report the encoder's health; after a minute of being too slow, raise an event, once."""
        health = self._studio.health()
        if health is None:
            return Completion("idle")
        value = asdict(health)
        struggled, self._struggling = self._struggling, health.slow_for >= STRUGGLING_SECONDS
        if struggled or not self._struggling:
            return Completion(value=value)
        data = {**{name: value[name] for name in ("speed", "fps", "slow_for")}, "advice": self._advice}
        return Completion(value=value, raised=[("struggling", data)])


@dataclass(frozen=True, slots=True)
class _Shot:
    """A picture for a thumbnail.

    Attributes:
        kind: Its media type.
        scene: The scene that it shows.
        taken_at: When it was taken, in the loop's time.
    """

    image: bytes
    kind: str
    black: bool
    scene: str
    taken_at: float

    def shows(self, scene: str, max_age: float) -> bool:
        """Whether it shows a scene as it was at most `max_age` seconds ago."""
        return not self.black and self.scene == scene and _now() - self.taken_at < max_age


class _PictureHistory:
    """Compares the display with earlier pictures of it."""

    def __init__(self) -> None:
        self._last: Picture | None = None
        self._still_since = 0.0
        self._black_since = 0.0

    def next(self, picture: Picture, now: float) -> Mapping[str, Any]:
        if picture != self._last:
            self._still_since = now
        if not (picture.black and self._last is not None and self._last.black):
            self._black_since = now
        self._last = picture
        return {
            "black": picture.black,
            "black_for": round(now - self._black_since, 1),
            "still_for": round(now - self._still_since, 1),
            "brightness": picture.brightness,
        }


def _now() -> float:
    return asyncio.get_running_loop().time()
