"""Given answer: reads an answer as fields by name, or as a JSON object from standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from retake_flow.run.gates import Gate

STANDARD_INPUT = "-"
_MARK = "\ufeff"  # the byte order mark that some editors and shells write before a text


@dataclass
class GivenAnswer:
    """An answer before it is compared with the question.

    Attributes:
        gate: The gate as the user named it; "" when omitted.
        fields: The fields from the command line.
        document: The JSON object from standard input, if it was read.
    """

    gate: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] | None = None

    @property
    def channel(self) -> str:
        """The channel of the answer."""
        return "command" if self.document is None else "stdin"

    def answer_to(self, gate: Gate, decision: str) -> tuple[str, dict[str, Any]]:
        """The decision and the fields for a gate. The command line takes precedence."""
        document = dict(self.document or {})
        declared = {name for fields in (gate.fields, *gate.decisions.values()) for name in fields}
        chosen = document.pop("decision") if "decision" in document and "decision" not in declared else ""
        if document.keys() == {"fields"} and isinstance(document["fields"], dict) and "fields" not in declared:
            document = document["fields"]
        return decision or (chosen if isinstance(chosen, str) else json.dumps(chosen)), {**document, **self.fields}


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
        raise UsageError("standard input holds no JSON object")
    return document


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
