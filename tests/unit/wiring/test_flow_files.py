"""The files of a flow on a host where it was not started."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from store_samples import a_run

from retake_flow.cli.flow_file import open_flow
from retake_flow.flow.load.load import load_stored
from retake_flow.flow.text.bundle import parse
from retake_flow.flow.text.locate import shipped_flows
from retake_flow.ports.runs import Stored
from retake_flow.settings import Settings
from retake_flow.wiring.flow_files import on_this_host, why_unfit

FLOW = """\
flow: night
initial: health
states:
  health: {do: program.run, with: {command: [./health.sh]}, transitions: {done: over, failed: over}}
  over: {flow: parts/part.yaml, transitions: {succeeded: end}}
  end: {final: succeeded}
"""
PART = "flow: part\ninitial: end\nstates:\n  end: {final: succeeded}\n"


def a_flow(folder: Path, text: str = FLOW) -> Path:
    """A flow with a sub-flow and a program beside it."""
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "part.yaml").write_text(PART)
    (folder / "night.yaml").write_text(text)
    program = folder / "health.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return folder / "night.yaml"


def begun(file: Path, settings: Settings) -> Stored:
    """A run of the flow, as it is in the store."""
    flow = open_flow(str(file), settings, [])
    return Stored(a_run(), "owl", str(file), flow.sources.dump(), 1, None, 1.0, 2.0)


def unfit(stored: Stored, settings: Settings) -> str:
    """Why the host cannot drive it."""
    return asyncio.run(why_unfit(stored, settings))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of another host, whose flows are in a folder of its own."""
    (tmp_path / "flows").mkdir()
    return replace(Settings.from_environment({"HOME": str(tmp_path)}), flows=tmp_path / "flows")


def test_a_flow_is_found_by_its_text(tmp_path: Path, settings: Settings) -> None:
    """Of several of one name, the same; its sub-flows and programs come from there, and its text from the run."""
    stored = begun(a_flow(tmp_path / "started" / "owl"), settings)
    flows = tmp_path / "flows"
    a_flow(flows / "owl", FLOW.replace("flow: night", "flow: night\nversion: 2"))
    here = a_flow(flows / "deep" / "er")
    found = on_this_host(stored, settings)
    assert found.flow_file == str(here)
    flow = load_stored(parse(found.flow_text))
    assert (flow.file, set(flow.sources.texts)) == (str(here), {str(here), str(here.parent / "parts" / "part.yaml")})
    assert on_this_host(found, settings) == found


def test_a_newer_flow_lends_its_folder(tmp_path: Path, settings: Settings) -> None:
    """The run keeps the text that it began with; of two, the folder counts whose path is most alike."""
    stored = begun(a_flow(tmp_path / "started" / "owl"), settings)
    newer = FLOW.replace("flow: night", "flow: night\nversion: 2")
    for place in ("fox", "owl", ".git"):
        a_flow(tmp_path / "flows" / place, newer)
    found = on_this_host(stored, settings)
    assert found.flow_file == str(tmp_path / "flows" / "owl" / "night.yaml")
    assert parse(found.flow_text).text == FLOW


def test_a_host_without_a_program_says_so(tmp_path: Path, settings: Settings) -> None:
    """Before the run is taken: its own programs, files of its sub-flows and its variables."""
    file = a_flow(tmp_path / "flows")
    stored = on_this_host(begun(file, settings), settings)
    assert unfit(stored, settings) == ""
    (file.parent / "health.sh").unlink()
    assert f"there is no program {file.parent}/health.sh" in unfit(stored, settings)
    assert "cannot be read" in unfit(replace(stored, flow_text="{}"), settings)


def test_without_its_folder_a_run_stays_where_it_was(tmp_path: Path, settings: Settings) -> None:
    """On the host where it was started nothing changes."""
    stored = begun(a_flow(tmp_path / "started"), settings)
    assert on_this_host(stored, settings) is stored
    assert on_this_host(replace(stored, flow_text="?"), settings) == replace(stored, flow_text="?")


def test_a_shipped_flow_is_found_in_this_installation(settings: Settings) -> None:
    """Its path on the other host means nothing here."""
    shipped = shipped_flows()["go-live.yaml"]
    elsewhere = begun(shipped, settings)
    sources = parse(elsewhere.flow_text)
    moved = sources.dump().replace(str(shipped.parent), "/opt/venv/_shipped/flows")
    found = on_this_host(
        replace(elsewhere, flow_file="/opt/venv/_shipped/flows/go-live.yaml", flow_text=moved), settings
    )
    assert (found.flow_file, found.flow_text) == (str(shipped), sources.dump())
