"""Mistakes as people read them."""

from __future__ import annotations

from time import process_time

from retake_flow.flow.diagnostics import Position, Problem, Problems, did_you_mean


def problem(line: int, message: str = "it is wrong", hint: str = "") -> Problem:
    """A problem in that line."""
    return Problem(Position("f.yaml", line, 2), "RF001", message, hint)


def test_a_problem_is_shown_as_editors_read_it() -> None:
    """The line begins with file:line:column, then the code; the hint stands below."""
    assert str(problem(3, hint="mend it")) == "f.yaml:3:2: RF001 it is wrong\n    hint: mend it"


def test_problems_are_told_once_and_in_the_order_of_lines() -> None:
    """All problems of a file are one error, sorted, without repetition, with the exit code for an invalid flow."""
    error = Problems([problem(9), problem(1), problem(9), problem(2)])
    assert [found.position.line for found in error.problems] == [1, 2, 9]
    assert error.message.count("\n") == 2
    assert error.exit_code == 3


def test_the_nearest_word_is_suggested() -> None:
    """A mistyped word is answered with the known one nearest to it."""
    assert did_you_mean("regsiter", ["verify", "register"]) == "did you mean 'register'?"


def test_without_a_near_word_all_are_listed() -> None:
    """When nothing is near, the known words are listed, or what was given for that case is said."""
    assert did_you_mean("xyz", ["b", "a"]) == "there are: a, b"
    assert did_you_mean("xyz", [], "look there") == "look there"
    assert did_you_mean("xyz", []) == "there are none"


def test_long_lists_are_cut() -> None:
    """Of very many known words only the first are listed."""
    hint = did_you_mean("zzz", [f"state_{n}" for n in range(1000)])
    assert hint.endswith(", …")
    assert len(hint) < 500


def test_a_suggestion_is_quick_however_long_the_words() -> None:
    """A mistyped word of a million letters among thousands of known ones takes no time."""
    began = process_time()
    did_you_mean("a" * 1_000_000, ["a" * 50 + str(n) for n in range(5000)])
    assert process_time() - began < 10
