"""Option values: files that a flow may name, NAME=VALUE pairs, and rehearsal options from a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def allow_outside(parser: Any) -> None:
    """Declare the option that lets a flow name files outside its folder."""
    parser.add_argument(
        "--allow-outside",
        action="append",
        default=[],
        metavar="FOLDER",
        help="let the flow name files in this folder too, or this file; by default it names those in its own folder",
    )


def detaching(parser: Any) -> None:
    """Declare the options that let a run go on by itself."""
    from retake_flow.cli.durations import span

    parser.add_argument(
        "--detach",
        action="store_true",
        help="return when it is on air, waits for a person or has ended; the run goes on by itself",
    )
    parser.add_argument(
        "--within", type=span, default="50s", metavar="TIME", help="how long --detach waits at most; default 50s"
    )


def run_name(text: str) -> str:
    """A name for a run on the command line.

    Raises:
        ArgumentTypeError: No run can have it.
    """
    import argparse
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", text) or text == "last":
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a run: letters, digits, - and _, at most 80")
    return text


def pairs(written: Iterable[str]) -> dict[str, str]:
    """The values by name of `--set NAME=VALUE`; the last value of a name counts.

    Raises:
        UsageError: A pair has no `=`.
    """
    from retake_flow.errors import UsageError

    given: dict[str, str] = {}
    for pair in written:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set takes NAME=VALUE, not {pair!r}")
        given[name.strip()] = value
    return given


def read_options(file: str | None) -> dict[str, Any]:
    """The JSON object in a file; without a file, an empty object.

    Raises:
        UsageError: The file cannot be read or is not a JSON object.
    """
    if file is None:
        return {}
    import json

    from retake_flow.cli import flow_file
    from retake_flow.errors import UsageError
    from retake_flow.sanitize import one_line

    try:
        answer = json.loads(flow_file.content_of(file).decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise UsageError(f"{one_line(file)}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except ValueError:
        raise UsageError(f"{one_line(file)} is not UTF-8 text") from None
    except RecursionError:
        raise UsageError(f"{one_line(file)} nests too deep") from None
    if not isinstance(answer, dict):
        raise UsageError(f"{one_line(file)} is not a JSON object")
    return answer
