"""What is spoken of a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.speech import EMBEDDED, LONGEST_TEXT, Voice, speakable


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good evening!", "Good evening!"),
        ("two\nlines\tand   spaces ", "two lines and spaces"),
        ("\x1b]0;title\x07\x1b[31mred\x1b[0m \u202eevil", "red evil"),
        ("<speak><audio src='/etc/passwd'/></speak>", "<speak><audio src='/etc/passwd'/></speak>"),
        ("[[h@l'oU]]", "[ [h@l'oU]]"),
        ("\x00\x1b[2J", ""),
        ("x" * 10_000, "x" * LONGEST_TEXT),
    ],
)
def test_a_text_is_spoken_as_it_is(text: str, words: str) -> None:
    """On one line and not for ever, without controls; markup is read out, not obeyed."""
    assert speakable(text) == words


def test_the_embedded_voice_reads_standard_input_without_markup() -> None:
    """The text never is an argument, and no `-m` makes it markup."""
    assert "--stdin" in EMBEDDED
    assert "-m" not in EMBEDDED


@pytest.mark.parametrize(("command", "found"), [(["./mine"], True), (["./other"], False), (["mine"], False)])
def test_a_voice_of_ones_own_is_found_from_its_folder(tmp_path: Path, command: list[str], found: bool) -> None:
    """With a `/` in its name it is beside the flow, else on the PATH."""
    places = tmp_path / "bin"
    places.mkdir()
    for file in (tmp_path / "mine", places / "paplay"):
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    assert Voice(Launcher("run", {"PATH": str(places)}), tmp_path, command).is_installed is found
