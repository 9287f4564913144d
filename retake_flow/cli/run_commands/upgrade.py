"""`retake-flow resume --upgrade`: resumes a run with the current version of its flow's file."""

from __future__ import annotations

import difflib
import time
from dataclasses import replace

from retake_flow import printable
from retake_flow.cli import flow_file, terminal
from retake_flow.errors import FlowInvalid
from retake_flow.flow.text.bundle import Sources, parse
from retake_flow.ports.runs import Claim, Runs
from retake_flow.run.records import record
from retake_flow.run.upgrading import incompatibilities
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings


def upgrade(runs: Runs, run: str, claim: Claim, settings: Settings, allowed: tuple[str, ...] = ()) -> None:
    """Give a run the current version of its flow's file, if it can continue in it.

    Raises:
        FlowInvalid: The run cannot continue in it, or the file has mistakes; the run keeps its flow.
    """
    stored = runs.load(run)
    old = parse(stored.flow_text)
    flow = flow_file.open_flow(stored.flow_file, settings, old.allowing(allowed).allowed)
    if _same(old, flow.sources):
        terminal.advise("the run already has this flow")
        return
    against = incompatibilities(stored.run, flow)
    if against:
        _show_difference(old.text, flow.text, stored.flow_file)
        raise FlowInvalid(
            f"{run} cannot continue with the flow as it is now: {'; '.join(against)}",
            hint="resume without --upgrade to continue with the flow that it began with",
        )
    said = record("run_upgraded", time.time(), run=run, version=flow.version, digest=flow.digest)
    claim.upgrade(replace(stored.run, digest=flow.digest), [said], flow.sources.dump())


def _same(old: Sources, new: Sources) -> bool:
    """Whether two flows have the same content, even if their paths differ, relative or absolute."""
    return old.text == new.text and _used_texts(old) == _used_texts(new) and set(old.allowed) == set(new.allowed)


def _used_texts(sources: Sources) -> list[tuple[str, str]]:
    return sorted((name, digest) for _, name, digest in sources.uses())


def _show_difference(old: str, new: str, file: str) -> None:
    file = one_line(file)
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{file} (as the run has it)", f"{file} (as it is now)", lineterm=""
    )
    for line in lines:
        terminal.advise(printable.text(line))
