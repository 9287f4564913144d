"""Files of authors: values that the program itself recommends, sizes, and files of editors that begin with a mark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_processes import Home, at_home, waited
from run_programs import program

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
FLOW = """\
flow: small
initial: a
rules: [own.rules.yaml]
states: {a: {flow: sub.yaml, transitions: {over: b}}, b: {final: done}}
"""
SUB = """\
flow: sub
initial: look
states: {look: {do: credentials.load, transitions: {found: over, missing: over}}, over: {final: over}}
"""
RULES = (
    "rules: own\nversion: 1\nevery_path: {first: {because: so it is, before: b, comes: {begins: credentials.load}}}\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a flow of several files."""
    with at_home(tmp_path / "home") as made:
        for name, text in (
            ("small", FLOW),
            ("sub", SUB),
            ("own.rules", RULES),
            ("over", "extends: small.yaml\nstates: {b: {final: ready}}\n"),
        ):
            (made.folder / f"{name}.yaml").write_text(text)
        yield made


@pytest.mark.parametrize("name", ["small", "sub", "own.rules", "over"])
def test_a_file_may_begin_with_a_byte_order_mark(home: Home, name: str) -> None:
    """As editors of Windows write it: a flow, one that it runs or extends, its rules."""
    file = home.folder / f"{name}.yaml"
    file.write_text(MARK + file.read_text())
    done = home.call("check", str(home.folder / "over.yaml"))
    assert done.code == 0, done


def test_other_files_may_begin_with_a_byte_order_mark(home: Home) -> None:
    """Credentials, answers of a simulation, and options of a rehearsal."""
    credentials = home.folder / "owl.json"
    credentials.touch(mode=0o600)
    credentials.write_text(MARK + json.dumps({"access_token": "rtk_author_0123456789", "agent_name": "owl"}))
    done = home.call("run", str(home.folder / "sub.yaml"), RETAKE_CREDENTIALS=str(credentials))
    assert (done.code, home.row()["agent"]) == (0, "owl"), done
    mocks = home.folder / "mocks.yaml"
    mocks.write_text(f"{MARK}credentials.load: missing\n")
    assert home.call("simulate", str(home.folder / "sub.yaml"), "--mock", str(mocks)).code == 0
    options = home.folder / "options.json"
    options.write_text(MARK + json.dumps({"viewers": []}))
    rehearsed = ("--rehearse", "--rehearsal-options", str(options), "--folder", str(home.folder / "rehearsal"))
    assert home.call("run", str(home.folder / "sub.yaml"), *rehearsed).code == 0


@pytest.mark.parametrize(
    ("inputs", "code"),
    [("bitrate: 2M", 0), ("bitrate: 1500k", 0), ("bitrate: 2MB", 3), ("bitrate: '-1'", 3), ("framerate: 25", 0)],
)
def test_values_that_the_encoder_recommends_pass_the_check(home: Home, inputs: str, code: int) -> None:
    """Values that it cannot use do not."""
    overlay = home.folder / "owl.yaml"
    where = "states: {broadcast/pushing: {activities: {encoder: {with: {" + inputs + "}}}}}"
    overlay.write_text(f"extends: go-live.yaml\n{where}\n")
    assert home.call("check", str(overlay)).code == code


@pytest.mark.parametrize("size", ["1281x720", "1280x719", "0x0", "100000x2"])
def test_a_size_that_cannot_be_encoded_is_refused_by_the_check(home: Home, size: str) -> None:
    """Before anything is begun."""
    overlay = home.folder / "owl.yaml"
    overlay.write_text(f"extends: go-live.yaml\ninputs: {{size: {size}}}\n")
    refused = home.call("check", str(overlay))
    assert (refused.code, "owl.yaml:2:16: RF044" in refused.out) == (3, True), refused


@pytest.mark.real
def test_no_pointer_stands_in_the_picture(home: Home) -> None:
    """It would stand in the middle for hours."""
    running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(home.folder / "rehearsal"))
    running.on_air()
    encoder = waited(lambda: program(running.run, "ffmpeg", "-progress"), "the encoder").cmdline()
    assert encoder[encoder.index("-draw_mouse") + 1] == "0"
    assert home.call("stop", running.run).code == 0
    running.finish()
