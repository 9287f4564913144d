"""`retake-flow graph`: draws a flow as a diagram."""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli import flow_file, terminal
from retake_flow.errors import UsageError
from retake_flow.flow.diagram import graphviz, mermaid
from retake_flow.flow.diagram.diagram import Diagram, RuleNotes, Trace, diagram
from retake_flow.flow.model import Flow
from retake_flow.flow.rules.check import rules_of, subjects
from retake_flow.monitor import run_trace
from retake_flow.monitor.run_trace import data
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings
from retake_flow.wiring.storing import open_store


def graph(args: argparse.Namespace) -> int:
    """Draw a flow."""
    if args.format == "png" and not args.output and (args.json or sys.stdout.isatty()):
        raise UsageError("a PNG cannot be printed to a terminal or as JSON", hint="add --output FILE.png")
    flow, trace = _open_flow(args)
    ruled = _check_rules(flow) if args.rules else None
    content = _render(diagram(flow, trace=trace, ruled=ruled, folded=args.folded), args.format)
    if args.output:
        _write(args.output, content)
    if args.json:
        _tell(args, flow, trace, ruled, content)
    elif not args.output:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    return 0


def _open_flow(args: argparse.Namespace) -> tuple[Flow, Trace | None]:
    """The flow to draw."""
    settings = Settings.from_environment()
    if args.run is None:
        if args.flow is None:
            raise UsageError("no flow was named", hint="name a flow, or a run with --run RUN")
        return flow_file.open_flow(args.flow, settings, args.allow_outside), None
    with closing(open_store(settings)) as store:
        run = store.find(args.run)
        found = run_trace.trace_of_run(store, run)
    if args.flow is not None:
        name = flow_file.open_flow(args.flow, settings, args.allow_outside).name
        if name != found[0].name:
            raise UsageError(
                f"the run {run} is one of {found[0].name!r}, not of {name!r}",
                hint="leave FLOW out: the flow is drawn that the run began with",
            )
    return found


def _check_rules(flow: Flow) -> RuleNotes:
    rules = rules_of(flow, CATALOGUE)
    return RuleNotes({rule.name: rule.because for rule in rules}, subjects(flow, rules, CATALOGUE))


def _render(diagram: Diagram, form: str) -> bytes:
    if form == "mermaid":
        return mermaid.mermaid(diagram).encode()
    text = graphviz.dot(diagram)
    if form == "dot":
        return text.encode()
    import asyncio

    from retake_flow.wiring.drawing import draw

    return asyncio.run(draw(text, form))


def _write(file: str, content: bytes) -> None:
    try:
        Path(file).write_bytes(content)
    except (OSError, ValueError) as error:
        raise UsageError(f"{one_line(file)} cannot be written: {getattr(error, 'strerror', None) or error}") from None


def _tell(args: argparse.Namespace, flow: Flow, trace: Trace | None, ruled: RuleNotes | None, content: bytes) -> None:
    told: dict[str, Any] = {"flow": flow.name, "format": args.format}
    told |= {"file": args.output, "bytes": len(content)} if args.output else {"picture": content.decode()}
    if ruled is not None:
        told["rules"] = {"because": ruled.because, "over": {path: list(names) for path, names in ruled.over.items()}}
    plan = f"retake-flow plan {shlex.quote(args.flow or '')} --json"
    told["next"] = [f"retake-flow show {args.run} --json" if args.run else plan]
    terminal.emit(told if trace is None else {**told, "run": data(trace)})
