"""What a terminal would obey is taken out of the texts of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.sanitize import cut, strip_controls


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain words €", "plain words €"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link", "alink"),
        ("a\x9b2Jb", "ab"),
        ("tab\there", "tab here"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\u202eturned\u2069 \ud800half", "turned half"),
        ("\x1b", ""),
    ],
)
def test_sequences_go_as_a_whole_and_words_stay(text: str, left: str) -> None:
    """Nothing of a sequence is left behind, and line breaks become line feeds."""
    assert strip_controls(text) == left


@given(st.text())
def test_what_is_left_is_harmless(text: str) -> None:
    """No control character but the line feed remains, what is left has a UTF-8 form, and is left again."""
    left = strip_controls(text)
    left.encode()
    assert all(char == "\n" or not (ord(char) < 32 or 127 <= ord(char) < 160) for char in left)
    assert strip_controls(left).rstrip("\n") == left.rstrip("\n")


@pytest.mark.parametrize(("text", "shown"), [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abc…"), ("", "")])
def test_a_limit_counts_the_ellipsis(text: str, shown: str) -> None:
    """So a column, or a service with a limit of its own, gets no character too many."""
    assert cut(text, 4) == shown
