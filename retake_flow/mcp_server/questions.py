"""Questions: puts an open question of a run to the person at the client, as a form made of its schema."""

from __future__ import annotations

from typing import Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit
from pydantic import BaseModel, Field, create_model

from retake_flow.mcp_server import program

#: The answers that forms of clients can take; anything else is asked for as text.
_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


class Unasked(BaseModel):
    """There is no form: the agent has to pass the question on."""

    reason: str


async def ask(run: str, ctx: Context[Any, Any]) -> Elicit[BaseModel] | Unasked:
    """The form for the oldest open question of a run."""
    gate = await oldest(run)
    if gate is None:
        return Unasked(reason="the run asks nothing now")
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return Unasked(reason="this client has no forms: give the person the message word for word")
    if any(field.get("secret") for fields in decisions(gate).values() for field in fields["properties"].values()):
        return Unasked(reason="the answer is secret: the person gives it by the command, never to an agent")
    return Elicit(gate["message"], form(gate))


async def oldest(run: str) -> dict[str, Any] | None:
    """The oldest open question of a run, in full."""
    asked = (await program.call("show", program.name(run, "run")))["gates"]
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
    """Store the answer that a person gave, and go on with the run if no process drives it."""
    gate = await oldest(run)
    given = {name: value for name, value in answer.model_dump().items() if value is not None}
    decision = given.pop("decision", "")
    chosen = [f"--decision={decision}"] if decision else []
    fields = [f"{name}={_written(value)}" for name, value in given.items()]
    where = [gate["gate"]] if gate else []
    found = await program.call("answer", run, *where, *fields, *chosen, "--by=person at an MCP client")
    if found["driven"] or found["submitted"]:
        return found
    resumed = await program.call("resume", run, "--detach", f"--within={program.WAITING:g}s", fine=(0, 1, 4))
    return {**found, "resumed": resumed}


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
