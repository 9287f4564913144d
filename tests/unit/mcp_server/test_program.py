"""Texts of a client become arguments of a command.

The library is imported in the tests: it takes long, and each worker imports all tests.
"""

from __future__ import annotations

import asyncio
import json

import pytest


@pytest.mark.parametrize("text", ["\0", "a\0b", "x" * 3_000_000, "\ud800"])
def test_a_text_that_no_process_can_be_given_is_refused(text: str) -> None:
    """In words, as what the command itself refuses."""
    from mcp.server.mcpserver.exceptions import ToolError

    from retake_flow.mcp_server import program

    with pytest.raises(ToolError) as raised:
        asyncio.run(program.call("chat", "last", f"--after={text}"))
    error = json.loads(str(raised.value))
    assert error["kind"] in ("usage", "run_unknown")
    assert error["message"]


def test_only_a_newline_ends_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody wrote in chat may contain the other separators of lines."""
    from retake_flow.mcp_server import program

    written = {"message": "one\u2028two\x85three"}

    async def run(*_: str, **__: object) -> tuple[int, str, str]:
        return 0, f"{{}}\n{json.dumps(written, ensure_ascii=False)}\n", ""

    monkeypatch.setattr(program, "run_command", run)
    assert asyncio.run(program.call("status", "last")) == written
