"""Server: the tools and resources for clients of the Model Context Protocol, on stdio or by HTTP on loopback."""

from __future__ import annotations

import hmac
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import uvicorn
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.mcpserver.resolve import Resolve
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from retake_flow import __version__
from retake_flow.errors import UsageError
from retake_flow.mcp_server import program
from retake_flow.settings import server_token

_INSTRUCTIONS = (
    "Takes an AI agent live on retake.tv. Rehearse first (start_stream with rehearse), then start_stream, then a loop "
    "of read_chat and reply; stop_stream at the end. A question (`gates`) is for a person: ask_person; never invent an "
    "answer. Never ask for or show the access token."
)
_LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ACTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
_ENDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
Run = Annotated[str, Field(description="id, name, or last")]
Flow = Annotated[str, Field(description="a file, or a shipped flow")]
server = MCPServer("retake-flow", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING")
_HOST = "127.0.0.1"
_P = ParamSpec("_P")
_T = TypeVar("_T")


@server.tool(annotations=_LOOKS)
async def doctor() -> dict[str, Any]:
    """Find out what this machine lacks for a stream, and how to fix it."""
    return await program.call("doctor", f"--within={program.CHECKING:g}s", fine=(0, 6))


@server.tool(annotations=_LOOKS)
async def list_flows() -> dict[str, Any]:
    """List the shipped flows, with what they do and their inputs."""
    return await program.call("flows")


@server.tool(annotations=_LOOKS)
async def check_flow(flow: Flow = "go-live.yaml") -> dict[str, Any]:
    """Find all mistakes of a flow file, each with its place and how to fix it."""
    return await program.call("check", program.name(flow, "flow"), fine=(0, 3))


@server.tool(annotations=_LOOKS)
async def plan_flow(flow: Flow = "go-live.yaml") -> str:
    """Describe what a run would do, without doing it: calls, programs, questions, times."""
    return await program.text("plan", program.name(flow, "flow"))


@server.tool(annotations=_ACTS)
async def start_stream(
    flow: Flow = "agent.yaml",
    name: Annotated[str, Field(description="a name to find the run by")] = "",
    inputs: Annotated[dict[str, str] | None, Field(description="inputs of the flow")] = None,
    rehearse: Annotated[bool, Field(description="use a rehearsed retake.tv on this machine")] = False,
    rehearsal_options: Annotated[str, Field(description="a JSON file: viewers, faults, …")] = "",
) -> dict[str, Any]:
    """Start a run in the background. Returns when it is on air, asks a person, has ended, or is still starting."""
    words = ["run", program.name(flow, "flow"), "--detach", f"--within={program.WAITING:g}s"]
    words += [f"--name={name}"] if name else []
    words += ["--rehearse"] if rehearse else []
    words += [f"--rehearsal-options={rehearsal_options}"] if rehearsal_options else []
    words += [f"--set={key}={value}" for key, value in (inputs or {}).items()]
    return await program.call(*words, fine=(0, 4))


@server.tool(annotations=_ACTS)
async def resume_stream(run: Run = "last") -> dict[str, Any]:
    """Resume a run that no process drives, after an answer or a crash."""
    return await program.call(
        "resume", program.name(run, "run"), "--detach", f"--within={program.WAITING:g}s", fine=(0, 4)
    )


@server.tool(annotations=_LOOKS)
async def stream_status(run: Run = "last") -> dict[str, Any]:
    """Report the status of a run: on air, viewers, trouble, open questions, figures. Cheap."""
    return await program.call("status", program.name(run, "run"), fine=(0, 1, 4))


@server.tool(annotations=_LOOKS)
async def read_chat(
    run: Run = "last",
    after: Annotated[str, Field(description="`last` of the previous answer")] = "",
    wait: Annotated[int, Field(description="seconds to wait for a message", ge=0, le=40)] = 20,
) -> dict[str, Any]:
    """Read what viewers wrote and did after a message; waits if there is nothing yet."""
    words = ["chat", program.name(run, "run"), f"--wait={wait}s"]
    return await program.call(*words, *([f"--after={after}"] if after else []))


@server.tool(annotations=_ACTS)
async def reply(
    text: Annotated[str, Field(max_length=500)],
    to: Annotated[list[str] | None, Field(description="ids of the messages it answers; else all read so far")] = None,
    run: Run = "last",
) -> dict[str, Any]:
    """Answer viewers in chat."""
    words = ["reply", program.name(run, "run"), "-", f"--within={program.WAITING:g}s", "--by=agent"]
    return await program.call(*words, *(f"--to={message}" for message in to or ()), given=text)


@server.tool(annotations=_ACTS)
async def say(
    text: Annotated[str, Field(max_length=500)], how: list[Literal["voice", "screen"]], run: Run = "last"
) -> dict[str, Any]:
    """Say something on the stream: speak it, show it."""
    words = ["say", program.name(run, "run"), "-", f"--within={program.WAITING:g}s", "--by=agent"]
    return await program.call(*words, *(f"--{way}" for way in how), given=text)


@server.tool(annotations=_ACTS)
async def show(
    what: Literal["title", "note", "ticker", "picture", "page", "scene", "clear"],
    value: Annotated[str, Field(description="the text, file, address or scene", max_length=2000)] = "",
    lasts: Annotated[int, Field(description="seconds; 0: until the next", ge=0)] = 0,
    run: Run = "last",
) -> dict[str, Any]:
    """Change what the stage shows over what the flow shows; `clear` ends that."""
    shown = [f" {value}"] if value else []  # with a space it cannot be an option
    words = ["screen", program.name(run, "run"), what, *shown]
    return await program.call(*words, "--by=agent", *([f"--for={lasts}s"] if lasts else []), fine=(0, 1))


@server.tool(annotations=_ACTS)
async def send_event(event: str, data: dict[str, str] | None = None, run: Run = "last") -> dict[str, Any]:
    """Send an event that the flow declares, such as `direction` with `to`."""
    words = ["send", program.name(run, "run"), program.name(event, "event"), "--by=agent"]
    return await program.call(*words, *(f"--set={key}={value}" for key, value in (data or {}).items()))


@server.tool(annotations=_ENDS)
async def stop_stream(run: Run = "last") -> dict[str, Any]:
    """Stop a run cleanly; returns when it has ended."""
    return await program.call("stop", program.name(run, "run"), f"--within={program.WAITING:g}s", fine=(0, 1))


@server.tool(annotations=_ACTS)
async def ask_person(
    answer: Annotated[ElicitationResult[BaseModel], Resolve(program.ask)], run: Run = "last"
) -> dict[str, Any]:
    """Put the oldest open question of a run to the person here. If not `answered`: pass `message` on word for word."""
    if not isinstance(answer, AcceptedElicitation):
        return {"answered": False, "reason": f"the person chose to {answer.action}"}
    if not isinstance(answer.data, program.Unasked):
        return await program.store(run, answer.data)
    gate: dict[str, Any] = await program.oldest(run) or {}
    shown = {name: value for name, value in gate.items() if name in ("gate", "message", "answer_with")}
    return {"answered": False, "reason": answer.data.reason, **shown}


def _readable(read: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    @wraps(read)
    async def call(*arguments: _P.args, **named: _P.kwargs) -> _T:
        try:
            return await read(*arguments, **named)
        except ToolError as error:  # in a resource, the SDK would take it for a crash and log a traceback
            raise ResourceError(str(error)) from None

    return call


@server.resource("retake-flow://runs/{run}/journal", mime_type="text/plain")
@_readable
async def journal(run: str) -> str:
    """The journal of a run, for people."""
    return await program.text("events", program.name(run, "run"), "--limit=400")


@server.resource("retake-flow://flows/{flow}", mime_type="application/yaml")
@_readable
async def flow_text(flow: str) -> str:
    """The text of a shipped flow, merged with what it extends."""
    return await program.text("show-flow", program.name(flow, "flow"))


@server.resource("retake-flow://guide", mime_type="application/json")
@_readable
async def guide() -> dict[str, Any]:
    """The version of retake.tv's own guide, and what it says has changed."""
    return await program.call("guide")


def serve(port: int) -> None:
    """Serve by streamable HTTP on loopback until Ctrl-C, for clients that have the token.

    Raises:
        UsageError: The port cannot be used.
        SettingsError: The token in the settings can be guessed.
    """
    token = server_token("RETAKE_FLOW_MCP_TOKEN") or secrets.token_urlsafe(32)
    try:
        listening = socket.create_server((_HOST, port))
    except OSError as error:
        raise UsageError(f"port {port} cannot be used: {error.strerror}", hint="`--http 0` takes a free one") from None
    address = f"{_HOST}:{listening.getsockname()[1]}"
    allowed = TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=[address])
    app = server.streamable_http_app(host=_HOST, transport_security=allowed)
    sys.stderr.write(f"http://{address}/mcp\nAuthorization: Bearer {token}\n")
    sys.stderr.flush()
    uvicorn.Server(uvicorn.Config(_Guarded(app, token), log_level="warning")).run(sockets=[listening])


class _Guarded:
    """Lets in only requests that bear the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it with 401."""
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": [(b"www-authenticate", b"Bearer")]})
        await send({"type": "http.response.body", "body": b""})
