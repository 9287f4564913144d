"""Sandbox: evaluates expressions step by step, with limits on the total work and the size of each result."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from jinja2 import Undefined, nodes

from retake_flow.errors import ExpressionError
from retake_flow.flow.expressions.filters import (
    ENVIRONMENT,
    GLANCERS,
    GREATEST,
    LARGEST_RESULT,
    READERS,
    TESTS,
    is_number,
    kind,
    require_short,
    text,
    too_long,
)

#: The most work in one evaluation: characters read, and values, each of which counts as several.
_MOST_WORK = 200_000
_VALUE = 8
_DEEPEST_RESULT = 50

_ARITHMETIC: Final[Mapping[type[nodes.Node], tuple[str, Callable[[Any, Any], Any]]]] = {
    nodes.Add: ("+", operator.add),
    nodes.Sub: ("-", operator.sub),
    nodes.Mul: ("*", operator.mul),
    nodes.Div: ("/", operator.truediv),
    nodes.FloorDiv: ("//", operator.floordiv),
    nodes.Mod: ("%", operator.mod),
}
#: By their names in Jinja2's syntax tree.
COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda item, held: item in held,
    "notin": lambda item, held: item not in held,
}


def evaluate(tree: nodes.Node, names: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Raises:
        ExpressionError: It takes more work than allowed, or its value is too large.
        UndefinedError: A name does not exist.
    """
    evaluation = _Evaluation(names)
    try:
        return require_plain(evaluation.value(tree))
    finally:
        evaluation.settle()


def fill(trees: Sequence[nodes.Node], names: Mapping[str, Any]) -> str:
    """The text that results from templates and the texts between them."""
    evaluation = _Evaluation(names)
    try:
        return str(require_short("".join(evaluation.texts(trees))))
    finally:
        evaluation.settle()


def work_done() -> int:
    """The total work of all evaluations in this process, in the units of the limit."""
    return _Evaluation.all_work


class _Evaluation:
    """One evaluation, which stops when it takes too much work."""

    __slots__ = ("_left", "_names")
    all_work: ClassVar[int] = 0

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._left = _MOST_WORK

    def settle(self) -> None:
        """Add its work to the total."""
        _Evaluation.all_work += _MOST_WORK - self._left

    def value(self, node: nodes.Node) -> Any:
        """The value of a part of the expression; `Undefined` if it does not exist."""
        step = _STEPS.get(type(node))
        if step is None:
            raise ExpressionError(f"{type(node).__name__} is not allowed here")
        self._left -= _VALUE
        return step(self, node)

    def texts(self, trees: Sequence[nodes.Node]) -> list[str]:
        """The values of parts, each as a text."""
        made = []
        for tree in trees:
            value = self.value(tree)
            self._read(value)
            made.append(text(value))
            self._spend(len(made[-1]))
        return made

    # --- work -----------------------------------------------------------------------------------------------

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise ExpressionError("the expression processes too much data: give it less")

    def _read(self, value: Any) -> None:
        """Count the work of reading a whole value; content held twice counts twice."""
        pending = [value]
        while pending:
            item = pending.pop()
            inside: Sequence[Any] = ()
            if isinstance(item, Mapping):
                inside = [*item.keys(), *item.values()]
            elif isinstance(item, list | tuple):
                inside = item
            self._spend(len(item) if isinstance(item, str) else _VALUE * len(inside))
            pending.extend(inside)

    # --- steps ----------------------------------------------------------------------------------------------

    def _name(self, node: nodes.Name) -> Any:
        return self._names[node.name] if node.name in self._names else ENVIRONMENT.undefined(name=node.name)

    def _constant(self, node: nodes.Const) -> Any:
        return node.value

    def _data(self, node: nodes.TemplateData) -> str:
        return node.data

    def _attribute(self, node: nodes.Getattr) -> Any:
        return ENVIRONMENT.getattr(self.value(node.node), node.attr)

    def _item(self, node: nodes.Getitem) -> Any:
        found = ENVIRONMENT.getitem(self.value(node.node), self.value(node.arg))
        if isinstance(node.arg, nodes.Slice) and not isinstance(found, Undefined):
            self._spend(len(found))
        return found

    def _slice(self, node: nodes.Slice) -> slice:
        return slice(*(None if part is None else self.value(part) for part in (node.start, node.stop, node.step)))

    def _filter(self, node: nodes.Filter) -> Any:
        if node.node is None:
            raise ExpressionError("a filter needs a value before it")
        value, args, options = self.value(node.node), *self._arguments(node)
        if node.name in GLANCERS:
            return GLANCERS[node.name](value, *args, **options)
        self._read([value, args, options])
        made = READERS[node.name](value, *args, **options)
        if isinstance(made, str):
            self._spend(len(made))
        return made

    def _test(self, node: nodes.Test) -> bool:
        value, args, options = self.value(node.node), *self._arguments(node)
        if node.name == "in":
            self._read(args)
        return bool(TESTS[node.name](value, *args, **options))

    def _arguments(self, node: nodes.Filter | nodes.Test) -> tuple[list[Any], dict[str, Any]]:
        return [self.value(arg) for arg in node.args], {str(pair.key): self.value(pair.value) for pair in node.kwargs}

    def _call(self, node: nodes.Call) -> Any:
        return self._existing_value(node.node)(*(self.value(arg) for arg in node.args))

    def _existing_value(self, node: nodes.Node) -> Any:
        value = self.value(node)
        if isinstance(value, Undefined):
            value._fail_with_undefined_error()
        return value

    def _compare(self, node: nodes.Compare) -> Any:
        left, answer = self._existing_value(node.expr), None
        for each in node.ops:
            right = self._existing_value(each.expr)
            self._count_comparison(each.op, left, right)
            answer = COMPARISONS[each.op](left, right)
            if not answer:
                return answer
            left = right
        return answer

    def _count_comparison(self, op: str, left: Any, right: Any) -> None:
        """Count the work of a comparison; a look-up in a mapping and a comparison with a scalar cost almost nothing."""
        if op in ("in", "notin"):
            self._read(None if isinstance(right, Mapping) else right)
        elif isinstance(left, _HOLDERS) and isinstance(right, _HOLDERS):
            self._read(left)

    def _and(self, node: nodes.And) -> Any:
        left = self.value(node.left)
        return self.value(node.right) if self._holds(left) else left

    def _or(self, node: nodes.Or) -> Any:
        left = self.value(node.left)
        return left if self._holds(left) else self.value(node.right)

    def _not(self, node: nodes.Not) -> bool:
        return not self._holds(self.value(node.node))

    def _choice(self, node: nodes.CondExpr) -> Any:
        if self._holds(self.value(node.test)):
            return self.value(node.expr1)
        if node.expr2 is None:
            return ENVIRONMENT.undefined("the inline `if` did not hold, and has no `else`")
        return self.value(node.expr2)

    def _holds(self, value: Any) -> bool:
        if isinstance(value, Mapping):
            self._spend(len(value))
        return bool(value)

    def _arithmetic(self, node: nodes.BinExpr) -> Any:
        sign, compute = _ARITHMETIC[type(node)]
        left, right = self._existing_value(node.left), self._existing_value(node.right)
        if sign == "+" and type(left) is type(right) and isinstance(left, str | list):
            self._spend(len(left) + len(right))
            return require_short(left + right)
        if not (is_number(left) and is_number(right)):
            raise ExpressionError(f"{sign} works on numbers, not on {kind(left)} and {kind(right)}")
        if not (abs(left) <= GREATEST and abs(right) <= GREATEST):
            raise ExpressionError("the number is too large")
        return compute(left, right)

    def _sign(self, node: nodes.Neg | nodes.Pos) -> Any:
        value = self._existing_value(node.node)
        if not is_number(value):
            raise ExpressionError(f"a sign stands before a number, not before {kind(value)}")
        return -value if isinstance(node, nodes.Neg) else value

    def _concatenation(self, node: nodes.Concat) -> str:
        return str(require_short("".join(self.texts(node.nodes))))

    def _list(self, node: nodes.List) -> list[Any]:
        return [self._existing_value(item) for item in node.items]

    def _tuple(self, node: nodes.Tuple) -> tuple[Any, ...]:
        return tuple(self._existing_value(item) for item in node.items)

    def _mapping(self, node: nodes.Dict) -> dict[Any, Any]:
        return {self._existing_value(pair.key): self._existing_value(pair.value) for pair in node.items}


_HOLDERS = (Mapping, list, tuple)
_STEPS: Final[Mapping[type[nodes.Node], Callable[[_Evaluation, Any], Any]]] = {
    **dict.fromkeys(_ARITHMETIC, _Evaluation._arithmetic),
    **dict.fromkeys((nodes.Neg, nodes.Pos), _Evaluation._sign),
    nodes.And: _Evaluation._and,
    nodes.Call: _Evaluation._call,
    nodes.Compare: _Evaluation._compare,
    nodes.Concat: _Evaluation._concatenation,
    nodes.CondExpr: _Evaluation._choice,
    nodes.Const: _Evaluation._constant,
    nodes.Dict: _Evaluation._mapping,
    nodes.Filter: _Evaluation._filter,
    nodes.Getattr: _Evaluation._attribute,
    nodes.Getitem: _Evaluation._item,
    nodes.List: _Evaluation._list,
    nodes.Name: _Evaluation._name,
    nodes.Not: _Evaluation._not,
    nodes.Or: _Evaluation._or,
    nodes.Slice: _Evaluation._slice,
    nodes.TemplateData: _Evaluation._data,
    nodes.Test: _Evaluation._test,
    nodes.Tuple: _Evaluation._tuple,
}


def require_plain(value: Any) -> Any:
    """Require that a value is plain data of a reasonable size.

    All of it is read: a list that holds another one twice, at each level, would be short but huge.

    Raises:
        ExpressionError: It is too large, nests too deep, or holds an infinite number.
        UndefinedError: A part of it does not exist.
    """
    left = LARGEST_RESULT
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        inside: list[Any] = []
        if isinstance(item, Undefined):
            item._fail_with_undefined_error()
        elif isinstance(item, float) and not math.isfinite(item):
            raise ExpressionError("the number is too large")
        elif isinstance(item, Mapping):
            inside = [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            inside = list(item)
        left -= 1 + (len(item) if isinstance(item, str) else len(inside))
        if left < 0 or depth > _DEEPEST_RESULT:
            raise too_long() if left < 0 else ExpressionError("the result nests too deep")
        pending.extend((part, depth + 1) for part in inside)
    return value
