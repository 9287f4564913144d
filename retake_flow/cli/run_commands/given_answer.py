"""Given answer: reads an answer as fields by name, or as a JSON object from standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from retake_flow.monitor.answering import GivenAnswer

STANDARD_INPUT = "-"
_MARK = "\ufeff"  # the byte order mark that some editors and shells write before a text


def parse_words(words: Sequence[str]) -> GivenAnswer:
    """Read the words after the run: the gate, `name=value`, and `-` for standard input.

    Raises:
        UsageError: The words are invalid, or standard input does not hold a JSON object.
    """
    from retake_flow.errors import UsageError

    found = GivenAnswer()
    for word in words:
        name, equals, value = word.partition("=")
        if word == STANDARD_INPUT:
            found.document = _document(sys.stdin.read) if found.document is None else found.document
            found.channel = "stdin"
        elif equals and name in found.fields:
            raise UsageError(f"the field {name!r} is given twice")
        elif equals:
            found.fields[name] = value
        elif found.gate:
            raise UsageError(
                f"{found.gate!r} and {word!r} cannot both be the gate",
                hint="a field is written NAME=VALUE; put quotation marks around a value with spaces",
            )
        else:
            found.gate = word
    return found


def _document(read: Any) -> dict[str, Any]:
    from retake_flow.errors import UsageError

    try:
        document = json.loads(read().removeprefix(_MARK), parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise UsageError(f"standard input:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None
    except ValueError as error:
        raise UsageError(f"standard input: not JSON: {error}") from None
    except RecursionError:
        raise UsageError("standard input nests too deep") from None
    if not isinstance(document, dict):
        raise UsageError("standard input is not a JSON object")
    return document


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
