"""What stands in the tables and between the words of scenarios, as typed values."""

from __future__ import annotations

import json
from typing import Any

from retake_flow.errors import UsageError

#: What pytest-bdd makes of a table.
Table = list[list[str]]


def typed(cell: str) -> Any:
    """The value of a cell: a number, true, false, null, a "quoted text", JSON, or else the text itself.

    Raises:
        UsageError: It begins like a quoted text or JSON, and is none.
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
    """The values of a table with a name and a value in each line.

    Raises:
        UsageError: It has another form.
    """
    for line in table:
        if len(line) != 2:
            raise UsageError("the table has a name and a value in each line", hint="| text | Good evening |")
    return {name.strip(): typed(cell) for name, cell in table}


def rows(table: Table) -> list[dict[str, Any]]:
    """The lines of a table by the names in its first one; where a cell is empty, the name is left out.

    Raises:
        UsageError: It has another form.
    """
    head, *lines = table
    if not lines:
        raise UsageError("the table has no line but that of the names", hint="the first line holds the names")
    return [
        {name.strip(): typed(cell) for name, cell in zip(head, line, strict=True) if cell.strip()} for line in lines
    ]


def cell(value: Any) -> str:
    """A value as it is written in a scenario, so that `typed` gives it again."""
    if isinstance(value, str) and value and value.strip() == value and value.isprintable() and "|" not in value:
        try:
            if typed(value) == value:
                return value
        except UsageError:
            pass
    return json.dumps(value, ensure_ascii=False)
