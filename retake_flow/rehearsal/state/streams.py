"""Stream keys, sessions and pushes of video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retake_flow.redact import Secret

# Seconds without a frame after which a stream is no longer live. An encoder on a busy machine stalls for one.
STALE_AFTER = 3.0


@dataclass(slots=True)
class StreamKey:
    """An issued stream key.

    Attributes:
        number: 1 for the platform's first key; reports name keys by it.
        rotated: Whether the platform issued it by itself, so that no client knows it.
    """

    number: int
    value: Secret
    pushes: int = 0
    rotated: bool = False


@dataclass(slots=True)
class Session:
    """One stream session, from `stream/start` to its end.

    Attributes:
        key: The newest key at that time; only video on this key makes the session live.
        ended_by: `stop`, or `start` when another session took its place.
        offline_until: Until when it is not live although there is video.
        spoke_first: Whether the agent wrote in its own chat on air before any thumbnail.
    """

    id: str
    started_at: float
    key: StreamKey | None
    live_at: float | None = None
    ended_at: float | None = None
    ended_by: str = ""
    viewers: int = 0
    thumbnails: int = 0
    offline_until: float = 0.0
    title: str = ""
    spoke_first: bool = False

    def end(self, now: float, by: str) -> None:
        """End the session."""
        self.ended_at, self.ended_by = now, by
        if self.live_at is not None and self.live_at > now:
            self.live_at = None  # its video had begun, but the lag was never over


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An uploaded thumbnail.

    Attributes:
        path: The file that keeps it; empty if it was not kept.
        since_live: Seconds after the session went live; None if it had not.
    """

    at: float
    media_type: str
    size: int
    path: str
    since_live: float | None


class Publication:
    """One push of video, from the publisher's accepted key to its end.

    Args:
        number: 1 for the platform's first push.

    Attributes:
        unrecorded: Why some of it was not recorded; "" if all was.
        on_close: Called once with the reason when the publication ends for any cause.
        on_stall: Called with the seconds during which nothing is read; None for good.
    """

    def __init__(
        self,
        number: int,
        key: StreamKey,
        now: Callable[[], float],
        first_frame: Callable[[], None],
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self.number = number
        self.key = key
        self.opened_at = now()
        self.first_video_at: float | None = None
        self.last_video_at = 0.0
        self.closed_at: float | None = None
        self.closed_by = ""
        self.frames = 0
        self.recording = ""
        self.unrecorded = ""
        self.on_close: Callable[[str], None] | None = None
        self.on_stall: Callable[[float | None], None] | None = None
        self._stalled_until = 0.0
        self._now = now
        self._first_frame = first_frame
        self._closed = closed

    @property
    def is_open(self) -> bool:
        """Whether video is still accepted."""
        return self.closed_at is None

    @property
    def is_flowing(self) -> bool:
        """Whether frames are arriving now."""
        return self.is_open and bool(self.frames) and self._now() - self.last_video_at <= STALE_AFTER

    def video(self, frames: int = 1) -> None:
        """Accept frames of video; after the end, and during a stall, they are dropped."""
        if not self.is_open or frames < 1 or self._now() < self._stalled_until:
            return
        self.frames += frames
        self.last_video_at = self._now()
        if self.first_video_at is None:
            self.first_video_at = self.last_video_at
            self._first_frame()

    def stall(self, seconds: float | None) -> None:
        """Stop reading for that long."""
        self._stalled_until = float("inf") if seconds is None else self._now() + seconds
        if self.on_stall is not None:
            self.on_stall(seconds)

    def close(self, reason: str = "the publisher went away") -> None:
        """End the push; only the first call counts."""
        if not self.is_open:
            return
        self.closed_at = self._now()
        self.closed_by = reason
        self._closed()
        if self.on_close is not None:
            self.on_close(reason)
