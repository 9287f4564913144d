"""A flow's data as YAML again."""

from __future__ import annotations

from typing import Any

import pytest
from flow_samples import GO_LIVE
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.flow.text.yaml_source import parse
from retake_flow.flow.text.yaml_writer import inline, write
from retake_flow.sanitize import strip_controls


def again(data: Any) -> Any:
    """What the transcript of some data reads as."""
    source = parse("\n".join(line.text for line in write(data)) + "\n", "x")
    assert source.problems == []
    return source.data


_ODD = (
    *(
        "true",
        "null",
        "~",
        "12",
        "0x1f",
        "00x1",
        "1e5",
        "1_0",
        ".5",
        "- a",
        "a: b",
        "a #b",
        "*x",
        "&x",
        "!x",
        "{{ a }}",
    ),
    *("x\n", "x\n\n", "x\n  ", "\tx", "a\n b\n", " a\nb", "a\n\nb", "a\r\nb", "yes", "No", "12h", "2001-01-01"),
)
_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(_ODD)
_numbers = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
_data = st.recursive(
    st.none() | st.booleans() | _numbers | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(_texts, _data, min_size=1, max_size=4))
def test_it_reads_as_the_same_data(data: dict[str, Any]) -> None:
    """Whatever is in it."""
    assert again(data) == data


@pytest.mark.parametrize("file", sorted(GO_LIVE.parent.glob("*.yaml")), ids=lambda file: file.name)
def test_a_shipped_flow_reads_as_the_same(file: Any) -> None:
    """And every line of it says what it is about."""
    data = parse(file.read_text(encoding="utf-8"), file.name).data
    assert again(data) == data


def test_each_line_knows_what_it_says() -> None:
    """An item of a list begins with its first key; a text of several lines belongs to its first."""
    lines = write({"a": [{"b": 1, "c": 2}, "x"], "d": "one\ntwo", "e": {}})
    assert [(line.text, line.path) for line in lines] == [
        ("a:", ("a",)),
        ("  - b: 1", ("a", 0, "b")),
        ("    c: 2", ("a", 0, "c")),
        ("  - x", ("a", 1)),
        ("d: |-", ("d",)),
        ("  one", None),
        ("  two", None),
        ("e: {}", ("e",)),
    ]


@pytest.mark.parametrize("sign", ["\x1b", "\x9b", "\t", "\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\x7f"])
def test_what_a_terminal_obeys_is_written_as_an_escape(sign: str) -> None:
    """In keys, words and blocks; it is still the same data."""
    data = {f"k{sign}": f"a{sign}b", "block": f"one\ntwo{sign}\n", "list": [f"{sign}x"]}
    lines = [line.text for line in write(data)]
    assert "".join(lines) == strip_controls("".join(lines))
    assert parse("\n".join(lines), "x").data == data


def test_plain_words_are_not_quoted() -> None:
    """What a person would write without quotes stands so; what YAML would take for something else does not."""
    assert [inline(word) for word in ("go-live.yaml", "12h", "1280x720", "not result.is_live")] == [
        "go-live.yaml", "12h", "1280x720", "not result.is_live",
    ]  # fmt: skip
    assert [inline(word) for word in ("on", "12", "a: b", "")] == ['"on"', '"12"', '"a: b"', '""']
