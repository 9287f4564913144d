"""What an expression may be made of."""

from __future__ import annotations

from time import process_time

import pytest

from retake_flow.errors import ExpressionError
from retake_flow.flow.expressions.ast_allowlist import Names, condition, names, template


def names_in_condition(text: str) -> Names:
    """The names of a bare expression."""
    return names(condition(text))


def names_in_template(text: str) -> Names:
    """The names of the expressions in a text."""
    return names(template(text))


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("true", set()),
        ("visits.pushing < 6", {("visits", "pushing")}),
        ("outputs.key.url ~ inputs.x", {("outputs", "key", "url"), ("inputs", "x")}),
        ("inputs.list[inputs.n]", {("inputs", "list"), ("inputs", "n")}),
        ("result.a|default(vars.b)", {("result", "a"), ("vars", "b")}),
        ("[event.kind, {'a': run.id}]", {("event", "kind"), ("run", "id")}),
        ("result", {("result",)}),
    ],
)
def test_every_name_used_is_found(text: str, used: set[tuple[str, ...]]) -> None:
    """The dotted names of an expression are told, wherever in it they are."""
    assert names_in_condition(text) == used
    assert names_in_template("{{ " + text + " }} and more") == used


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inputs.x()", "calling something but .* is not allowed"),
        ("range(9)", "calling something but .* is not allowed"),
        ("2 ** 9", "a power is not allowed"),
        ("inputs._x", "private name '_x'"),
        ("_x", "unknown name '_x'"),
        ("inputs['__class__']", "private name '__class__'"),
        ("'ab' * 9", "cannot be multiplied"),
        ("[1] * 9", "cannot be multiplied"),
        ("'%9d' % 1", "cannot be multiplied"),
        ("inputs.x|map('upper')", "unknown filter 'map'"),
        ("inputs.x|attr('y')", "unknown filter 'attr'"),
        ("inputs.x is divisibleby(2)", "unknown test 'divisibleby'"),
        ("self", "unknown name 'self'"),
        ("imputs.x", "unknown name 'imputs'"),
        ("1e999", "too large a number"),
        ("(" * 200 + "1" + ")" * 200, "nests too deep"),
        ("inputs" + ".a" * 200, "nests too deep"),
        ("inputs.x" + "|upper" * 100, "nests too deep"),
        ("inputs.x|default(boolean=1, boolean=2)", "plain arguments, each once"),
        ("inputs.x|join(*inputs.y)", "plain arguments, each once"),
        ("inputs.x|default(**inputs)", "plain arguments, each once"),
        ("a" * 2001, "at most 2000 characters"),
        ("inputs.x }} more", "has text after its end"),
        ("{{ inputs.x }}", r"a bare expression, without \{\{ \}\}"),
        ("{% if true %}", r"a bare expression"),
        ("inputs.x for x in y", "has text after its end"),
        ("", "is not an expression"),
    ],
)
def test_what_is_not_allowed_is_refused_with_a_reason(text: str, said: str) -> None:
    """Each thing that could hang, grow or reach out is refused at load, at once, and says why."""
    began = process_time()
    with pytest.raises(ExpressionError, match=said):
        names_in_condition(text)
    assert process_time() - began < 10


@pytest.mark.parametrize(
    "text",
    [
        "{% for x in inputs.l %}{{ x }}{% endfor %}",
        "{% set x = 1 %}",
        "{% include 'etc' %}",
        "{% import 'os' as os %}",
        "{% macro m() %}{% endmacro %}",
        "{{ inputs.x",
        "{{ }}",
        "{% nonsense %}",
    ],
)
def test_a_text_holds_expressions_and_nothing_else(text: str) -> None:
    """Statements and broken expressions in a text are refused at load."""
    with pytest.raises(ExpressionError):
        names_in_template(text)


@pytest.mark.parametrize("name", ["inputs.a", "vars.a_b.c", "run.stats.viewers.most", "event.not", "result.in.is"])
def test_one_name_is_read_as_the_parser_reads_it(name: str) -> None:
    """A text that is just a name takes no parser, and gives the same tree, with the same attributes."""
    (quick,), (parsed,) = template("{{ " + name + " }}"), template("{{  " + name + "  }}")
    assert quick == parsed
    assert repr(quick) == repr(parsed)


def test_the_nearest_name_is_suggested() -> None:
    """A mistyped name, filter or test is answered with the one that was meant."""
    for text, meant in (("imputs.x", "inputs"), ("inputs.x|lenght", "length"), ("inputs.x is definde", "defined")):
        with pytest.raises(ExpressionError) as raised:
            names_in_condition(text)
        assert raised.value.hint == f"did you mean {meant!r}?"
