"""Flow files: where the files of a run's flow are on this host, and whether the host has all that the flow needs.

The texts of flows travel with a run in the store. What a flow names beside them (programs, pictures, scripts) is in the
folder of its file: on each host in a folder of its own, which is found by the text of the flow.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from retake_flow import plain_file
from retake_flow.errors import RetakeFlowError
from retake_flow.flow.load.inputs import with_provided_inputs
from retake_flow.flow.load.load import load_stored
from retake_flow.flow.text import locate
from retake_flow.flow.text.bundle import Sources, parse
from retake_flow.ports.runs import Stored
from retake_flow.settings import Settings, variables
from retake_flow.wiring import preflight


def on_this_host(stored: Stored, settings: Settings) -> Stored:
    """A run whose flow has its files on this host.

    A flow of the same file name in the folder of flows is taken, wherever it is in there: the one with the same text,
    or else the one whose path is most alike. Without one, and for a shipped flow of another installation, the folder is
    that of the shipped flow. The text stays that of the run.
    """
    try:
        sources = parse(stored.flow_text)
        text = sources.text
    except (RetakeFlowError, KeyError):
        return stored  # unreadable, which is reported where it is used
    file = _file_here(stored.flow_file or sources.file, text, settings.flows)
    if file is None:
        return stored
    return replace(stored, flow_file=str(file), flow_text=_move(sources, str(file.parent)).dump())


async def why_unfit(stored: Stored, settings: Settings) -> str:
    """Why this host cannot drive a run, in a sentence; "" when it can."""
    try:
        flow = load_stored(parse(stored.flow_text))
        with_provided_inputs(flow, variables(), stored.flow_file)
        if not stored.run.rehearsal:
            preflight.require_own(flow)
        await preflight.require(flow, settings, rehearsed=bool(stored.run.rehearsal))
    except RetakeFlowError as error:
        return error.message
    return ""


def _file_here(file: str, text: str, flows: Path | None) -> Path | None:
    """The file of a flow on this host; None when it stays where it was."""
    name = os.path.basename(file)
    found = sorted(_find_named(flows, name)) if flows is not None and name else []
    same = [path for path in found if _text(path) == text]
    if same or found:
        return max(same or found, key=lambda path: _alike(str(path), file))
    shipped = locate.shipped_flows().get(name) if Path(file).parent.name == "flows" else None
    return shipped if shipped is not None and not os.path.exists(file) else None


def _find_named(folder: Path, name: str) -> Iterator[Path]:
    """The files of a name in a folder and those below it, without hidden ones such as those of a mounted ConfigMap."""
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        if name in files:
            yield Path(place, name)


def _text(path: Path) -> str | None:
    try:
        return plain_file.read(path).decode("utf-8-sig")
    except (OSError, ValueError, RetakeFlowError):
        return None


def _alike(one: str, other: str) -> int:
    """How many names at the end of two paths are the same."""
    pairs = zip(reversed(Path(one).parts), reversed(Path(other).parts), strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), 0)


def _move(sources: Sources, folder: str) -> Sources:
    """The texts, with the files in the folder of the flow, and below it, in another folder."""
    old = os.path.dirname(sources.file)

    def here(file: str) -> str:
        inside = file.startswith(f"{old}/") if old else not os.path.isabs(file)
        return os.path.join(folder, file.removeprefix(old).lstrip("/")) if inside else file

    def names(meant: Mapping[str, str]) -> dict[str, str]:
        return {name: here(file) for name, file in meant.items()}

    texts = {here(file): text for file, text in sources.texts.items()}
    references = {here(file): names(meant) for file, meant in sources.references.items()}
    return Sources(here(sources.file), texts, references, sources.allowed)
