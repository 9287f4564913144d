"""The MCP server: what it refuses before it listens, and resources that cannot be read.

The library is imported in the tests: it takes long, and each worker imports all tests.
"""

from __future__ import annotations

import asyncio
import socket

import pytest

from retake_flow.cli.main import parser
from retake_flow.errors import SettingsError, UsageError


def test_a_port_in_use_is_refused() -> None:
    """With the way out."""
    from retake_flow.mcp_server.server import serve

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="in use") as raised:
        serve(taken.getsockname()[1])
    assert "--http 0" in raised.value.hint


@pytest.mark.parametrize("token", ["x", "fifteen-letters", "a token with blanks in it", "tökén-of-enough-letters"])
def test_a_token_that_can_be_guessed_or_sent_by_nobody_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without showing it."""
    from retake_flow.mcp_server.server import serve

    monkeypatch.setenv("RETAKE_FLOW_MCP_TOKEN", token)
    with pytest.raises(SettingsError, match=r"RETAKE_FLOW_MCP_TOKEN .* at least 16 ASCII characters") as raised:
        serve(0)
    assert token == "x" or token not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("flows/-x", "'-x' is not the name of a flow"),
        ("flows/nope.yaml", "there is no flow 'nope.yaml'"),
        ("runs/%20/journal", "there is no run ' '"),
    ],
)
def test_a_resource_with_a_bad_name_is_no_crash(uri: str, message: str) -> None:
    """The client gets the reason; a crash would be a traceback in the log, and a message without a reason."""
    from mcp.server.mcpserver.exceptions import ResourceError, UnexpectedResourceError

    from retake_flow.mcp_server.server import server

    with pytest.raises(ResourceError, match=message) as raised:
        asyncio.run(server.read_resource(f"retake-flow://{uri}"))
    assert not isinstance(raised.value, UnexpectedResourceError)


def test_the_doctor_ends_before_a_call_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hanging programs then appear in the findings, instead of nothing."""
    from retake_flow.mcp_server import program
    from retake_flow.mcp_server.server import server

    called: list[str] = []

    async def run_command(*arguments: str, within: float, given: str) -> tuple[int, str, str]:
        called.extend(arguments)
        assert (
            within - parser(["doctor"]).parse_args(arguments).within >= 10
        )  # in which it starts, and ends the programs
        return 0, "{}", ""

    monkeypatch.setattr(program, "run_command", run_command)
    asyncio.run(server.call_tool("doctor", {}))
    assert called[0] == "doctor"
