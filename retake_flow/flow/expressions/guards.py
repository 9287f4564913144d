"""Guards: which conditions are certain once one held or failed, and whether a guard can hold at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from jinja2 import nodes

from retake_flow.errors import ExpressionError
from retake_flow.flow.expressions.ast_allowlist import chain, condition
from retake_flow.flow.expressions.sandbox import COMPARISONS, evaluate

#: A condition in a canonical form, and whether it holds.
Literal = tuple[str, bool]

_OUTPUT = re.compile(r"\boutputs\.(\w+)\.")


@lru_cache(maxsize=4096)
def literals(text: str, *, held: bool) -> frozenset[Literal]:
    """The conditions that are certain when an expression held, or when it did not.

    If `a and not b` held, `a` and `not b` are certain; `x == true` is `x`.
    """
    tree = _tree(text)
    known = () if tree is None else certain(tree, held)
    return frozenset((_canonical_text(node), holds) for node, holds in known)


def of_outputs(known: Iterable[Literal]) -> dict[str, frozenset[Literal]]:
    """Conditions on `outputs.STATE.…` by the state, as conditions on its `result`."""
    found: dict[str, set[Literal]] = {}
    for said, held in known:
        names = set(_OUTPUT.findall(said))
        if len(names) == 1 and "result." not in said:
            found.setdefault(names.pop(), set()).add((_OUTPUT.sub("result.", said), held))
    return {name: frozenset(said) for name, said in found.items()}


@lru_cache(maxsize=4096)
def visited_states(text: str) -> frozenset[str]:
    """The states whose number of visits an expression reads."""
    tree = _tree(text)
    return frozenset() if tree is None else frozenset(_visited_in(tree))


def truth(text: str, entered: Mapping[str, bool], known: Mapping[str, str]) -> bool | None:
    """Whether an expression holds, if that follows from the known values; else None.

    `entered` says which states were entered before, by their names in it; `known` has the values of other names, in
    dotted form.
    """
    return _truth_of(text, tuple(entered.items()), tuple(known.items()))


@lru_cache(maxsize=4096)
def _truth_of(text: str, entered: tuple[tuple[str, bool], ...], known: tuple[tuple[str, str], ...]) -> bool | None:
    tree = _tree(text)
    return None if tree is None else _truth(tree, dict(entered), dict(known))


@lru_cache(maxsize=4096)
def _tree(text: str) -> nodes.Node | None:
    try:
        return condition(text)[0]
    except ExpressionError:
        return None  # the check of expressions reports it


def certain(node: nodes.Node, held: bool) -> Iterator[tuple[nodes.Node, bool]]:
    """The innermost conditions that are certain when one held, or did not, each with whether it holds."""
    if isinstance(node, nodes.Not):
        yield from certain(node.node, not held)
    elif isinstance(node, nodes.And if held else nodes.Or):
        yield from certain(node.left, held)
        yield from certain(node.right, held)
    elif (same := _same_as(node)) is not None:
        yield from certain(same[0], held == same[1])
    else:
        yield node, held


def _same_as(node: nodes.Node) -> tuple[nodes.Node, bool] | None:
    """The operand of a comparison with true or false, and which of the two: `x == true`, `x is false`."""
    if isinstance(node, nodes.Test) and node.name in ("true", "false"):
        return node.node, node.name == "true"
    if isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op in ("eq", "ne"):
        equal = node.ops[0].op == "eq"
        for one, other in ((node.expr, node.ops[0].expr), (node.ops[0].expr, node.expr)):
            if isinstance(other, nodes.Const) and isinstance(other.value, bool):
                return one, other.value == equal
    return None


def _canonical_text(node: nodes.Node) -> str:
    if name := _name(node):
        return ".".join(name)
    return f"{type(node).__name__}({', '.join(_spelled_field(value) for _, value in node.iter_fields())})"


def _spelled_field(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_spelled_field, value))}]"
    return _canonical_text(value) if isinstance(value, nodes.Node) else repr(value)


def _name(node: nodes.Node) -> tuple[str, ...]:
    """The dotted name that a node represents, or nothing; `a['b']` is `a.b`."""
    match node:
        case nodes.Getattr(attr=part) | nodes.Getitem(arg=nodes.Const(value=str(part))):
            around = _name(node.node)
            return (*around, part) if around else ()
    return chain(node)


def _visited_in(node: nodes.Node) -> set[str]:
    match _name(node):
        case ("visits", state):
            return {state}
    return {name for child in node.iter_child_nodes() for name in _visited_in(child)}


def _truth(node: nodes.Node, entered: Mapping[str, bool], known: Mapping[str, str]) -> bool | None:
    if isinstance(node, nodes.Not):
        inner = _truth(node.node, entered, known)
        return None if inner is None else not inner
    if isinstance(node, nodes.And | nodes.Or):
        sides = (_truth(node.left, entered, known), _truth(node.right, entered, known))
        decisive = isinstance(node, nodes.Or)
        return decisive if decisive in sides else None if None in sides else not decisive
    if isinstance(node, nodes.Compare) and len(node.ops) == 1:
        name, op, value = _name(node.expr), node.ops[0].op, _constant(node.ops[0].expr)
        if len(name) == 2 and name[0] == "visits" and name[1] in entered:
            return _compare_visits(op, value, entered[name[1]])
        if ".".join(name) in known and value is not None:
            return _same(op, known[".".join(name)], value)
    return None


def _constant(node: nodes.Expr) -> object:
    try:
        return evaluate(node, {})
    except Exception:  # it needs more than is known, for whatever reason
        return None


def _same(op: str, value: str, other: object) -> bool | None:
    """Whether a text equals another, or is one of several; None for other comparisons."""
    if op in ("eq", "ne"):
        return (value == other) == (op == "eq")
    if op in ("in", "notin") and isinstance(other, list | tuple):
        return (value in other) == (op == "in")
    return None


def _compare_visits(op: str, bound: object, entered: bool) -> bool | None:
    """The result of a comparison with a number of visits that is 0 or at least 1; None if it depends on the number."""
    if op in ("in", "notin") or not isinstance(bound, int):
        return None
    if not entered:
        return bool(COMPARISONS[op](0, bound))
    answers = {bool(COMPARISONS[op](visits, bound)) for visits in (1, max(bound, 1), max(bound, 1) + 1)}
    return answers.pop() if len(answers) == 1 else None
