"""Reading the rehearsal's options."""

from __future__ import annotations

import io
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

import pytest

from retake_flow.cli.arguments import count, port, read_options
from retake_flow.cli.run_commands.answer import parse_words
from retake_flow.errors import UsageError


def test_a_json_object_is_read(tmp_path: Path) -> None:
    """The options are the JSON object in the file; without a file there are none."""
    (tmp_path / "o.json").write_text('{"latency": 0.1}', encoding="utf-8")
    assert read_options(str(tmp_path / "o.json")) == {"latency": 0.1}
    assert read_options(None) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": }', "o.json:1:7: not JSON: "),
        (b"[1]", "is not a JSON object"),
        (b"\xff", "is not UTF-8 text"),
        (b"[" * 100_000, "nests too deep"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "a number of more than 4,300 digits"),
    ],
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A file that holds something else is an error of usage with its place."""
    (tmp_path / "o.json").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_options(str(tmp_path / "o.json"))


NO_NUMBERS = ("", "-1", "1e3", "1e400", "nan", "inf", "0x10", "1_000", "٣", "9" * 5_000, "1" + "0" * 30, " 7")


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("read", [count, port])
def test_a_number_of_records_or_a_port_is_a_whole_number(read: Callable[[str], int], text: str) -> None:
    """Anything else, also what a database cannot hold, is refused in one short line."""
    with pytest.raises(ArgumentTypeError, match="is not a whole number from 0 to") as raised:
        read(text)
    assert len(str(raised.value)) < 100


def test_whole_numbers_have_bounds() -> None:
    """The first and the last that are taken."""
    assert (count("0"), count("999999999"), port("0"), port("65535")) == (0, 999_999_999, 0, 65_535)
    with pytest.raises(ArgumentTypeError):
        port("65536")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A file that cannot be read is named with the reason."""
    with pytest.raises(UsageError, match=r"none\.json cannot be read: No such file or directory"):
        read_options(str(tmp_path / "none.json"))


def test_a_byte_order_mark_is_no_part_of_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some editors write one; files and standard input are read all the same."""
    file = tmp_path / "o.json"
    file.write_bytes(b'\xef\xbb\xbf{"latency": 0.1}')
    assert read_options(str(file)) == {"latency": 0.1}
    monkeypatch.setattr("sys.stdin", io.StringIO('\ufeff{"decision": "posted"}'))
    assert parse_words(["-"]).document == {"decision": "posted"}
