"""Allowlist of syntax for expressions, checked on Jinja2's syntax tree before anything is evaluated."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache, reduce

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser

from retake_flow.errors import ExpressionError
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.expressions.filters import ENVIRONMENT, FILTERS, TESTS
from retake_flow.flow.names import ACTIVE, ROOTS

LONGEST_EXPRESSION = 2_000
_DEEPEST = 40

Names = frozenset[tuple[str, ...]]
Trees = tuple[nodes.Node, ...]

#: A text that is just one dotted name, as a third of them are: it needs no parser.
_ONE_NAME = re.compile(r"\{\{ ([a-z]+)((?:\.[a-z_]+)+) \}\}")

_NODES = (
    nodes.Name, nodes.Const, nodes.TemplateData, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub,
    nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat, nodes.CondExpr, nodes.List, nodes.Tuple,
    nodes.Dict, nodes.Pair, nodes.Keyword,
)  # fmt: skip
_SPOKEN = {"Call": "calling something but in('STATE')", "Pow": "a power"}


@lru_cache(maxsize=4096)
def condition(text: str) -> Trees:
    """The syntax tree of a bare expression. It is shared with the rules and must not be changed.

    Raises:
        ExpressionError: The text is not an expression.
    """
    if "{{" in text or "{%" in text:
        raise ExpressionError("a condition is a bare expression, without {{ }}")
    return tuple(_parse(text, bare=True))


@lru_cache(maxsize=4096)
def template(text: str) -> Trees:
    """The syntax trees of a text: of the parts outside `{{ … }}` and of each expression, in order. They must not be
    changed either.

    Raises:
        ExpressionError: One of them is not an expression.
    """
    one = _ONE_NAME.fullmatch(text)
    if one is not None and one[1] in ROOTS and len(text) <= LONGEST_EXPRESSION:
        root: nodes.Expr = nodes.Name(one[1], "load", lineno=1)
        return (reduce(_attribute, one[2].split(".")[1:], root),)
    found: list[nodes.Node] = []
    for child in _parse(text, bare=False):
        if not isinstance(child, nodes.Output):
            raise ExpressionError(f"`{text}`: only {{{{ … }}}} is allowed, no statements")
        found += child.nodes
    return tuple(found)


def _attribute(of: nodes.Expr, name: str) -> nodes.Expr:
    return nodes.Getattr(of, name, "load", lineno=1)


def names(trees: Trees) -> Names:
    """Every dotted name used: `visits.pushing < 6` uses `("visits", "pushing")`.

    Raises:
        ExpressionError: They contain something that is not allowed.
    """
    found: set[tuple[str, ...]] = set()
    for tree in trees:
        _walk(tree, found, 0)
    return frozenset(found)


def only(trees: Trees) -> nodes.Node | None:
    """The expression that makes up a whole text, apart from blanks; None when there is more."""
    parts = [part for part in trees if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData) else None


def chain(node: nodes.Node) -> tuple[str, ...]:
    """The dotted name that a node represents, or nothing."""
    attributes: list[str] = []
    while isinstance(node, nodes.Getattr):
        attributes.append(node.attr)
        node = node.node
    return (node.name, *reversed(attributes)) if isinstance(node, nodes.Name) else ()


def _parse(text: str, *, bare: bool) -> Sequence[nodes.Node]:
    """The nodes of a bare expression, or of a text with expressions in it."""
    if len(text) > LONGEST_EXPRESSION:
        raise ExpressionError(f"an expression is at most {LONGEST_EXPRESSION} characters long")
    try:
        parser = Parser(ENVIRONMENT, text, state="variable" if bare else None)
        found = [parser.parse_expression()] if bare else parser.subparse()
        if not parser.stream.eos:
            raise ExpressionError(f"`{text}` is not an expression: it has text after its end")
        return found
    except TemplateSyntaxError as error:
        raise ExpressionError(f"`{text}` is not an expression: {error.message}") from None
    except (RecursionError, ValueError, MemoryError):
        raise ExpressionError("the expression nests too deep or holds too large a number") from None


def _walk(node: nodes.Node, found: set[tuple[str, ...]], depth: int) -> None:
    if isinstance(node, nodes.Call):
        return found.add((ACTIVE, _state_tested(node)))
    dotted = chain(node)
    if depth + len(dotted) > _DEEPEST:
        raise ExpressionError("the expression nests too deep")
    if not isinstance(node, _NODES):
        raise ExpressionError(f"{_SPOKEN.get(type(node).__name__, type(node).__name__)} is not allowed here")
    _refuse(node)
    if dotted:
        found.add(dotted)
        if dotted[0] not in ROOTS:
            raise ExpressionError(f"unknown name {dotted[0]!r}", hint=did_you_mean(dotted[0], ROOTS))
    for child in node.iter_child_nodes():
        if not (dotted and isinstance(child, nodes.Name | nodes.Getattr)):
            _walk(child, found, depth + 1)
    return None


def _state_tested(node: nodes.Call) -> str:
    """The path in `in('a/b')`; all other calls are refused."""
    plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs) and len(node.args) == 1
    if not (isinstance(node.node, nodes.Name) and node.node.name == ACTIVE and plain):
        raise ExpressionError(f"{_SPOKEN['Call']} is not allowed here")
    asked = node.args[0]
    if not (isinstance(asked, nodes.Const) and isinstance(asked.value, str)):
        raise ExpressionError("in('STATE') takes the path of a state in quotation marks")
    return asked.value


def _refuse(node: nodes.Node) -> None:
    """Refuse certain nodes of an allowed type."""
    if isinstance(node, nodes.Filter):
        _refuse_unknown(node, "filter", FILTERS)
    elif isinstance(node, nodes.Test):
        _refuse_unknown(node, "test", tuple(TESTS))
    elif isinstance(node, nodes.Mul | nodes.Mod):
        for side in (node.left, node.right):
            if isinstance(side, nodes.List | nodes.Tuple) or _is_text(side):
                raise ExpressionError("a text or a list cannot be multiplied")
    elif isinstance(node, nodes.Const) and isinstance(node.value, float) and not math.isfinite(node.value):
        raise ExpressionError("the expression nests too deep or holds too large a number")
    for name in _attributes(node):
        if name.startswith("_"):
            raise ExpressionError(f"the private name {name!r} is not allowed")


def _refuse_unknown(node: nodes.Filter | nodes.Test, what: str, known: tuple[str, ...]) -> None:
    if node.name not in known:
        raise ExpressionError(f"unknown {what} {node.name!r}", hint=did_you_mean(node.name, known))
    keys = [pair.key for pair in node.kwargs]
    if node.dyn_args or node.dyn_kwargs or len(keys) > len(set(keys)):
        raise ExpressionError(f"the {what} {node.name!r} takes plain arguments, each once")


def _attributes(node: nodes.Node) -> tuple[str, ...]:
    """The names after a dot or in brackets that a node looks up."""
    if isinstance(node, nodes.Getattr):
        return (*chain(node), node.attr)
    return (str(node.arg.value),) if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) else ()


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)
