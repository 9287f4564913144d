"""Values in scenarios have types."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.errors import UsageError
from retake_flow.testing.gherkin.cells import cell, pairs, parse, rows


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        (" 5.5 ", 5.5),
        ("true", True),
        ("null", None),
        ('"7"', "7"),
        ("good evening", "good evening"),
        ("1280x720", "1280x720"),
        ('{"a": [1]}', {"a": [1]}),
        ("NaN", "NaN"),
    ],
)
def test_a_cell_is_what_it_looks_like(written: str, value: Any) -> None:
    """A number, a truth value, null, a quoted text or JSON; everything else is a text."""
    assert parse(written) == value


@pytest.mark.parametrize("written", ['"open', "{", "[1,"])
def test_what_begins_like_json_must_be_json(written: str) -> None:
    """Else a forgotten quote would silently be a text."""
    with pytest.raises(UsageError, match="is not JSON"):
        parse(written)


@pytest.mark.parametrize("value", ["some text", "7", "true", "", " edged ", "two\nlines", "a|b", 3, None, True, ['"']])
def test_what_is_written_is_read_again(value: Any) -> None:
    """A value that the program writes into a scenario is the same when it is played."""
    assert parse(cell(value)) == value


def test_tables_have_two_forms() -> None:
    """A name and a value a line, or names in the first line; an empty cell is left out."""
    assert pairs([["a", "1"], ["b", "x"]]) == {"a": 1, "b": "x"}
    assert rows([["a", "b"], ["1", ""], ["2", "x"]]) == [{"a": 1}, {"a": 2, "b": "x"}]
    with pytest.raises(UsageError, match="a name and a value"):
        pairs([["a", "b", "c"]])
    with pytest.raises(UsageError, match="only the row of names"):
        rows([["a"]])
