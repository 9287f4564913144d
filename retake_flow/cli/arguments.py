"""Arguments: options that several commands share, and the types of their values."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any


def add_run(parser: Any, **others: Any) -> None:
    """Declare the argument for the run."""
    parser.add_argument("run", metavar="RUN", help="its id, its name, a prefix of its id, or last", **others)


def add_flow(parser: Any, **others: Any) -> None:
    """Declare the argument for the flow."""
    parser.add_argument("flow", metavar="FLOW", help="a file, or the name of a shipped flow (go-live.yaml)", **others)


def add_set(parser: Any, help: str = "set an input of the flow") -> None:
    """Declare `--set`."""
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=help)


def add_json(parser: Any, help: str = "one JSON object") -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help=help)


def add_by(parser: Any, does: str) -> None:
    """Declare `--by`, the name of the person; `does` is its help, such as `who answers`."""
    parser.add_argument("--by", default="", metavar="NAME", help=f"{does}; you by default")


def add_within(parser: Any, how_long: str, default: str = "50s") -> None:
    """Declare `--within`, the longest time to wait for an effect."""
    parser.add_argument(
        "--within", type=span, default=default, metavar="TIME", help=f"how long {how_long}; default {default}"
    )


def add_wait(parser: Any, what: str) -> None:
    """Declare `--wait`, the longest time to wait for something to read."""
    parser.add_argument(
        "--wait", type=span, default=0.0, metavar="TIME", help=f"how long to wait for {what} if there is none"
    )


def add_allow_outside(parser: Any) -> None:
    """Declare the option that lets a flow name files outside its folder."""
    parser.add_argument(
        "--allow-outside",
        action="append",
        default=[],
        metavar="FOLDER",
        help="let the flow name files in this folder too, or this file; by default it names those in its own folder",
    )


def add_metrics(parser: Any) -> None:
    """Declare `--metrics`, the address where this process serves its metrics."""
    parser.add_argument("--metrics", metavar="ADDR", help="serve Prometheus metrics there (127.0.0.1:9464)")


def add_detach(parser: Any) -> None:
    """Declare the options for running in the background."""
    parser.add_argument(
        "--detach",
        action="store_true",
        help="return once it is on air, waits for a person or has ended; the run continues in the background",
    )
    add_within(parser, "--detach waits at most")


def span(text: str) -> float:
    """The seconds in an argument such as `30d` or `2m`.

    Raises:
        ArgumentTypeError: The text is not a duration.
    """
    from retake_flow.flow.duration import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def moment(text: str) -> float:
    """The moment in an argument such as `18:00`, `2026-12-24T18:00` or `2h`, in seconds since the epoch.

    Without a zone it is in local time; a time of day is the next one.

    Raises:
        ArgumentTypeError: The text is not a time, or one that is more than ten years ahead.
    """
    from datetime import datetime, time, timedelta

    from retake_flow.flow.duration import LONGEST, seconds
    from retake_flow.sanitize import cut

    now = datetime.now().astimezone()
    try:
        return now.timestamp() + seconds(text)
    except ValueError:
        pass
    try:
        if len(text) <= len("18:00:00"):
            at = datetime.combine(now.date(), time.fromisoformat(text)).astimezone()
            at = at if at > now else datetime.combine(now.date() + timedelta(1), at.time()).astimezone()
        else:
            at = datetime.fromisoformat(text)
        found = at.timestamp()
    except (ValueError, OverflowError):
        said = "is not a time: write 18:00, 2026-12-24T18:00, 2026-12-24T18:00+01:00, or a time from now as 2h"
        raise argparse.ArgumentTypeError(f"{cut(repr(text))} {said}") from None
    if found > now.timestamp() + LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than ten years from now")
    return found


def count(text: str) -> int:
    """A number on the command line.

    Raises:
        ArgumentTypeError: It is not a whole number from 0 to 999,999,999.
    """
    return _whole_number(text, 999_999_999)


def port(text: str) -> int:
    """A port on the command line; 0 for any.

    Raises:
        ArgumentTypeError: There is no such port.
    """
    return _whole_number(text, 65_535)


def _whole_number(text: str, largest: int) -> int:
    from retake_flow.sanitize import cut

    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= largest):
        raise argparse.ArgumentTypeError(f"{cut(text, 41)!r} is not a whole number from 0 to {largest}")
    return int(text)


def cores(text: str) -> float:
    """A number of cores on the command line.

    Raises:
        ArgumentTypeError: It is not a number from 0.01 to 4096.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.01 <= number <= 4096:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores from 0.01 to 4096")
    return number


def label(text: str) -> str:
    """A label of hosts on the command line.

    Raises:
        ArgumentTypeError: It is not a valid label.
    """
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a valid label: use letters, digits, dots, dashes, _, at most 63"
        )
    return text


def run_name(text: str) -> str:
    """A name for a run on the command line.

    Raises:
        ArgumentTypeError: The name is not valid.
    """
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", text) or text == "last":
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a valid name for a run: use letters, digits, - and _, at most 80"
        )
    return text


def pairs(written: Iterable[str]) -> dict[str, str]:
    """The values in `--set NAME=VALUE`, by name; the last value of a name counts.

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
    from retake_flow.cli import flow_file
    from retake_flow.sanitize import one_line

    content = flow_file.content_of(file)
    return json_object(one_line(file), lambda: content.decode("utf-8-sig"))


def json_object(where: str, read: Callable[[], str], constant: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """The JSON object in the text that a function reads.

    Args:
        where: Where the text is from, for messages.
        read: Reads it.
        constant: Called for `NaN` and `Infinity`, which are not JSON; by default they are read as numbers.

    Raises:
        UsageError: The text is not a JSON object.
    """
    import json

    from retake_flow.errors import UsageError

    try:
        found = json.loads(read(), parse_constant=constant)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{where} is not UTF-8 text") from None
    except ValueError:
        raise UsageError(f"{where} has a number of more than 4,300 digits") from None
    except RecursionError:
        raise UsageError(f"{where} nests too deep") from None
    if not isinstance(found, dict):
        raise UsageError(f"{where} is not a JSON object")
    return found
