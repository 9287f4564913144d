"""Stream checks: a small stream with a display showing text, a second of it encoded, and an audible tone."""

from __future__ import annotations

import asyncio
import io
import json
import math
import re
import wave
from array import array
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import HostError, ProcessFailed, RetakeFlowError
from retake_flow.studio import programs, recordings
from retake_flow.studio.browser import chromium
from retake_flow.studio.encoding import capability, encoder
from retake_flow.studio.encoding.quality import GUIDE
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.studio.sound import SILENCE, SINK, Sound
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import work_folder
from retake_flow.wiring.diagnosis.finding import Finding, attempt, failure

#: The checks of this module, in the order of the report, with the programs that each tries.
CHECKS: Final = {
    "display": ("Xvfb",),
    "letters": ("openbox", "xterm", "ffmpeg"),
    "scripts": (),
    "page": ("chromium",),
    "encoder": ("ffmpeg", "ffprobe"),
    "sending": ("ffmpeg",),
    "sound": ("pulseaudio", "paplay", "ffmpeg"),
    "thumbnail": ("scrot", "ffmpeg"),
}

SECONDS: Final = 1.0
_WITHIN: Final = 45.0  # seconds
#: A screen full of text is brighter than this; one with only a cursor is darker.
_WRITTEN: Final = 0.01
_TEXT: Final = "\n".join(["retake-flow doctor " * 6] * 25)
#: A sound louder than this, in dB, counts as audible.
_HEARD: Final = -50.0
_RATE: Final = 22050

#: The scripts in which viewers write: a letter, the language by its fontconfig name, and the package with a font. Latin
#: is not looked up by language.
SCRIPTS: Final = (
    ("Latin", "ß", "", "fonts-dejavu-core"),
    ("Cyrillic", "Ж", "ru", "fonts-dejavu-core"),
    ("Greek", "Ω", "el", "fonts-dejavu-core"),
    ("Arabic", "ش", "ar", "fonts-noto-core"),
    ("Hebrew", "ש", "he", "fonts-noto-core"),
    ("Devanagari", "क", "hi", "fonts-noto-core"),
    ("Thai", "ก", "th", "fonts-noto-core"),
    ("Chinese", "语", "zh-cn", "fonts-noto-cjk"),
    ("Japanese", "ひ", "ja", "fonts-noto-cjk"),
    ("Korean", "한", "ko", "fonts-noto-cjk"),
    ("emoji", "🫠", "und-zsye", "fonts-noto-color-emoji"),
)
#: A letter without a font looks like one that does not exist.
_SCRIPT: Final = """
(letters => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const drawn = letter => {
        context.clearRect(0, 0, 64, 64);
        context.font = "40px sans-serif";
        context.fillText(letter, 8, 48);
        return context.getImageData(0, 0, 64, 64).data.join();
    };
    const none = [drawn(" "), drawn("\\u0378"), drawn("\\u{10FFFE}")];
    return letters.filter(letter => none.includes(drawn(letter)));
})
"""
_PAGE: Final = "<!doctype html><title>doctor</title><body style='background: white'>retake-flow doctor"


async def examine(starts: Launcher, voice: Sequence[str], scheme: str, *, sandbox: bool = True) -> Sequence[Finding]:
    """All checks of picture and sound, in the order of `CHECKS`."""
    # Groups, since they wait for all their tasks when they are cancelled: no program outlives its context.
    async with asyncio.TaskGroup() as group:
        shown = group.create_task(_examine_picture(starts, voice, sandbox))
        scripts = group.create_task(attempt("scripts", partial(_scripts, starts), "warning"))
        sending = group.create_task(attempt("sending", partial(_sending, starts, scheme)))
    results = (*shown.result(), scripts.result(), sending.result())
    found = {each.check: _with_hint(each, starts) for each in results}
    return [found.get(check, Finding(check, "skipped", "not tried, since there is no display")) for check in CHECKS]


def _with_hint(found: Finding, starts: Launcher) -> Finding:
    """A failed check with a hint; by default, to inspect the programs that it tried."""
    tried = [program for program in programs.PROGRAMS if program.name in CHECKS[found.check]]
    if found.hint or found.status not in ("missing", "warning") or not tried:
        return found
    places = " and ".join(str(programs.find(program.name, starts.environment)) for program in tried)
    packages = " ".join(dict.fromkeys(program.package for program in tried))
    install = f"{programs.install_command(())} --reinstall {packages}"
    return replace(found, hint=f"check whether {places} can be started; or run: {install}")


async def _examine_picture(starts: Launcher, voice: Sequence[str], sandbox: bool) -> Sequence[Finding]:
    try:
        with work_folder() as folder:
            studio = Studio(starts, folder, voice, sandbox=sandbox)
            async with studio.display(_default("studio.display", "size")) as display:
                about = Finding("display", "ok", f"{display.size} on {display.name}")
                return [about, *await _on_display(starts, studio)]
    except RetakeFlowError as error:
        return [failure("display", error)]


async def _on_display(starts: Launcher, studio: Studio) -> Sequence[Finding]:
    async with AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            written = group.create_task(attempt("letters", partial(_letters, studio, stack)))
            page = group.create_task(attempt("page", partial(_page, starts, studio, written), "warning"))
            sound = group.create_task(stack.enter_async_context(studio.sound()))
        async with asyncio.TaskGroup() as group:
            thumbnail = group.create_task(attempt("thumbnail", partial(_thumbnail, studio)))
            second = group.create_task(_try_encoding(starts, studio, sound.result()))
        return [written.result(), page.result(), thumbnail.result(), *second.result()]


async def _letters(studio: Studio, stack: AsyncExitStack) -> Finding:
    """Write on the display, and check whether the text is visible."""
    await stack.enter_async_context(studio.window_manager())
    await stack.enter_async_context(studio.content())
    studio.say(_TEXT)
    late = asyncio.get_running_loop().time() + 5.0
    while (seen := (await studio.picture()).brightness) < _WRITTEN:
        if asyncio.get_running_loop().time() > late:
            raise HostError("text on the display is not visible", hint=programs.no_font().hint)
    return Finding("letters", "ok", f"text on the display is visible (brightness {seen:.2f})")


async def _page(starts: Launcher, studio: Studio, managed: asyncio.Task[Finding]) -> Finding:
    """Show a page, once there is a window manager."""
    await asyncio.wait({managed})
    return await examine_page(starts, studio)


async def examine_page(starts: Launcher, studio: Studio) -> Finding:
    """Show a page, and check which letters in it are boxes.

    Raises:
        StudioError: It cannot be shown.
    """
    if programs.find(chromium.PROGRAM, starts.environment) is None:
        hint = f"run: {programs.install_command(())} chromium"
        said = "streams show their log, since the stage needs Chromium (81 MB to download)"
        return Finding("page", "skipped", said, hint)
    folder = studio.folder.ensure("page")
    (folder / "index.html").write_text(_PAGE, encoding="utf-8")
    async with studio.screen.page(folder) as page:
        asked = json.dumps([letter for _, letter, *_ in SCRIPTS])
        boxes = await page.evaluate(f"{_SCRIPT}({asked})")
    lacking = {name: package for name, letter, _, package in SCRIPTS if letter in boxes}
    return _letters_finding("page", lacking, "streams show the stage, with letters of {}",
                            "streams show the stage, with boxes in place of letters of {}")  # fmt: skip


def _letters_finding(check: str, lacking: Mapping[str, str], fine: str, boxes: str) -> Finding:
    """The finding about the letters of all scripts, from those that lack, each with the package that has them."""
    if not lacking:
        return Finding(check, "ok", fine.format(", ".join(name for name, *_ in SCRIPTS)))
    packages = " ".join(dict.fromkeys(lacking.values()))
    hint = f"run: {programs.install_command(())} {packages}"
    return Finding(check, "warning", boxes.format(", ".join(lacking)), hint)


async def _scripts(starts: Launcher) -> Finding:
    """Check which scripts have fonts; text in the others shows as boxes."""
    await capability.require_fonts(starts)
    if programs.find("fc-list", starts.environment) is None:
        return Finding("scripts", "skipped", "not tried, since fc-list is not installed",
                       f"run: {programs.install_command(())} fontconfig")  # fmt: skip
    listed = await starts.run(ProcessSpec(("fc-list", "--format", "%{lang}|")), timeout=_WITHIN)
    if listed.status != 0:
        raise listed.lasting or ProcessFailed(f"the fonts were not listed: {listed.ending}")
    known = set(listed.stdout.decode(errors="replace").split("|"))
    lacking = {name: package for name, _, language, package in SCRIPTS if language and language not in known}
    return _letters_finding(
        "scripts", lacking, "there are letters for {}", "there are no letters for {}: they show as boxes"
    )


async def _sending(starts: Launcher, scheme: str) -> Finding:
    await capability.require_sending(starts, scheme)
    return Finding("sending", "ok", f"ffmpeg can send to {scheme}:// addresses")


async def _thumbnail(studio: Studio) -> Finding:
    shot = await studio.screenshot(_default("studio.thumbnail", "limit"))
    return Finding("thumbnail", "ok", f"a picture of {shot.path.stat().st_size // 1024} KiB")


async def _try_encoding(starts: Launcher, studio: Studio, sound: Sound) -> tuple[Finding, Finding]:
    """Encode a second of the display with a tone in it, and check the file."""
    file = studio.folder.ensure() / "second.flv"
    encoded = await attempt("encoder", partial(_encoder, starts, studio, sound, file))
    if encoded.status == "missing":
        return encoded, Finding("sound", "skipped", "not tried, since nothing can be encoded")
    return encoded, await attempt("sound", partial(_sound, starts, sound, file), "warning")


async def _encoder(starts: Launcher, studio: Studio, sound: Sound, file: Path) -> Finding:
    display = studio.current_display
    audio = sound.input if sound.audible else SILENCE
    picture = encoder.grab_input(display.name, display.size, GUIDE.framerate)
    argv = (*encoder.command(picture, GUIDE, audio), "-t", f"{SECONDS:g}", "-f", "flv", "-y", file.name)
    around = {**display.environment, **audio.environment}
    spec = ProcessSpec(argv, environment=around, folder=file.parent, shares_memory=False)
    async with AsyncExitStack() as stack:
        if sound.audible and programs.find("paplay", starts.environment):
            player = ProcessSpec(("paplay", f"--device={SINK}"), environment=sound.environment, fed=True, grace=1.0)
            (await stack.enter_async_context(starts.process(player))).finish(_tone())
        began = asyncio.get_running_loop().time()
        done = await starts.run(spec, timeout=_WITHIN)
        took = asyncio.get_running_loop().time() - began
    if done.status != 0:
        raise done.lasting or ProcessFailed(f"nothing was encoded: {done.ending}")
    held = await recordings.probe(starts, file)
    message = (
        f"{held.frames} frames of {held.codec} {held.width}x{held.height} with {held.audio_codec}, in {took:.1f} s"
    )
    if not held.frames or not held.audio_codec:
        raise ProcessFailed(f"the encoded video cannot be shown: {message}")
    if took > 3 * SECONDS + 2:
        return Finding("encoder", "warning", f"{message}, which is slow", "a smaller picture: --set size=640x360")
    return Finding("encoder", "ok", message)


async def _sound(starts: Launcher, sound: Sound, file: Path) -> Finding:
    if not sound.audible:
        return Finding("sound", "warning", f"streams are silent: {sound.reason}", _sound_hint(starts))
    if programs.find("paplay", starts.environment) is None:
        return Finding("sound", "warning", "no tone can be played, so nothing can be spoken", _sound_hint(starts))
    argv = ("ffmpeg", "-hide_banner", "-nostats", "-nostdin", "-i", file.name, "-vn", "-af", "volumedetect")
    done = await starts.run(ProcessSpec((*argv, "-f", "null", "-"), folder=file.parent), timeout=_WITHIN)
    loudest = next((found[1] for line in done.lines if (found := re.search(r"max_volume: (\S+) dB", line))), "-inf")
    if float(loudest) < _HEARD:
        raise HostError(f"a played tone is not in the encoded video ({loudest} dB)", hint=_sound_hint(starts))
    return Finding("sound", "ok", f"a played tone is in the encoded video ({loudest} dB)")


def _sound_hint(starts: Launcher) -> str:
    lacking = programs.missing(starts.environment, required=False)
    return f"run: {programs.install_command(lacking)}" if lacking else ""


def _tone() -> bytes:
    """Five seconds of a tone, as a WAV file."""
    samples = array("h", (int(12000 * math.sin(math.tau * 440 * number / _RATE)) for number in range(5 * _RATE)))
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(_RATE)
        written.writeframes(samples.tobytes())
    return file.getvalue()


def _default(action: str, name: str) -> Any:
    """The default of an input, so that the check does the same as a stream."""
    return CATALOGUE[action].inputs[name]["default"]
