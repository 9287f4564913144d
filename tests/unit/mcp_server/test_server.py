"""The MCP server over HTTP: what it refuses before it listens."""

from __future__ import annotations

import socket

import pytest

from retake_flow.errors import SettingsError, UsageError
from retake_flow.mcp_server.server import serve


def test_a_port_in_use_is_refused() -> None:
    """With the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="in use") as raised:
        serve(taken.getsockname()[1])
    assert "--http 0" in raised.value.hint


@pytest.mark.parametrize("token", ["x", "fifteen-letters", "a token with blanks in it", "tökén-of-enough-letters"])
def test_a_token_that_can_be_guessed_or_sent_by_nobody_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without showing it."""
    monkeypatch.setenv("RETAKE_FLOW_MCP_TOKEN", token)
    with pytest.raises(SettingsError, match=r"RETAKE_FLOW_MCP_TOKEN .* at least 16 ASCII characters") as raised:
        serve(0)
    assert token == "x" or token not in str(raised.value)
