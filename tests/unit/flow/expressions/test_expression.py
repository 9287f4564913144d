"""Expressions: useful ones work, and none can hang, exhaust or reach into the program."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retake_flow.errors import ExpressionError
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression, Template

HERE = Position("f", 1, 1)
NAMES = {
    "inputs": {"n": 3, "text": "hi", "items": [1, 2], "keys": "data"},
    "visits": {"a": 2},
    "result": {"is_live": True, "said": "{{ inputs.n }}"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("visits.a < 3", True),
        ("result.is_live and inputs.n == 3", True),
        ("inputs.items", [1, 2]),
        ("inputs.keys", "data"),
        ("inputs.items|length", 2),
        ("inputs.missing is defined", False),
        ("inputs.missing|default('x')", "x"),
        ("'a' if inputs.n > 2 else 'b'", "a"),
        ("inputs.n in [1, 3]", True),
        ("-inputs.n + 5 * 2", 7),
    ],
)
def test_useful_expressions_work(text: str, value: object) -> None:
    """Comparison, logic, arithmetic, filters and look-ups give what they say; keys of data are never methods."""
    assert Expression(text, HERE).value(NAMES) == value


def test_a_lone_expression_keeps_its_type() -> None:
    """A text that is exactly one expression gives its value; one with more in it gives text."""
    assert Template("{{ inputs.items }}", HERE).value(NAMES) == [1, 2]
    assert Template("n = {{ inputs.n }}", HERE).value(NAMES) == "n = 3"


def test_what_comes_out_is_not_looked_at_again() -> None:
    """A text from the platform that looks like a template stays the text that it is."""
    assert Template("{{ result.said }}", HERE).value(NAMES) == "{{ inputs.n }}"


@pytest.mark.parametrize(
    "text", ["inputs.text * 10", "inputs.items * 1000", "inputs.n / 0", "inputs.nothing", "inputs.text % 3"]
)
def test_what_goes_wrong_while_evaluating_is_said(text: str) -> None:
    """Products of texts, division by zero and missing names are errors with words, not crashes."""
    with pytest.raises(ExpressionError):
        Expression(text, HERE).value(NAMES)


def test_a_condition_must_be_true_or_false() -> None:
    """A guard that gives something else fails."""
    with pytest.raises(ExpressionError, match="neither true nor false"):
        Expression("inputs.n", HERE).holds(NAMES)


def test_joins_do_not_grow_without_end() -> None:
    """Growing a text by joining it again and again ends in an error within a moment."""
    text = "inputs.items|join('" + "x" * 100 + "')"
    for _ in range(6):
        text = f"[{text}, {text}]|join('yy')"
        if len(text) > 1500:
            break
    begun = time.process_time()
    with suppress(ExpressionError):
        Expression(text, HERE).value(NAMES)
    assert time.process_time() - begun < 10


@settings(max_examples=300)
@given(st.text(alphabet="abnit.()[]{}|'\"+-*/%<>=! 0123_,:~\n", max_size=60))
def test_arbitrary_texts_raise_nothing_else(text: str) -> None:
    """Whatever stands in an expression, the only error is ours."""
    expression = Expression(text, HERE)
    with suppress(ExpressionError):
        expression.names()
        expression.value(NAMES)
