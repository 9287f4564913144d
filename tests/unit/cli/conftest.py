"""A command line with folders of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import json_output
import pytest
from cli_command import Command, Said

from retake_flow.cli.main import main
from retake_flow.ports.runs import Runs
from retake_flow.store.opening import open_runs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with an empty home beside it."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    environment: Mapping[str, str] = {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    for name in (
        "RETAKE_ACCESS_TOKEN",
        "RETAKE_API_URL",
        "RETAKE_CREDENTIALS",
        "RETAKE_FLOW_STATE",
        "RETAKE_FLOW_CACHE",
        "RETAKE_FLOW_STORE",
        "RETAKE_FLOW_NOTIFY",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return here


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in the folder."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        written = capsys.readouterr()
        json_output.hold(arguments, written.out)
        return Said(code, written.out, written.err)

    return run


@pytest.fixture
def store(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """The store that the commands use, empty."""
    place = tmp_path / "store" / "runs.sqlite"
    monkeypatch.setenv("RETAKE_FLOW_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RETAKE_FLOW_STORE", str(place))
    opened = open_runs(place)
    yield opened
    opened.close()
