"""Player: mpv, showing films and slides, and playing music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from retake_flow.studio.layout import BACKDROP, Area
from retake_flow.studio.processes.process import ProcessSpec

#: It reads no configuration, takes no input, runs no scripts and opens no socket.
_CONFINED: Final = (
    "--no-config",
    "--load-scripts=no",
    "--ytdl=no",
    "--osc=no",
    "--no-input-default-bindings",
    "--no-input-terminal",
    "--input-vo-keyboard=no",
    "--input-media-keys=no",
    "--access-references=no",  # a file may not name others
    "--no-resume-playback",
    "--msg-level=all=error",
    "--no-terminal",
    "--stop-screensaver=no",
    # Without sound it continues with the picture.
    "--ao=pulse,null",
)
#: A window of a fixed size, without anything but the picture in it.
_WINDOW: Final = (
    "--vo=x11",
    "--no-border",
    "--force-window=immediate",
    "--no-keepaspect-window",
    "--osd-level=0",
    "--sub-auto=no",
    "--cursor-autohide=always",
    "--hwdec=no",
)


def film(
    display: Mapping[str, str],
    sound: Mapping[str, str],
    area: Area,
    places: Sequence[str],
    *,
    loop: bool,
    volume: int,
    duck: bool,
) -> ProcessSpec:
    """The start of a player with a window.

    `display` and `sound` are the variables that let it in at the display and make it heard on stream. `places` are
    paths or addresses, shown one after the other; `duck` makes it quieter while something is spoken.
    """
    return _mpv(
        (*_window(area), f"--volume={volume}"), {**display, **_heard(sound, "video", duck=duck)}, places, loop=loop
    )


def slides(display: Mapping[str, str], area: Area, places: Sequence[str], *, loop: bool, every: float) -> ProcessSpec:
    """The start of a player that shows each picture for `every` seconds; other arguments as for `film`."""
    shown = (*_window(area), "--no-audio", f"--image-display-duration={every if len(places) > 1 else 'inf'}")
    # Blending takes too long for moving pictures.
    graph = _on_backdrop(area, blends=not any(place.lower().endswith(".gif") for place in places))
    return _mpv((*shown, f"--vf=lavfi=%{len(graph)}%{graph}"), display, places, loop=loop)


def music(sound: Mapping[str, str], places: Sequence[str], *, loop: bool, volume: int, duck: bool) -> ProcessSpec:
    """The start of a player without a window; arguments as for `film`."""
    return _mpv(("--no-video", f"--volume={volume}"), _heard(sound, "music", duck=duck), places, loop=loop)


def _on_backdrop(area: Area, *, blends: bool) -> str:
    """The filters that put a picture on the colour of the display, visible around and through it."""
    scaled = f"scale={area.width}:{area.height}:force_original_aspect_ratio=decrease"
    filters = ["format=rgba", scaled, f"pad={area.width}:{area.height}:-1:-1:color=0x{BACKDROP:06x}"]
    if blends:
        parts = zip("rgb", BACKDROP.to_bytes(3, "big"), strict=True)
        mixed = [f"{part}={behind}+({part}(X\\,Y)-{behind})*alpha(X\\,Y)/255" for part, behind in parts]
        filters.append(f"geq={':'.join(mixed)}:a=255")  # `overlay` would wait for a second picture
    return ",".join(filters)


def _window(area: Area) -> tuple[str, ...]:
    return (*_WINDOW, f"--geometry={area.geometry}")


def _heard(sound: Mapping[str, str], role: str, *, duck: bool) -> dict[str, str]:
    return {**sound, **({"PULSE_PROP": f"media.role={role}"} if duck else {})}


def _mpv(options: Sequence[str], environment: Mapping[str, str], places: Sequence[str], *, loop: bool) -> ProcessSpec:
    return ProcessSpec(
        argv=("mpv", *_CONFINED, *options, *(("--loop-playlist=inf",) if loop else ()), "--", *places),
        environment=environment,
        shares_memory=False,  # it would share its pictures with every user of the machine (mode 0777)
        detached=True,
        grace=1.0,
        hint="see whether mpv plays it: mpv FILE",
    )
