"""Values that steps read from tables, journals and reports."""

from __future__ import annotations

from typing import Any

from retake_flow.addresses import API_PATH
from retake_flow.ports.notices import Notice
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.runs.observed import seconds
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed

ON_AIR = "broadcast/pushing/on_air"


def rows(table: Table) -> list[dict[str, str]]:
    """The rows of a table by the names in its first line."""
    head, *lines = table
    return [dict(zip(head, line, strict=True)) for line in lines]


def calls(rehearsed: Rehearsed, call: str = "") -> list[dict[str, Any]]:
    """The calls that the platform received, all or those to one endpoint, each with its `call`."""
    made = [{**c, "call": f"{c['method']} {c['path'].removeprefix(API_PATH)}"} for c in rehearsed.report["timeline"]]
    return [c for c in made if call in ("", c["call"])]


def notices_to(rehearsal: Rehearsal, audience: str) -> list[Notice]:
    """All notices that an audience got."""
    return [notice for channel in rehearsal.channels if channel.audience == audience for notice in channel.notices]


def since_start(rehearsed: Rehearsed, event: str, **fields: object) -> float:
    """When a record was first written, in seconds since the start."""
    found = rehearsed.records(event, **fields)
    assert found, f"the journal has no {event} with {fields}"
    return seconds(found[0])
