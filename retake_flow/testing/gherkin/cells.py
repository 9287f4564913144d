"""Typed values from the tables and steps of scenarios."""

from __future__ import annotations

import json
from typing import Any

from retake_flow.errors import UsageError

#: A table in pytest-bdd's form.
Table = list[list[str]]


def parse(cell: str) -> Any:
    """The value of a cell: a number, true, false, null, a "quoted text", JSON, or else the text itself.

    Raises:
        UsageError: It begins like a quoted text or JSON, but is neither.
    """
    text = cell.strip()
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError) as error:
        if text[:1] in ('"', "{", "["):
            said = error.msg if isinstance(error, json.JSONDecodeError) else "it nests too deep"
            raise UsageError(f"{text!r} is not JSON: {said}", hint="a text needs no quotes here") from None
        return text


def pairs(table: Table) -> dict[str, Any]:
    """The values of a table with a name and a value in each row.

    Raises:
        UsageError: The table has another form.
    """
    for line in table:
        if len(line) != 2:
            raise UsageError("each row of the table must be a name and a value", hint="| text | Good evening |")
    return {name.strip(): parse(cell) for name, cell in table}


def rows(table: Table) -> list[dict[str, Any]]:
    """The rows of a table by the names in its header row; names of empty cells are left out.

    Raises:
        UsageError: The table has another form.
    """
    head, *lines = table
    if not lines:
        raise UsageError("the table has only the row of names", hint="the first row holds the names")
    return [
        {name.strip(): parse(cell) for name, cell in zip(head, line, strict=True) if cell.strip()} for line in lines
    ]


def cell(value: Any) -> str:
    """A value as written in a scenario; `typed` reads it back."""
    if isinstance(value, str) and value and value.strip() == value and value.isprintable() and "|" not in value:
        try:
            if parse(value) == value:
                return value
        except UsageError:
            pass
    return json.dumps(value, ensure_ascii=False)
