"""Reading the rehearsal's options."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from retake_flow.cli.option_values import read_options
from retake_flow.cli.run_commands.given_answer import parse_words
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
    ],
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A file that holds something else is an error of usage with its place."""
    (tmp_path / "o.json").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_options(str(tmp_path / "o.json"))


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
