"""`retake-flow actions`: lists the catalogue of actions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json

if TYPE_CHECKING:
    from retake_flow.flow.action_spec import ActionSpec


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("actions", help="list the actions that a flow can use")
    parser.add_argument("name", nargs="*", metavar="ACTION", help="only these (or groups, such as `studio`)")
    add_json(parser, "one JSON object per action")
    parser.set_defaults(command=actions)


def actions(args: argparse.Namespace) -> int:
    """Print the catalogue."""
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.cli import terminal
    from retake_flow.errors import UsageError
    from retake_flow.flow.diagnostics import did_you_mean

    wanted = [
        s for s in CATALOGUE.values() if not args.name or s.name in args.name or s.name.split(".")[0] in args.name
    ]
    groups = {name.split(".")[0] for name in CATALOGUE}
    for name in args.name:
        if name not in CATALOGUE and name not in groups:
            raise UsageError(f"there is no action {name!r}", hint=did_you_mean(name, [*CATALOGUE, *groups]))
    for spec in wanted:
        if args.json:
            terminal.emit(_as_json(spec))
        else:
            terminal.say(_as_text(spec))
    return 0


def _as_json(spec: ActionSpec) -> dict[str, Any]:
    from dataclasses import asdict

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


def _retry(spec: ActionSpec) -> str:
    from retake_flow.flow.duration import exact

    if spec.retry is None:
        return "none, unless the flow says so"
    waits = ", ".join(exact(spec.retry.wait(number)) for number in range(1, spec.retry.max + 1))
    return f"{spec.retry.max} times, after {waits}, unless the flow says otherwise"


def _input(spec: ActionSpec, name: str) -> str:
    default = spec.inputs[name].get("default")
    if default is not None:
        return f"{name} (default {default!r})"
    return f"{name} (optional)" if name in spec.optional else name
