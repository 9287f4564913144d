"""Type inference: the JSON types that an expression can give, from its form and the declared types of its names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import nodes

from retake_flow.flow.diagnostics import TYPE_NAMES
from retake_flow.flow.expressions.ast_allowlist import chain
from retake_flow.flow.expressions.expression import Expression

#: A set of JSON Schema types; None when unknown.
Types = frozenset[str] | None
#: Gives the declared type of a dotted name as JSON Schema; {} when unknown.
Lookup = Callable[[tuple[str, ...]], Mapping[str, Any]]

#: Gives the possible types of an expression, as far as known.
Typed = Callable[[Expression], Types]

BOOLEAN: Final = frozenset({"boolean"})
TEXT: Final = frozenset({"string"})
_INTEGER: Final = frozenset({"integer"})
_NUMBER: Final = frozenset({"integer", "number"})
_FILTERED: Final[Mapping[str, Types]] = {
    "float": frozenset({"number"}), "int": _INTEGER, "join": TEXT, "length": _INTEGER, "lower": TEXT, "round": _NUMBER,
    "string": TEXT, "sum": _NUMBER, "title": TEXT, "tojson": TEXT, "trim": TEXT, "truncate": TEXT,
    "unique": frozenset({"array"}), "upper": TEXT, "abs": _NUMBER, "above": frozenset({"array"}),
    "seconds": frozenset({"number"}), "select": frozenset({"array"}), "sort": frozenset({"array"}), "count": _INTEGER,
}  # fmt: skip
#: Nodes whose type does not depend on their parts.
_FIXED: Final[Mapping[type[nodes.Node], Types]] = {
    **dict.fromkeys((nodes.Compare, nodes.Not, nodes.Test, nodes.Call), BOOLEAN),
    **dict.fromkeys((nodes.Sub, nodes.Mul, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos), _NUMBER),
    **dict.fromkeys((nodes.List, nodes.Tuple), frozenset({"array"})),
    nodes.Concat: TEXT,
    nodes.Dict: frozenset({"object"}),
    nodes.Div: frozenset({"number"}),
}


def types(expression: Expression, lookup: Lookup) -> Types:
    """The types that a valid expression can give."""
    tree = expression.single
    return TEXT if tree is None else _types(tree, lookup)


def types_of_schema(schema: Mapping[str, Any]) -> Types:
    """The types that a JSON Schema property allows."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        kinds = [kinds]
    if not isinstance(kinds, list):
        return None
    # In JSON Schema, integers are numbers.
    return frozenset(kinds) | (_INTEGER if "number" in kinds else frozenset())


def compares_number_with_text(expression: Expression, lookup: Lookup) -> bool:
    """Whether an expression compares a number with a text, which are never equal and have no order."""
    whole = nodes.Tuple(list(expression.trees()), "load")  # a tree does not find itself
    return any(_is_number_with_text(node, lookup) for node in whole.find_all(nodes.Compare))


def describe_types(kinds: frozenset[str]) -> str:
    """Types as people read them."""
    shown = kinds - {"integer"} if "number" in kinds else kinds
    return " or ".join(TYPE_NAMES[kind] for kind in sorted(shown))


def _types(node: nodes.Node, lookup: Lookup) -> Types:
    dotted = chain(node)
    if dotted:
        return types_of_schema(lookup(dotted))
    if type(node) in _FIXED:
        return _FIXED[type(node)]
    match node:
        case nodes.Const():
            return _of(node.value)
        case nodes.And() | nodes.Or():
            return _either(node.left, node.right, lookup)
        case nodes.CondExpr():
            return _either(node.expr1, node.expr2, lookup)
        case nodes.Filter(name="default"):
            return _either(node.node, node.args[0] if node.args else None, lookup)
        case nodes.Filter():
            return _FILTERED.get(node.name)
        case nodes.Add():
            return _type_of_sum(_types(node.left, lookup), _types(node.right, lookup))
    return None


def _is_number_with_text(node: nodes.Compare, lookup: Lookup) -> bool:
    sides = [node.expr, *(each.expr for each in node.ops)]
    pairs = [sides[i : i + 2] for i, each in enumerate(node.ops) if each.op not in ("in", "notin")]
    kinds = [sorted("text" if known == TEXT else "number" if known and known <= _NUMBER else "" for known in pair)
             for pair in ([_types(side, lookup) for side in pair] for pair in pairs)]  # fmt: skip
    return ["number", "text"] in kinds


def _type_of_sum(left: Types, right: Types) -> Types:
    for known in (left, right):
        if known is not None and known <= _NUMBER:
            return _NUMBER
        if known is not None and len(known) == 1:
            return known
    return None


def _either(one: nodes.Node | None, other: nodes.Node | None, lookup: Lookup) -> Types:
    if one is None or other is None:
        return None
    first, second = _types(one, lookup), _types(other, lookup)
    return None if first is None or second is None else first | second


def _of(value: object) -> Types:
    if value is None:
        return frozenset({"null"})
    kinds = {bool: BOOLEAN, int: _INTEGER, float: frozenset({"number"}), str: TEXT}
    return kinds.get(type(value))
