"""Program: runs commands of retake-flow and returns their output, and asks the person at the client.

Each call is a process of its own, so that streams do not depend on the server, and tools return what commands print.
"""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit
from pydantic import BaseModel, Field, create_model

from retake_flow.monitor.subcommand import run_command

#: No call takes longer than this, in seconds: clients give up after a minute.
LONGEST = 50.0
#: A command may wait so long for something to happen.
WAITING = 40.0
#: The checks of `doctor` may take so long together, after which hanging programs are still to be ended.
CHECKING = 35.0
_MOST_TEXT = 12_000  # characters
#: The answers that forms of clients can take; anything else is asked for as text.
_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


async def call(*arguments: str, given: str = "", fine: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run a command with `--json`, and return its last object; the exit codes in `fine` are no error.

    Raises:
        ToolError: The command failed; the text is its error object, with `kind`, `message` and `hint`.
    """
    code, out, err = await _run((*arguments, "--json"), given)
    found: dict[str, Any] = {}
    for line in StringIO(out):  # splitlines() would also split at separators within the JSON
        found = json.loads(line)
    if code not in fine:
        kept = ("kind", "message", "hint", "reason", "failed", "problems")
        error = {name: found[name] for name in kept if found.get(name)} or {"kind": "internal", "message": err[-500:]}
        raise ToolError(json.dumps({**error, "exit_code": code}, ensure_ascii=False))
    found.pop("next", None)  # commands for a shell
    return found


async def text(*arguments: str) -> str:
    """Run a command, and return what it prints for people.

    Raises:
        ToolError: The command failed.
    """
    code, out, err = await _run(arguments, "")
    if code:
        message = (err or out).strip().removeprefix("retake-flow: ")[-2000:]
        raise ToolError(json.dumps({"kind": "failed", "message": message, "exit_code": code}))
    return out if len(out) <= _MOST_TEXT else out[:_MOST_TEXT] + "\n…"


def name(value: str, what: str) -> str:
    """A name on the command line.

    Raises:
        ToolError: It could be taken for an option.
    """
    if not re.fullmatch(r"[^-\0][^\0]*", value):
        raise ToolError(json.dumps({"kind": "usage", "message": f"{value!r} is not the name of a {what}"}))
    return value


async def _run(arguments: tuple[str, ...], given: str) -> tuple[int, str, str]:
    try:
        return await run_command(*arguments, within=LONGEST, given=given)
    except TimeoutError:
        slow = {
            "kind": "timeout",
            "message": f"`{arguments[0]}` took longer than {LONGEST:g} s; it may still take effect",
        }
        raise ToolError(json.dumps(slow)) from None
    except (OSError, ValueError) as error:  # an argument with a NUL, or of megabytes
        reason = error.strerror if isinstance(error, OSError) else error
        raise ToolError(
            json.dumps({"kind": "usage", "message": f"this cannot be an argument of a command: {reason}"})
        ) from None


class Unasked(BaseModel):
    """The question cannot be put as a form, for this reason."""

    reason: str


async def ask(run: str, ctx: Context[Any, Any]) -> Elicit[BaseModel] | Unasked:
    """The form for the oldest open question of a run."""
    gate = await oldest(run)
    if gate is None:
        return Unasked(reason="the run has no open question")
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return Unasked(reason="this client has no forms: give the person the message word for word")
    if any(field.get("secret") for fields in decisions(gate).values() for field in fields["properties"].values()):
        return Unasked(reason="the answer is secret: the person gives it by the command, never to an agent")
    return Elicit(gate["message"], form(gate))


async def oldest(run: str) -> dict[str, Any] | None:
    """The oldest open question of a run, in full."""
    asked = (await call("show", name(run, "run")))["gates"]
    readable = [gate for gate in asked if "schema" in gate]
    return readable[0] if readable else None


def decisions(gate: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The schema of the fields by decision; by "" for a question without decisions."""
    found: dict[str, dict[str, Any]] = gate["schema"].get("decisions") or {"": gate["schema"]}
    return found


def form(gate: dict[str, Any]) -> type[BaseModel]:
    """A flat form for a question: the decision, and the fields of each."""
    choices = decisions(gate)
    fields: dict[str, Any] = {}
    if "" not in choices:
        fields["decision"] = (Literal[tuple(choices)], Field(description="The decision."))
    for decision, schema in choices.items():
        for name, declared in schema["properties"].items():
            meaning = f"For {decision}: " if decision else ""
            kind = _TYPES.get(str(declared.get("type")), str)
            about = meaning + declared.get("description", "")
            if not decision and name in schema.get("required", ()):
                fields[name] = (kind, Field(..., description=about))
            else:
                fields[name] = (kind | None, Field(default=None, description=about))
    return create_model("Answer", **fields)


async def store(run: str, answer: BaseModel) -> dict[str, Any]:
    """Store the answer of a person, and resume the run if no process drives it."""
    gate = await oldest(run)
    given = {name: value for name, value in answer.model_dump().items() if value is not None}
    decision = given.pop("decision", "")
    chosen = [f"--decision={decision}"] if decision else []
    fields = [f"{name}={_as_text(value)}" for name, value in given.items()]
    where = [gate["gate"]] if gate else []
    found = await call("answer", run, *where, *fields, *chosen, "--by=person at an MCP client")
    if found["driven"] or found["submitted"]:
        return found
    resumed = await call("resume", run, "--detach", f"--within={WAITING:g}s", fine=(0, 1, 4))
    return {**found, "resumed": resumed}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
