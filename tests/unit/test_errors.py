"""The tree of errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retake_flow import errors
from retake_flow.errors import MissingProgram, RetakeFlowError, Unauthorized
from retake_flow.run import errors as errors_of_runs


def kinds(kind: type[RetakeFlowError] = RetakeFlowError) -> Iterator[type[RetakeFlowError]]:
    """An error of ours and all below it in the modules of errors."""
    if kind.__module__ in (errors.__name__, errors_of_runs.__name__):
        yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


PLAIN = [kind for kind in kinds() if kind.__init__ is RetakeFlowError.__init__]


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_the_docstring_is_the_message(kind: type[RetakeFlowError]) -> None:
    """An error raised without words says the first line of its docstring, which is a sentence."""
    assert kind().message == (kind.__doc__ or "").split("\n", 1)[0]
    assert kind().message.endswith(".")
    assert kind("other words").message == "other words"


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_error_says_who_has_to_act_and_how_the_program_ends(kind: type[RetakeFlowError]) -> None:
    """Each error has a kind that flows can route on, somebody at fault, and an exit code of the table."""
    assert kind.kind.replace("_", "").isalpha()
    assert kind.kind == kind.kind.lower()
    assert kind.fault in ("operator", "platform", "network", "program")
    assert kind.exit_code in (1, 2, 3, 4, 5, 6)


def test_kinds_are_distinct() -> None:
    """No two errors are routed by the same word, unless one is a case of the other and leaves its word alone."""
    told = [kind.kind for kind in kinds() if "kind" in vars(kind)]
    assert len(told) == len(set(told))


def test_a_hint_says_what_to_do() -> None:
    """A class may have a hint for all its errors, and one error may have its own."""
    assert "RETAKE_ACCESS_TOKEN" in Unauthorized().hint
    assert MissingProgram("ffmpeg", hint="apt install ffmpeg").hint == "apt install ffmpeg"
    assert MissingProgram().hint == ""
