"""Letters: draws those of many scripts in a page, and finds the ones for which there is no font."""

from __future__ import annotations

import json
from typing import Final

from retake_flow.studio import programs
from retake_flow.studio.browser import chromium
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.studio import Studio
from retake_flow.wiring.diagnosis.finding import Finding

#: A letter of each script in which viewers write, and the package that has it.
LETTERS: Final = (
    ("Latin", "ß", "fonts-dejavu-core"),
    ("Cyrillic", "Ж", "fonts-dejavu-core"),
    ("Greek", "Ω", "fonts-dejavu-core"),
    ("Arabic", "ش", "fonts-noto-core"),
    ("Hebrew", "ש", "fonts-noto-core"),
    ("Devanagari", "क", "fonts-noto-core"),
    ("Thai", "ก", "fonts-noto-core"),
    ("Chinese", "语", "fonts-noto-cjk"),
    ("Japanese", "ひ", "fonts-noto-cjk"),
    ("Korean", "한", "fonts-noto-cjk"),
    ("emoji", "🫠", "fonts-noto-color-emoji"),
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


async def examine(starts: Launcher, studio: Studio) -> Finding:
    """Show a page, and check which letters in it are boxes.

    Raises:
        StudioError: It cannot be shown.
    """
    if programs.find(chromium.PROGRAM, starts.environment) is None:
        hint = f"run: {programs.install_command(())} chromium"
        return Finding(
            "page", "skipped", "streams show their log, since the stage needs Chromium (81 MB to download)", hint
        )
    folder = studio.folder.ensure("page")
    (folder / "index.html").write_text(_PAGE, encoding="utf-8")
    async with studio.screen.page(folder) as page:
        asked = json.dumps([letter for _, letter, _ in LETTERS])
        boxes = await page.evaluate(f"{_SCRIPT}({asked})")
    lacking = [(name, package) for name, letter, package in LETTERS if letter in boxes]
    if not lacking:
        return Finding(
            "page", "ok", f"streams show the stage, with letters of {', '.join(name for name, *_ in LETTERS)}"
        )
    names = ", ".join(name for name, _ in lacking)
    packages = " ".join(dict.fromkeys(package for _, package in lacking))
    hint = f"run: {programs.install_command(())} {packages}"
    return Finding("page", "warning", f"streams show the stage, with boxes in place of letters of {names}", hint)
