"""Changing what the stage of a run shows that another process drives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cli_command import Command
from driven_run import RUN, driving
from stored_runs import DEAD

from retake_flow.monitor import requests
from retake_flow.ports.runs import Claim, Holder, Request, Runs
from retake_flow.store.holders import this_process

PNG = b"\x89PNG\r\n\x1a\n"


def kept(store: Runs, holder: Holder) -> Claim:
    """A stored run."""
    return store.create(RUN, agent="owl", flow_file="raided.yaml", flow_text="", holder=holder)


def taking(request: Request) -> Sequence[dict[str, Any]]:
    """A driver whose stage shows it."""
    return [{"event": "scene_set", "request": request.number}]


def refusing(request: Request) -> Sequence[dict[str, Any]]:
    """A driver without a stage."""
    return [{"event": "scene_refused", "request": request.number, "reason": "the run shows no stage"}]


def test_the_stage_shows_what_is_asked_for(command: Command, store: Runs, tmp_path: Path) -> None:
    """A title, a picture by its full path, a scene in two ways, and the flow's own again."""
    (tmp_path / "a.png").write_bytes(PNG)
    heard: list[Request] = []
    with driving(kept(store, this_process()), taking, heard):
        assert command("screen", "owl", "title", "A <b>radio</b>\x1b[31m", "--by", "ann").out == "owl-1 shows it\n"
        assert command("screen", "owl", "picture", str(tmp_path / "a.png"), "--for", "2m", "--by", "ann").code == 0
        assert command("screen", "owl", "page", "https://example.org/?a=1", "--for", "1m", "--by", "ann").code == 0
        assert command("screen", "owl", "page", "", "--by", "ann").code == 0
        assert command("scene", "owl", "brb", "--for", "5m", "--by", "ann").code == 0
        assert command("screen", "owl", "scene", "live", "--by", "ann").code == 0
        [record] = command("screen", "owl", "clear", "--by", "ann", "--json").records
    assert [request.data for request in heard] == [
        {"data": {"title": "A <b>radio</b>"}, "by": "ann"},
        {"data": {"picture": str(tmp_path / "a.png")}, "for": 120.0, "by": "ann"},
        {"data": {"page": "https://example.org/?a=1"}, "for": 60.0, "by": "ann"},
        {"data": {"page": ""}, "by": "ann"},
        {"to": "brb", "for": 300.0, "by": "ann"},
        {"to": "live", "by": "ann"},
        {"clear": True, "by": "ann"},
    ]
    assert record == {"run": "owl-1", "shows": True} | {
        "effect": "done",
        "reason": "",
        "next": ["retake-flow wait owl-1 --until on-air --within 50s --json"],
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("screen", "owl", "title", "x" * 301), "longer than 300 characters"),
        (("screen", "owl", "subtitle", "x"), "invalid choice"),
        (("screen", "owl", "clear", "x"), "takes no value"),
        (("screen", "owl", "picture", "/etc/hostname"), "not a picture"),
        (("screen", "owl", "picture", "/nowhere.png"), "No such file"),
        (("screen", "owl", "page", "file:///etc/passwd"), "not the address of a page"),
        (("screen", "owl", "page", "example.org"), "not the address of a page"),
        (("screen", "owl", "page", "javascript:alert(1)"), "not the address of a page"),
        (("screen", "owl", "page", "https://example.org/" + "x" * 2000), "longer than 2000 characters"),
        (("screen", "owl", "title", "x", "--for", "0s"), "for no time"),
        (("scene", "owl", "a pause"), "write one of starting, live, brb, ended"),
    ],
)
def test_what_no_stage_can_show_is_refused_here(
    command: Command, store: Runs, arguments: tuple[str, ...], words: str
) -> None:
    """Before the run hears of it, with what would be right."""
    kept(store, this_process())
    said = command(*arguments)
    assert said.code == 2
    assert words in said.err


def test_a_run_without_a_stage_says_so(command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log, a process that does not listen, and a run that nobody drives."""
    monkeypatch.setattr(requests, "HEARD_WITHIN", 0.2)
    with driving(kept(store, this_process()), refusing, []):
        said = command("scene", "owl", "brb")
    assert (said.code, said.err) == (1, "not shown: the run shows no stage\n")
    store.claim("owl-1", holder=DEAD, force=True)
    said = command("screen", "owl", "title", "x")
    assert said.code == 1
    assert "no process drives owl-1" in said.err
