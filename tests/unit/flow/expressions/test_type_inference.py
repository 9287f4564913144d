"""The types that expressions can give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression, Template
from retake_flow.flow.expressions.type_inference import describe_types, types

HERE = Position("f", 1, 1)
KNOWN: Mapping[tuple[str, ...], Mapping[str, Any]] = {
    ("inputs", "n"): {"type": "integer"},
    ("inputs", "x"): {"type": "number"},
    ("inputs", "s"): {"type": "string"},
    ("inputs", "b"): {"type": "boolean"},
    ("inputs", "o"): {"type": ["boolean", "null"]},
    ("inputs", "l"): {"type": "array"},
}


def lookup(chain: tuple[str, ...]) -> Mapping[str, Any]:
    """The declared type of a name."""
    return KNOWN.get(chain, {})


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("true", "boolean"),
        ("inputs.n > 1", "boolean"),
        ("not inputs.n", "boolean"),
        ("inputs.s is defined", "boolean"),
        ("in('a')", "boolean"),
        ("inputs.b and inputs.n > 1", "boolean"),
        ("inputs.b and inputs.n", "boolean integer"),
        ("inputs.o", "boolean null"),
        ("inputs.o|default(false)", "boolean null"),
        ("inputs.n + 1", "integer number"),
        ("inputs.n / 2", "number"),
        ("inputs.s + 'x'", "string"),
        ("inputs.l + [1]", "array"),
        ("inputs.s ~ inputs.n", "string"),
        ("inputs.s|length", "integer"),
        ("inputs.n|string", "string"),
        ("{'a': 1}", "object"),
        ("1 if inputs.b else 'x'", "integer string"),
        ("none", "null"),
        ("inputs.x", "integer number"),
        ("vars.v", None),
        ("inputs.b or vars.v", None),
        ("inputs.l|first", None),
        ("inputs.n if inputs.b", None),
    ],
)
def test_the_types_of_an_expression_follow_from_its_form_and_its_names(text: str, kinds: str | None) -> None:
    """What cannot be known is None; a template that is one expression alone keeps the type, another is a text."""
    wanted = None if kinds is None else frozenset(kinds.split())
    assert types(Expression(text, HERE), lookup) == wanted
    assert types(Template("{{ " + text + " }}", HERE), lookup) == wanted
    assert types(Template("it is {{ " + text + " }}", HERE), lookup) == {"string"}


def test_types_are_spoken_as_people_say_them() -> None:
    """A whole number is a number too."""
    assert describe_types(frozenset({"integer", "number"})) == "a number"
    assert describe_types(frozenset({"null", "string"})) == "nothing or a text"
