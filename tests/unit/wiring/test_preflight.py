"""The places of a host, tried before a run begins."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from retake_flow.errors import HostError, InputError, MissingProgram, ResponderMissing, RetakeFlowError
from retake_flow.flow.load.load import load_flow
from retake_flow.settings import Settings
from retake_flow.studio import display
from retake_flow.studio.encoding import capability
from retake_flow.wiring import preflight

SHOWN = load_flow(
    """
flow: shown
initial: a
states:
  a:
    activities: {display: {do: studio.display}}
    timeout: 1m
    transitions: {timeout: b}
  b: {final: ok}
""",
    "f",
)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ("{do: studio.page, with: {folder: none}}", r"there is no folder \S+/none$"),
        ("{do: studio.film, with: {files: [a.mp4, b.mp4]}}", "there is no file b.mp4"),
        ("{do: studio.music, with: {files: [../a.mp4]}}", "outside of the flow's folder"),
        ("{do: studio.slides, with: {files: ['{{ run.id }}.png', none.png]}}", ""),
    ],
)
def test_files_that_are_shown_exist_before_anything_begins(tmp_path: Path, window: str, said: str) -> None:
    """A name that is filled in during the run is not looked up."""
    (tmp_path / "a.mp4").touch()
    text = f"""
flow: f
initial: a
states:
  a: {{activities: {{w: {window}}}, timeout: 1m, transitions: {{timeout: b}}}}
  b: {{final: ok}}
"""
    flow = load_flow(text, str(tmp_path / "f.yaml"))
    with pytest.raises(InputError, match=said) if said else nullcontext():
        preflight.require_media(flow)


def test_a_folder_that_can_be_written_stays_as_it_is(tmp_path: Path) -> None:
    """Nothing of the try is left."""
    preflight.require_folder(tmp_path, "no")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "No such file"), ("file", "Not a directory")])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, name: str, reason: str) -> None:
    """The message has the place and the reason, the hint a command."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match=f"no picture: {reason}.*{name}") as raised:
        preflight.require_folder(tmp_path / name, "no picture")
    assert raised.value.hint


def test_a_host_without_a_place_for_temporary_files_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python finds none in TMPDIR, /tmp, /var/tmp and here."""

    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(HostError, match="No usable temporary directory") as raised:
        preflight.require_working_folder()
    assert "export TMPDIR=" in raised.value.hint


def test_programs_that_take_long_neither_keep_a_run_from_starting_nor_count_as_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may only be slow. The next run tries them again."""
    for name in ("ffmpeg", "fc-list"):
        (tmp_path / name).write_text("#!/bin/sh\nexec sleep 600\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(capability, "TIMEOUT_SECONDS", 0.1)
    asyncio.run(preflight._require_parts("rtmp", tmp_path / "cache" / "kept.json"))
    assert not (tmp_path / "cache").exists()


def test_a_run_whose_display_has_no_place_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X has its locks in /tmp, whatever TMPDIR says."""
    (tmp_path / "Xvfb").write_text("#!/bin/sh\n")
    (tmp_path / "Xvfb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(display, "FOLDER", tmp_path / "nowhere")
    settings = Settings.from_environment({"HOME": str(tmp_path)})
    with pytest.raises(HostError, match="no display can be opened"):
        asyncio.run(preflight.require(SHOWN, settings, rehearsed=True))


LACKING = """
flow: lacking
initial: a
states:
  a:
    do: program.run
    with: {command: [no-such-owl]}
    activities: {first: FIRST, second: SECOND}
    transitions: {done: b, failed: b, error.*: b}
  b: {final: ok}
"""
CHAT = "{do: chat.respond, with: {responder: RESPONDER}}"
PROGRAM, MODULE = "{command: [./no-such-owl]}", "{module: 'no_such_owl:reply'}"


@pytest.mark.parametrize(
    ("responders", "error", "lines"),
    [
        ((PROGRAM, MODULE), ResponderMissing, 2),
        ((MODULE, PROGRAM), ResponderMissing, 2),
        ((PROGRAM, "{command: [./no-other-owl]}"), MissingProgram, 2),
        ((PROGRAM, PROGRAM), MissingProgram, 1),
    ],
)
def test_missing_parts_of_responders_are_reported_by_what_they_have_in_common(
    tmp_path: Path, responders: tuple[str, str], error: type[RetakeFlowError], lines: int
) -> None:
    """The order in which the flow names them does not matter, and the same part is reported once, with its hint."""
    text = LACKING
    for place, responder in zip(("FIRST", "SECOND"), responders, strict=True):
        text = text.replace(place, CHAT.replace("RESPONDER", responder))
    with pytest.raises(RetakeFlowError) as raised:
        preflight.require_programs(load_flow(text, str(tmp_path / "f.yaml")))
    assert type(raised.value) is error
    assert len(raised.value.message.splitlines()) == lines
    assert bool(raised.value.hint) is (lines == 1)


@pytest.mark.parametrize("order", [1, -1])
def test_a_missing_program_and_a_variable_that_is_not_set_are_both_of_the_host(tmp_path: Path, order: int) -> None:
    """Neither of the two kinds stands for the other."""
    own = [
        "{do: program.run, with: {command: [no-such-owl]}, every: 1m}",
        "{do: http.request, with: {url: 'https://owl.example/', headers_from: {Key: NO_SUCH_OWL}}, every: 1m}",
    ][::order]
    text = LACKING.replace("FIRST", own[0]).replace("SECOND", own[1])
    with pytest.raises(HostError, match="NO_SUCH_OWL"):
        preflight.require_own(load_flow(text, str(tmp_path / "f.yaml")))
