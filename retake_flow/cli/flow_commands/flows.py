"""`retake-flow flows` and `show-flow`: list the shipped flows, and print one merged with what it extends."""

from __future__ import annotations

import argparse
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from retake_flow import printable
from retake_flow.cli import flow_file, table, terminal
from retake_flow.flow.diagnostics import Position, Problem, Problems
from retake_flow.flow.load.files import Files
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.text import locate
from retake_flow.flow.text.tree import Path
from retake_flow.flow.text.yaml_source import Source
from retake_flow.flow.text.yaml_writer import write
from retake_flow.redact import scrub

_WIDEST = 80  # a longer line does not push all other origins to the right


def flows(args: argparse.Namespace) -> int:
    """List the shipped flows by name."""
    found = {
        name: load_flow(file.read_text("utf-8"), str(file)) for name, file in sorted(locate.shipped_flows().items())
    }
    shown = [
        {
            "name": name,
            "description": flow.description,
            "inputs": {each.name: _input(each.schema, required=each.is_required) for each in flow.inputs.values()},
        }
        for name, flow in found.items()
    ]
    commands = ["retake-flow plan agent.yaml --json", "retake-flow run agent.yaml --detach --json"]
    lines = table.table([(name, flow.description) for name, flow in found.items()])
    terminal.tell({"flows": shown, "next": commands}, lines, as_json=args.json)
    return 0


def _input(schema: Any, *, required: bool) -> dict[str, Any]:
    about = {name: schema[name] for name in ("type", "description", "default") if name in schema}
    return {**about, "required": required}


def show_flow(args: argparse.Namespace) -> int:
    """Print a flow as it runs, if its overlays fit it."""
    source = _resolve(args.flow, args.allow_outside)
    data = _scrub(source.data)
    if args.json:
        origins = {"/".join(map(str, path)): str(source.origin(path)) for path in _paths(data, ())}
        check = f"retake-flow check {shlex.quote(args.flow)} --json"
        terminal.emit({"flow": data, "origins": origins, "next": [check]})
        return 0
    for line in _lines_with_origins(source, data):
        terminal.say(line)
    return 0


def _resolve(name: str, outside: Sequence[str]) -> Source:
    path, content = flow_file.read(name)
    files = Files(locate.Folders.beside(path, locate.resolve_places(outside)).find)
    source = files.add(content, str(path))
    problems = files.problems
    if not problems and not isinstance(source.data, dict):
        problems = [Problem(Position(str(path), 1, 1), "RF014", "the flow must be a mapping")]
    if problems:
        raise Problems(problems)
    return source


def _scrub(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _scrub(item) for key, item in data.items()}
    if isinstance(data, list):
        return [_scrub(item) for item in data]
    return scrub(data) if isinstance(data, str) else data


def _paths(data: Any, path: Path) -> Iterator[Path]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))


def _lines_with_origins(source: Source, data: dict[str, Any]) -> Iterator[str]:
    lines = write(data)
    named = _names(source)
    width = max((len(line.text) for line in lines if len(line.text) <= _WIDEST), default=0)
    for line in lines:
        if line.path is None:
            yield line.text
            continue
        at = source.origin(line.path)
        yield f"{line.text:{width}}  # {printable.line(named[at.file])}:{at.line}"


def _names(source: Source) -> dict[str, str]:
    """Short names of the files; files of the same name include their folders."""
    nodes = (node for _, node in source.tree.walk())
    files = {source.file, *(at.file for node in nodes for at in (node.at, node.key, node.origin))}
    times = Counter(PurePath(file).name for file in files)
    return {file: PurePath(file).name if times[PurePath(file).name] == 1 else file for file in files}
