"""References: the names that expressions mention, and whether each may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from jinja2 import nodes

from retake_flow.errors import ExpressionError
from retake_flow.flow.expressions.ast_allowlist import chain
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.expressions.guards import certain
from retake_flow.flow.model import Flow, State, work_values

Chain = tuple[str, ...]


class Mention(NamedTuple):
    """A dotted name in an expression.

    Attributes:
        optional: It may be missing: it has a default, or is tested with `is defined`.
        conditional: It is read only sometimes: in a branch of an inline `if`, or after `and` or `or`.
        shown: Its value becomes part of the expression's value; an operand of a comparison or test does not.
    """

    chain: Chain
    optional: bool = False
    conditional: bool = False
    shown: bool = True


def expressions_of(states: Iterable[State]) -> Iterator[Expression]:
    """Every expression of some states."""
    for state in states:
        yield from templates((work_values(state), state.timeout, state.set))
        for effect in state.effects():
            yield from (effect.condition,) if effect.condition is not None else ()
            yield from templates((effect.set, [(each.data, each.after) for each in effect.raises]))
            yield from templates(effect.tell and effect.tell.message)
        yield from (route.when for route in state.every_route() if route.when is not None)
        for activity in state.activities.values():
            yield from templates((activity.inputs, activity.every, activity.quiet, activity.delay))
            yield from templates(activity.retry and activity.retry.values)
            yield from templates(activity.ask and activity.ask.work)
            yield from (condition for _, condition in activity.raises)


def all_expressions(flow: Flow) -> Sequence[tuple[str, Expression]]:
    """Every valid expression of a flow, with the path of its sub-flow."""
    global _latest  # the same flow is asked about several times in a row
    if _latest[0] is not flow:
        found = [
            (state.root, each) for state in flow.states.values() for each in expressions_of((state,)) if readable(each)
        ]
        _latest = flow, found
    return _latest[1]


_latest: tuple[Flow | None, Sequence[tuple[str, Expression]]] = (None, ())


def readable(expression: Expression) -> bool:
    """Whether an expression is valid and allowed."""
    try:
        expression.names()
    except ExpressionError:
        return False
    return True


@lru_cache(maxsize=4096)
def mentions(expression: Expression) -> tuple[Mention, ...]:
    """The mentions in a valid expression, in the order written; none in an invalid one."""
    if not readable(expression):
        return ()
    return tuple(mention for tree in expression.trees() for mention in _within(tree, Mention(())))


def _within(node: nodes.Node, how: Mention) -> Iterator[Mention]:
    """The mentions in a node, given how it is read."""
    dotted = chain(node)
    if dotted:
        yield how._replace(chain=dotted)
    if dotted or isinstance(node, nodes.Call | nodes.Const | nodes.TemplateData):
        return
    inside = how._replace(optional=False)
    match node:
        case nodes.Filter(name="default"):
            yield from _each((node.node,), how._replace(optional=True))
            yield from _each((*node.args, *(pair.value for pair in node.kwargs)), how._replace(conditional=True))
        case nodes.Compare() | nodes.Filter(name="length"):
            yield from _each(node.iter_child_nodes(), inside._replace(shown=False))
        case nodes.Test():
            asked = node.name in ("defined", "undefined")
            yield from _each((node.node,), how._replace(optional=asked, shown=False))
            yield from _each(node.args, inside._replace(shown=False))
        case nodes.CondExpr():
            yield from _within(node.test, inside._replace(shown=False))
            yield from _each((node.expr1, node.expr2), how._replace(conditional=True))
        case nodes.And() | nodes.Or():
            yield from _within(node.left, inside)
            yield from _within(node.right, inside._replace(conditional=True))
        case nodes.Getitem() | nodes.Getattr():
            yield from _within(node.node, how)
            yield from _each((getattr(node, "arg", None),), inside)
        case _:
            yield from _each(node.iter_child_nodes(), inside)


def _each(found: Iterable[nodes.Node | None], how: Mention) -> Iterator[Mention]:
    for node in found:
        if node is not None:
            yield from _within(node, how)


def assured_names(expression: Expression, holds: bool) -> frozenset[Chain]:
    """The names that certainly exist when a condition holds, or fails: `vars.x is defined` assures `vars.x`."""
    if not readable(expression):
        return frozenset()
    known = (each for tree in expression.trees() for each in certain(tree, holds))
    said = {True: "defined", False: "undefined"}
    tests = (node for node, sure in known if isinstance(node, nodes.Test) and node.name == said[sure])
    return frozenset(filter(None, (chain(test.node) for test in tests)))
