"""Option values: names of runs, NAME=VALUE pairs, and rehearsal options from a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def count(text: str) -> int:
    """A number of things on the command line, or of one of them.

    Raises:
        ArgumentTypeError: It is no whole number from 0 to 999,999,999.
    """
    return _whole_number(text, 999_999_999)


def port(text: str) -> int:
    """A port on the command line; 0 for any.

    Raises:
        ArgumentTypeError: There is no such port.
    """
    return _whole_number(text, 65_535)


def _whole_number(text: str, largest: int) -> int:
    import argparse

    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= largest):
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        raise argparse.ArgumentTypeError(f"{shown!r} is not a whole number from 0 to {largest}")
    return int(text)


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
    except UnicodeDecodeError:
        raise UsageError(f"{one_line(file)} is not UTF-8 text") from None
    except ValueError:
        raise UsageError(f"{one_line(file)} has a number of more than 4,300 digits") from None
    except RecursionError:
        raise UsageError(f"{one_line(file)} nests too deep") from None
    if not isinstance(answer, dict):
        raise UsageError(f"{one_line(file)} is not a JSON object")
    return answer
