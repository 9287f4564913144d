"""`retake-flow init`: writes a new flow to start from, with comments on the inputs that authors usually change."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from retake_flow import printable
from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli import flow_file, terminal
from retake_flow.errors import UsageError
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Problems, errors
from retake_flow.flow.load.load import load
from retake_flow.flow.model import Flow, Input
from retake_flow.flow.text import locate
from retake_flow.flow.text.locate import Folders
from retake_flow.flow.text.yaml_writer import inline
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings

_HEAD = """\
# yaml-language-server: $schema={schema}
# Extends {base}: mappings are merged, lists and values replaced, null removes.
#   retake-flow check {file}       reports its mistakes
#   retake-flow show-flow {file}   prints the result, and where each line is from
#   retake-flow run {file} --rehearse{so_long}
flow: {name}
version: 1
extends: {base}

# An input is fixed by `NAME: VALUE`; `NAME: {{default: VALUE}}` leaves it open to --set.
inputs:
"""
#: The inputs of go-live.yaml that a new flow sets, in the order in which an author decides them: name, text, meaning.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    ("agent_name", "{name}", "The agent. retake.tv needs this once, to register it; the name is unique there."),
    ("agent_description", "# An agent that works in the open.", ""),
    ("image_url", "# https://example.com/{name}.png", ""),
    ("wallet_address", "# YOUR_SOLANA_PUBLIC_KEY", ""),
    ("ticker", "# OWL", ""),
    (
        "opening_message",
        "default: I'm {name}, and I'm live. What should we explore today?",
        "The first message in chat.",
    ),
    ("greeting", "default: Welcome, {{names}}! Good to have you here.", "The greeting for newcomers in chat."),
    (
        "ideas",
        "default: a tour of what I am working on, live questions",
        "The ideas for the stream that you are asked about.",
    ),
    ("size", "default: 1280x720", "The size of the display and the picture."),
    ("max_duration", "default: 12h", "The longest time on air; --for sets it."),
)
_ON_AIR = "broadcast/pushing/on_air"
_EXAMPLES = """
# Other common changes: remove the # from those that you want, and from `states:`.
#
# Where notices go; put an address that contains a password into RETAKE_FLOW_NOTIFY instead.
# notify: ["json://127.0.0.1:8080/told"]
#
# Your own rules, in addition to those of retake.tv (docs/rules.md).
# rules: [house.rules.yaml]
#
# states:
#   broadcast/pushing/on_air:
#     activities:
#       thumbnail: {every: 5m}          # the interval of thumbnails; retake.tv asks for one every 2 to 5 minutes
#       chat: {quiet: 10s}              # how often chat is read when nobody writes
#
#   approve:                            # nothing goes live before a person says so
#     before: broadcast
#     ask:
#       message: May I go live?
#       decisions:
#         allow: {}
#         refuse: {}
#       timeout: 1d
#     transitions: {refuse: not_live, timeout: not_live}
"""


def init(args: argparse.Namespace) -> int:
    """Write a flow that extends another, and print the next steps."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", args.name):
        raise UsageError(
            f"{args.name!r} is not a valid flow name", hint="use lowercase letters, digits and -, at most 64 characters"
        )
    file = Path(args.output or f"{args.name}.yaml")
    base = flow_file.open_flow(args.extends, Settings.from_environment(), args.allow_outside)
    if file.name in locate.shipped_flows() or file.resolve() == Path(base.file).resolve():
        message = f"{file.name} is the flow to extend, or has the name of a shipped flow"
        raise UsageError(message, hint="choose another NAME, or give --output")
    named = _reference(args.extends, Path(base.file), file)
    allowed = _allowed_files(base, file)
    options = (option for place in allowed for option in (locate.OPTION, place))
    shown = printable.line(shlex.join([str(file), *options]))
    text = starter_flow(args.name, named, base, str(locate.schema_file()), shown)
    _hold(text, file, allowed)
    _write(file, text, force=args.force)
    steps = [f"retake-flow check {shown}", f"retake-flow run {shown} --rehearse"]
    wrote = f"wrote {printable.line(str(file))}: read it, change it, and then"
    terminal.tell({"file": str(file), "next": steps}, [wrote, *(f"    {step}" for step in steps)], as_json=args.json)
    return 0


def _reference(written: str, base: Path, file: Path) -> str:
    """The value of `extends` in a file that refers to the same flow from there."""
    relative = os.path.relpath(base, file.parent)
    for name in (base.name, written, relative):
        try:
            if locate.find(name, file.parent).resolve() == base.resolve() and name != file.name:
                return name
        except UsageError:
            continue
    return str(base.resolve())


def _allowed_files(base: Flow, file: Path) -> tuple[str, ...]:
    """The files that a flow in `file` must be allowed to name to extend `base`."""
    try:
        Folders.beside(file).require(base.file)
    except UsageError:
        return tuple(dict.fromkeys((os.path.dirname(os.path.realpath(base.file)), *base.sources.allowed)))
    return base.sources.allowed


def _hold(text: str, file: Path, allowed: Sequence[str]) -> None:
    """Check that the new text is a flow without mistakes."""
    found = errors(check(load(text, str(file), allowed=allowed), CATALOGUE))
    if found:
        raise Problems(found)


def _write(file: Path, text: str, *, force: bool) -> None:
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        hint = "--force overwrites it; --output writes elsewhere"
        raise UsageError(f"{one_line(str(file))} already exists", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{one_line(str(file))} cannot be written: {error.strerror}") from None


def starter_flow(name: str, written: str, base: Flow, schema: str, file: str) -> str:
    """The text of a new flow in `file`, which is quoted for a shell. It extends `base`, as `written`.

    Raises:
        UsageError: `base` has nothing that a new flow could change.
    """
    lines = [*_comment_lines(name, base), *_others(base)]
    active = any(not line.lstrip().startswith("#") for line in lines)
    lines += [] if active else _fix_one_input(base)
    if not lines:
        message = f"{one_line(written)} has no inputs, so a flow for one agent has nothing to set"
        raise UsageError(message, hint="write the file by hand: docs/language.md, Overlays")
    so_long = " --for 20s" if "max_duration" in base.inputs else ""
    head = _HEAD.format(schema=schema, base=inline(written), file=file, name=inline(name), so_long=so_long)
    return head + "".join(f"{line}\n" for line in lines) + (_EXAMPLES if _ON_AIR in base.states else "")


def _comment_lines(name: str, base: Flow) -> Iterator[str]:
    for key, value, meaning in _KNOWN:
        if key not in base.inputs or "value" in base.inputs[key].schema:
            continue
        filled = value.format(name=name)
        hidden = filled.startswith("# ")
        filled = filled.removeprefix("# ")
        shown = f"{{default: {inline(filled[9:])}}}" if filled.startswith("default: ") else inline(filled)
        if meaning:
            yield f"  # {meaning}"
        yield f"  {'# ' if hidden else ''}{key}: {shown}"


def _others(base: Flow) -> Iterator[str]:
    """The other inputs of the flow, each commented out with a valid value."""
    known = {key for key, _, _ in _KNOWN}
    for key, declared in base.inputs.items():
        if key not in known and not {"value", "secret"} & declared.schema.keys():
            said = " ".join(one_line(declared.schema.get("description", "")).split())
            yield from ([f"  # {said}"] if said else [])
            yield f"  # {key}: {inline(_sample(declared))}"


def _fix_one_input(base: Flow) -> Iterator[str]:
    """One input set to its present value, since a flow that changes nothing is invalid."""
    key = next((key for key, declared in base.inputs.items() if "default" in declared.schema), None)
    if key is not None:
        yield "  # This is the default anyway, but a flow has to change something."
        yield f"  {key}: {inline(base.inputs[key].schema['default'])}"


def _sample(declared: Input) -> Any:
    schema = declared.schema
    first = next(iter(schema.get("examples", ())), None)
    return schema.get("default", first if first is not None else "")
