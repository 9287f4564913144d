"""Evaluating expressions without letting any grow, hang or reach out."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from flow_limits import evaluated

from retake_flow.errors import ExpressionError
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression, Template, render
from retake_flow.flow.expressions.filters import LARGEST_RESULT
from retake_flow.flow.expressions.guards import truth
from retake_flow.flow.expressions.sandbox import require_plain
from retake_flow.redact import MASK, Secret

HERE = Position("f", 1, 1)


def value(text: str, **names: Any) -> Any:
    """The value of a bare expression."""
    return Expression(text, HERE).value(names)


@pytest.mark.parametrize(
    "text",
    [
        "1|round(1000000000, 'ceil')",
        "1|round(-1000000000)",
        "[[1]]|tojson(indent=1000000000)",
        "1e18 * 1e18 * 10",
        "inputs.long + inputs.long",
        "inputs.long ~ inputs.long",
        "inputs.many + inputs.many",
        "[inputs.long, inputs.long]",
        "[inputs.long, inputs.long]|join",
        "inputs.many|join(inputs.long)",
        "{'a': inputs.long, 'b': inputs.long}",
    ],
)
def test_what_would_grow_or_hang_ends_in_an_error_at_once(text: str) -> None:
    """A result or a number that grows past what a flow can need is an error, long before it takes time or memory."""
    began = process_time()
    with pytest.raises(ExpressionError):
        value(text, inputs={"long": "x" * LARGEST_RESULT, "many": [1] * LARGEST_RESULT})
    assert process_time() - began < 10


def grown(text: str, times: int) -> Any:
    """What becomes of `vars.x` when the expression is assigned to it so often."""
    names: dict[str, Any] = {"vars": {"x": [1]}}
    for _ in range(times):
        names = {"vars": {"x": value(text, **names)}}
    return names["vars"]["x"]


def test_a_value_that_doubles_at_each_step_is_stopped() -> None:
    """A list that holds its former self twice stays short, but is measured with all that it holds."""
    assert grown("[vars.x, vars.x]", 5)
    with pytest.raises(ExpressionError, match="longer than"):
        grown("[vars.x, vars.x]", 40)


def test_a_value_that_deepens_at_each_step_is_stopped() -> None:
    """A list in a list in a list is refused before anything that walks through it breaks."""
    assert grown("[vars.x]", 20)
    with pytest.raises(ExpressionError, match="nests too deep"):
        grown("[vars.x]", 1000)


@pytest.mark.parametrize("text", ["inputs.none", "[inputs.none]", "{'a': [inputs.none]}", "inputs.none.deeper"])
def test_a_name_that_is_not_there_is_named(text: str) -> None:
    """A missing name is an error with its name, within lists and mappings too."""
    with pytest.raises(ExpressionError, match="there is no 'none' here"):
        value(text, inputs={})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[3, 1, 3]|unique", [3, 1]),
        ("[1, 'a']|join('-')", "1-a"),
        ("2.345|round(2)", 2.35),
        ("2.1|round(0, 'ceil')", 3.0),
        ("{'a': '<&>', 'b': 'ö'}|tojson", '{"a": "<&>", "b": "ö"}'),
        ("'<' + ([1]|tojson)", "<[1]"),
        ("inputs|tojson", '{"n": 5}'),
        ("[1, 2, 3]|sum", 6),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("[1] + [2]", [1, 2]),
        ("'a' ~ 1", "a1"),
        ("inputs['n']", 5),
        ("[5, 6][-1]", 6),
        ("'abcdef'[1:3]", "bc"),
        ("'1h30m'|seconds", 5400.0),
        ("90|seconds", 90.0),
        ("[50, 10, 25]|above(10)", [25, 50]),
        ("[{'a': 1}, {'a': 2}, {'b': 3}, 4]|select('a')", [{"a": 1}, {"a": 2}]),
        ("[{'a': 1}, {'a': 2}]|select('a', 2)", [{"a": 2}]),
        ("[{'a': 1}, {'a': 2}]|count('a', '>=', 1)", 2),
        ("[1, 2]|count", 2),
        ("[{'a': 1}, {'a': 2}]|sort('a', reverse=true)|join('+', 'a')", "2+1"),
        ("['b', 'B', 'a']|sort|first", "B"),
        ("[{'a': 2}, {'a': 3}]|sum('a')", 5),
        ("[10]|above(10)|first|default(-1)", -1),
    ],
)
def test_filters_and_operators_give_plain_data(text: str, wanted: object) -> None:
    """What comes out is data that can be written down: no generator, no marked-up text."""
    got = value(text, inputs={"n": 5})
    assert (type(got), got) == (type(wanted), wanted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inputs.s * 2", r"\* works on numbers, not on a text and a number"),
        ("true + 1", r"\+ works on numbers, not on a truth value and a number"),
        ("inputs.l * 2", r"\* works on numbers, not on a list and a number"),
        ("inputs.s % 2", r"% works on numbers"),
        ("1 // 0", "cannot be evaluated"),
        ("1 < 'a'", "cannot be evaluated"),
        ("inputs.s|join(',')", "join works on a list, not on a text"),
        ("inputs.s|round", "round works on a number"),
        ("inputs.s|truncate(-5)", "cannot be evaluated"),
        ("inputs.s|seconds", "'text' is not a duration"),
        ("(-1)|seconds", "not a duration"),
        ("inputs.s|above(1)", "above works on a list of numbers"),
        ("inputs.l|above(inputs.s)", "above works on a list of numbers"),
        ("inputs[[1]]", "cannot be evaluated"),
        ("inputs.s|select('a')", "select works on a list"),
        ("[{'a': 1}]|select('a', 'in', 3)", "select compares with one of"),
        ("[{'a': 1}]|select('a', '>', 'b')", "select cannot compare 'a' with a text"),
        ("[1, 'a']|sort", "sort works on numbers or on texts"),
        ("[{'a': 1}]|sort('b')", "sort works on numbers or on texts"),
    ],
)
def test_what_has_no_meaning_is_said_in_words(text: str, said: str) -> None:
    """A wrong use of an operator or a filter is an error of ours with a reason."""
    with pytest.raises(ExpressionError, match=said):
        value(text, inputs={"s": "text", "l": [1]})


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "pop", "copy"])
def test_names_of_methods_are_names_of_data(name: str) -> None:
    """A key that is called like a method gives the data; without the key, there is nothing."""
    assert value(f"result.{name}", result={name: 1}) == 1
    with pytest.raises(ExpressionError, match=f"there is no '{name}' here"):
        value(f"result.{name}", result={})


def test_attributes_of_objects_are_never_reached() -> None:
    """Only mappings, lists and texts are looked into, whatever a name holds."""
    with pytest.raises(ExpressionError, match="there is no 'reveal' here"):
        value("result.key.reveal", result={"key": Secret("sk_0123456789")})


def test_a_secret_passes_through_whole_and_shows_as_a_mask() -> None:
    """As a value of its own a secret stays one; within a text it is masked."""
    names = {"outputs": {"key": Secret("sk_0123456789")}}
    assert Template("{{ outputs.key }}", HERE).value(names) == Secret("sk_0123456789")
    assert Template("the key {{ outputs.key }}", HERE).value(names) == f"the key {MASK}"


def test_templates_are_filled_in_within_data_and_never_twice() -> None:
    """Texts within mappings and lists are filled in; what came out of one is not looked at again."""
    written = {"a": [Template("{{ result.said }}", HERE), "plain"], "b": 1}
    assert render(written, {"result": {"said": "{{ 1 + 1 }}"}}) == {"a": ["{{ 1 + 1 }}", "plain"], "b": 1}


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_numbers_without_a_json_form_are_refused(number: float) -> None:
    """Infinity is no result."""
    with pytest.raises(ExpressionError, match="is too large"):
        require_plain([number])


_HOSTILE = {
    # what doubles
    "'x'" + "|tojson" * 35: "processes too much",
    "'\\\\'" + "|tojson" * 35: "longer than",
    "inputs.quotes" + "|tojson" * 3: "longer than",
    "{{ inputs.line|tojson|tojson }} and more": "longer than",
    "{{ inputs.line }}{{ inputs.line }}": "processes too much",
    "[inputs.line, inputs.line]|string": "longer than",
    "inputs.rows|join(inputs.line)": "processes too much",
    "inputs.line ~ inputs.line ~ inputs.line": "processes too much",
    # what looks at much, again and again
    "inputs.line" + "|upper|lower" * 15: "processes too much",
    "inputs.words" + "|title" * 30 + "|length": "processes too much",
    "inputs.line[::2]" + "[::-1]" * 15: "processes too much",
    "inputs.rows in [inputs.rows, inputs.rows]": "processes too much",
    "inputs.wide == inputs.wide": "processes too much",
    "inputs.wide|tojson": "processes too much",
    "inputs.text|trim(inputs.text)": "processes too much",
    "inputs.line|trim('" + "y" * 101 + "')": "trim takes at most",
    # what is quadratic in Python or Jinja2
    "inputs.colliding|unique|length": "is too large",
    "inputs.lists|sum(start=[])|length": "sum works on a list of numbers",
    "inputs.digits|int": "int: 0",
    "inputs.digits|float": "float: 0.0",
    "inputs.digits|int(base=16)": "int: 0",
    # numbers
    "inputs.huge + 1": "is too large",
    "1e17 * 1e17 * 1e17": "is too large",
    "inputs.huge - inputs.huge": "is too large",
    "-inputs.text": "a sign stands before a number",
    "inputs.text|seconds": "is not a duration",
    "inputs.huge|seconds": "is not a duration",
    # what nests
    "inputs.deep|tojson": "its data nests too deep",
    "inputs.deep|string": "its data nests too deep",
    "inputs.deep": "nests too deep",
    "(" * 900 + "1" + ")" * 900: "nests too deep",
    # what is large and costs nothing
    "inputs.wide|length": "int: 100000",
    "inputs.keys['5'] + inputs.wide[7][0]": "float: 6.5",
    "'7' in inputs.keys and inputs.text != ''": "bool: True",
    "inputs.numbers|sum": "int: 20000",
    "inputs.line|upper|length": "int: 65536",
}


def test_each_step_of_an_expression_is_bounded() -> None:
    """Whatever an expression is made of, it takes a moment and little memory, and gives a value or says why not."""
    for (text, wanted), (said, seconds, memory) in zip(_HOSTILE.items(), evaluated(list(_HOSTILE)), strict=True):
        assert wanted in said, text
        assert seconds < 5, text
        assert memory < 250, text


def test_constants_are_not_computed_before_they_are_bounded() -> None:
    """A guard made of constants is as bounded where the rules look at it, before any run."""
    assert truth("visits.a < ('x'" + "|tojson" * 35 + "|length)", {"a": True}, {}) is None
    assert truth("visits.a > 1 - 1", {"a": True}, {}) is True


def test_a_condition_that_gives_a_long_text_is_told_in_short() -> None:
    """What a condition gives is quoted, as far as a person reads it."""
    with pytest.raises(ExpressionError, match="neither true nor false") as raised:
        Expression("inputs.long", HERE).holds({"inputs": {"long": "x" * 60_000}})
    assert len(raised.value.message) < 300
