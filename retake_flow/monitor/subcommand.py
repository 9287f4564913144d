"""Subcommand: runs a command of retake-flow in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys


async def run_command(*arguments: str, within: float, given: str = "") -> tuple[int, str, str]:
    """Run a command, killed after `within` seconds; returns its exit code, its output and its errors.

    Raises:
        TimeoutError: It took longer; it may still take effect.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "retake_flow", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    try:
        async with asyncio.timeout(within):
            out, err = await process.communicate(given.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
