"""`retake-flow actions` and `schema`: list the catalogue of actions, and print the JSON Schema of flow files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from retake_flow.actions import editor_schema
from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli import terminal
from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import ActionSpec, Catalogue, spec_of
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.duration import exact
from retake_flow.flow.load.functions import describe_installed


def actions(args: argparse.Namespace) -> int:
    """Print the catalogue."""
    known, unusable = with_plugins(CATALOGUE)
    wanted = [s for s in known.values() if not args.name or s.name in args.name or s.name.split(".")[0] in args.name]
    groups = {name.split(".")[0] for name in known}
    for name in args.name:
        if name in unusable:
            raise UsageError(f"the action {name!r} cannot be used: {unusable[name]}")
        if name not in known and name not in groups:
            raise UsageError(f"there is no action {name!r}", hint=did_you_mean(name, [*known, *groups]))
    for spec in wanted:
        if args.json:
            terminal.emit(_as_json(spec))
        else:
            terminal.say(_as_text(spec) + (_details(spec) if spec.name in args.name else ""))
    for name, why in {} if args.name else unusable.items():
        terminal.advise(f"retake-flow: the action {name!r} of an installed package cannot be used: {why}")
    return 0


def with_plugins(catalogue: Catalogue) -> tuple[Catalogue, Mapping[str, str]]:
    """A catalogue with the actions that installed packages offer, and the reasons why others cannot be used.

    Their source is read, and not imported.
    """
    found, unusable = describe_installed()
    return {**catalogue, **{name: spec_of(action, catalogue) for name, action in found.items()}}, unusable


def _as_json(spec: ActionSpec) -> dict[str, Any]:
    return {
        "action": spec.name,
        "summary": spec.summary,
        "service": spec.service,
        "inputs": {name: dict(schema) for name, schema in spec.inputs.items()},
        "required": list(spec.required_inputs),
        "outcomes": list(spec.outcomes),
        "events": {event: {name: dict(schema) for name, schema in has.items()} for event, has in spec.events.items()},
        "errors": list(spec.errors),
        "result": {name: dict(schema) for name, schema in spec.result.items()},
        "secrets": sorted(spec.secrets),
        "idempotency": str(spec.idempotency),
        "retry": None if spec.retry is None else asdict(spec.retry),
        "programs": list(spec.programs),
        "requests": list(spec.requests),
        "occasional": dict(spec.occasional),
    }


def _as_text(spec: ActionSpec) -> str:
    inputs = ", ".join(_input(spec, name) for name in spec.inputs) or "none"
    calls = [*spec.requests, *(f"{call} {when}" for call, when in spec.occasional.items())]
    raised = "; ".join(f"{event} ({', '.join(has)})" if has else event for event, has in spec.events.items())
    events = f"    events: {raised}\n" if raised else ""
    result = ", ".join(f"{n} (secret)" if n in spec.secrets else n for n in spec.result) or "none"
    return (
        f"{spec.name}{'  (service: an activity)' if spec.service else ''}\n    {spec.summary}\n"
        f"    inputs: {inputs}\n    outcomes: {', '.join(spec.outcomes)}\n    result: {result}\n"
        f"{events}    errors: {', '.join(f'error.{kind}' for kind in spec.errors) or 'none'}\n"
        f"    calls: {'; '.join(calls) or 'none'}\n"
        f"    idempotency: {spec.idempotency}\n"
        f"    retry: {_retry(spec)}\n"
    )


def _details(spec: ActionSpec) -> str:
    """Each input and field with its type, default, description and example, and the action in a flow."""
    lines = ["", "    inputs in detail:" if spec.inputs else ""]
    for name, schema in spec.inputs.items():
        lines += _property(name, schema, "required" if name in spec.required_inputs else "optional")
    lines.append("    result in detail:" if spec.result else "")
    for name, schema in spec.result.items():
        lines += _property(name, schema, "secret" if name in spec.secrets else "")
    lines += ["    in a flow:", *(f"      {line}" for line in _example(spec))]
    return "\n".join(filter(None, lines)) + "\n"


def _property(name: str, schema: Mapping[str, Any], more: str) -> list[str]:
    kind = schema.get("type", "any")
    kinds = " or ".join(kind) if isinstance(kind, list) else kind
    if "enum" in schema:
        kinds = "one of " + ", ".join(map(str, schema["enum"]))
    limits = [f"{key} {schema[key]}" for key in ("format", "minimum", "maximum") if key in schema]
    shown = json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else ""
    said = [kinds, *limits, f"default {shown}" if shown else more]
    lines = [f"      {name}: {', '.join(filter(None, said))}"]
    lines += [f"        {schema['description']}"] if "description" in schema else []
    return lines + [f"        e.g. {json.dumps(each, ensure_ascii=False)}" for each in schema.get("examples", ())[:1]]


def _example(spec: ActionSpec) -> list[str]:
    """The shortest use of the action in a flow."""
    given = {name: _sample(spec.inputs[name]) for name in spec.required_inputs}
    filled = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in given.items())
    name = spec.name.rpartition(".")[2]
    use = f"do: {spec.name}{f', with: {{{filled}}}' if filled else ''}"
    if spec.service:
        return ["activities:", f"  {name}: {{{use}}}"]
    return [f"{name}: {{{use}, transitions: {{{', '.join(f'{each}: …' for each in spec.outcomes)}, error: …}}}}"]


def _sample(schema: Mapping[str, Any]) -> Any:
    """A value that fits a property."""
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    samples = {"string": "…", "integer": 1, "number": 1.5, "boolean": True, "array": ["…"], "object": {}}
    kind = schema.get("type", "string")
    return samples[kind[0] if isinstance(kind, list) else kind]


def _retry(spec: ActionSpec) -> str:
    if spec.retry is None:
        return "none, unless the flow says so"
    waits = ", ".join(exact(spec.retry.wait(number)) for number in range(1, spec.retry.max + 1))
    return f"{spec.retry.max} times, after {waits}, unless the flow says otherwise"


def _input(spec: ActionSpec, name: str) -> str:
    default = spec.inputs[name].get("default")
    if default is not None:
        return f"{name} (default {default!r})"
    return f"{name} (optional)" if name in spec.optional else name


def schema(args: argparse.Namespace) -> int:
    """Print the schema."""
    known = with_plugins(CATALOGUE)[0] if args.with_plugins else CATALOGUE
    if args.json:
        terminal.emit(editor_schema.schema(known))
        return 0
    terminal.say(json.dumps(editor_schema.schema(known), indent=2, ensure_ascii=False))
    return 0
