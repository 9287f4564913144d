"""Program: runs a command of retake-flow and returns what it says.

Each call is a process of its own, so that streams do not depend on the server, and tools say what commands say.
"""

from __future__ import annotations

import json
import re
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError

from retake_flow.monitor.subcommand import run_command

#: No call takes longer than this, in seconds: clients give up after a minute.
LONGEST = 50.0
#: A command may wait so long for something to happen.
WAITING = 40.0
_MOST_TEXT = 12_000  # characters


async def call(*arguments: str, given: str = "", fine: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run a command with `--json`, and return its last object.

    Args:
        arguments: The command.
        given: Its standard input.
        fine: The exit codes that are no error.

    Raises:
        ToolError: The command failed; the text is its error object, with `kind`, `message` and `hint`.
    """
    code, out, err = await _run((*arguments, "--json"), given)
    found: dict[str, Any] = {}
    for line in out.splitlines():
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
        raise ToolError(json.dumps({"kind": "failed", "message": (err or out)[-2000:], "exit_code": code}))
    return out if len(out) <= _MOST_TEXT else out[:_MOST_TEXT] + "\n…"


def name(value: str, what: str) -> str:
    """A name on the command line, which must not look like an option.

    Raises:
        ToolError: It does.
    """
    if not re.fullmatch(r"[^-\0][^\0]*", value):
        raise ToolError(json.dumps({"kind": "usage", "message": f"{value!r} is no {what}"}))
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
        raise ToolError(json.dumps({"kind": "usage", "message": f"no command takes this: {reason}"})) from None
