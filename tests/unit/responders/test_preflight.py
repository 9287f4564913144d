"""What those who answer chat need, before a run begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retake_flow.responders.preflight import missing

MODEL = {"url": "https://owl.example/v1", "model": "m"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"command": ["./brain"]}, ["brain does not exist or may not be executed"]),
        ({"module": "no_owl:reply"}, ["the responder's module no_owl cannot be imported"]),
        ({"http": {"url": "https://x/", "headers_from": {"A": "ONE", "B": "TWO"}, "secret_from": "THREE"}},
         ["the variable ONE, ", "the variable TWO, ", "the variable THREE, "]),
        ({"openai": {**MODEL, "key_from": "ONE", "playbook_file": "owl.md"}},
         ["the variable ONE, ", "there is no file"]),
        ({"openai": {**MODEL, "key_from": "SET"}}, []),
        ({"openai": MODEL}, []),
        ({"greeter": {}}, []),
        ({"command": ["sh"]}, []),
        ({"command": ["sh"], "variables": ["SET", "WORD"]}, []),
        ({"command": ["sh"], "variables": ["SET", "UNSET"]}, ["the variable UNSET, needed to answer chat, is not set"]),
        ({"command": ["sh"], "variables": ["OURS"]}, ["the variable OURS holds an access token of retake.tv"]),
        ({"command": ["sh"], "variables": [None, 7]}, []),
        ({"command": ["sh", "nobrain.sh"]}, ["nobrain.sh does not exist"]),
        ({"command": ["sh", "-u", "nobrain.py", "x"]}, ["nobrain.py does not exist"]),
        ({"command": ["sh", "./nobrain"]}, ["nobrain does not exist"]),
        ({"command": ["sh", "/no/brain"]}, ["/no/brain does not exist"]),
        ({"command": ["sh", "owl.sh", "./written-later", "later.py"]}, []),
        ({"command": ["sh", "-c", "cat no/brain; ./no.sh"]}, []),
        ({"command": ["sh", "maker/model", "--log", "./x.log"]}, []),
        ({"command": ["sh", "--log", "./x.log"]}, []),
    ],
)  # fmt: skip
def test_all_that_is_not_there_is_told(tmp_path: Path, said: dict[str, Any], told: list[str]) -> None:
    """Each in a sentence of its own, all with the exit code for what is missing."""
    (tmp_path / "owl.sh").touch()
    environment = {"SET": "a-key", "WORD": "Käuzchen", "OURS": "rtk_123456", "PATH": "/bin:/usr/bin"}
    found = list(missing(said, tmp_path, environment))
    assert [part in error.message for part, error in zip(told, found, strict=True)] == [True] * len(told)
    assert {error.exit_code for error in found} <= {6}


def test_what_is_filled_in_later_is_not_looked_at(tmp_path: Path) -> None:
    """A name that is no text yet may still become a good one."""
    later = object()
    for said in ({"command": [later]}, {"module": later}, {"http": later}, {"http": {"headers_from": later}},
                 {"openai": {"key_from": later, "playbook_file": later, "secret_from": later}}):  # fmt: skip
        assert list(missing(said, tmp_path, {})) == []
