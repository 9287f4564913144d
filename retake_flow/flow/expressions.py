"""Jinja2 expressions, restricted so that none can hang, exhaust or reach into the program.

Two fences: an allowlist over Jinja2's own syntax tree before an expression is ever compiled, and a sandboxed
environment in which names are looked up in mappings only, products are of numbers only and results are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from retake_flow.errors import ExpressionError
from retake_flow.flow.problems import Position, did_you_mean

LONGEST_EXPRESSION = 2_000
LARGEST_RESULT = 65_536
_DEEPEST = 40

#: The names an expression may begin with.
ROOTS = ("inputs", "outputs", "vars", "visits", "activities", "result", "event", "run")

FILTERS = ("abs", "default", "first", "float", "int", "join", "last", "length", "lower", "max", "min", "round",
           "string", "sum", "title", "tojson", "trim", "truncate", "unique", "upper")  # fmt: skip
TESTS = ("defined", "undefined", "none", "string", "number", "boolean", "true", "false", "mapping", "sequence", "in")

_NODES = (
    nodes.Name, nodes.Const, nodes.TemplateData, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub,
    nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat, nodes.CondExpr, nodes.List, nodes.Tuple,
    nodes.Dict, nodes.Pair,
    nodes.Keyword,
)  # fmt: skip


class _Environment(ImmutableSandboxedEnvironment):
    """Looks names up in mappings and lists only, so that no object's attribute or method is ever reached."""

    intercepted_binops = frozenset(["+", "*", "%", "//", "/"])

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=str(argument))
        if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            try:
                return obj[argument]
            except IndexError:
                return self.undefined(obj=obj, name=str(argument))
        return self.undefined(obj=obj, name=str(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _bounded(left + right)
        if operator == "+" and isinstance(left, list) and isinstance(right, list):
            return _bounded(left + right)
        if not (_is_number(left) and _is_number(right)):
            raise ExpressionError(f"{operator} works on numbers, not on {_kind(left)} and {_kind(right)}")
        if max(abs(left), abs(right)) > 1e18:
            raise ExpressionError("a number grows past what a flow can need")
        return super().call_binop(context, operator, left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    return {str: "a text", bool: "a truth value", type(None): "nothing"}.get(type(value), f"a {type(value).__name__}")


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list) and len(value) > LARGEST_RESULT:
        raise ExpressionError(f"the result is longer than {LARGEST_RESULT}")
    return value


def _join(values: Any, separator: str = "") -> str:
    # Jinja2's own join takes texts too, and joining a text with itself grows without end.
    if not isinstance(values, list | tuple):
        raise ExpressionError(f"join works on a list, not on {_kind(values)}")
    if len(separator) * len(values) > LARGEST_RESULT:
        raise ExpressionError(f"the result is longer than {LARGEST_RESULT}")
    return str(_bounded(separator.join(map(str, values))))


def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False, cache_size=0)
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.filters["join"] = _join
    environment.tests = {name: environment.tests[name] for name in TESTS}
    environment.globals.clear()
    return environment


_env = _environment()


class Expression:
    """A bare expression, as in `when:` and `until:`.

    Attributes:
        text: What is written in the flow.
        position: Where.
    """

    __slots__ = ("_compiled", "_names", "position", "text")

    def __init__(self, text: str, position: Position) -> None:
        self.text = text
        self.position = position
        self._compiled: Any = None
        self._names: frozenset[tuple[str, ...]] | None = None

    def names(self) -> frozenset[tuple[str, ...]]:
        """Every dotted name used, as tuples: `outputs.stream_key.url` is `("outputs", "stream_key", "url")`.

        Raises:
            ExpressionError: The text is not an expression, or holds what is not allowed.
        """
        if self._names is None:
            if "{{" in self.text or "{%" in self.text:
                raise ExpressionError("a condition is a bare expression, without {{ }}")
            self._names = _inspect("{{ " + self.text + " }}", self.text)
        return self._names

    def value(self, names: Mapping[str, Any]) -> Any:
        """Evaluate with these names.

        Raises:
            ExpressionError: It cannot be evaluated, for example since a name is not there yet.
        """
        if self._compiled is None:
            self.names()
            self._compiled = _env.compile_expression(self.text, undefined_to_none=False)
        return _guarded(lambda: self._compiled(names), self.text)

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Evaluate a condition, which must give true or false.

        Raises:
            ExpressionError: It gives something else, or cannot be evaluated.
        """
        answer = self.value(names)
        if not isinstance(answer, bool):
            raise ExpressionError(f"the condition `{self.text}` gave {answer!r}, which is neither true nor false")
        return answer

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class Template(Expression):
    """A text with `{{ … }}` in it; one that is exactly one `{{ … }}` keeps the type of its value."""

    __slots__ = ()

    def names(self) -> frozenset[tuple[str, ...]]:
        """As `Expression.names`, over all `{{ … }}` of the text."""
        if self._names is None:
            self._names = _inspect(self.text, self.text)
        return self._names

    def value(self, names: Mapping[str, Any]) -> Any:
        """Fill in the text, or give the value of its only expression with its type."""
        if self._compiled is None:
            self.names()
            inner = _only_expression(self.text)
            if inner is not None:
                self._compiled = _env.compile_expression(inner, undefined_to_none=False)
            else:
                self._compiled = _env.from_string(self.text).render
        return _guarded(lambda: self._compiled(names), self.text)


def is_template(text: str) -> bool:
    """Whether a text of the flow has expressions in it."""
    return "{{" in text or "{%" in text or "{#" in text


def render(value: Any, names: Mapping[str, Any]) -> Any:
    """Fill in every template within plain data; what came out of one is data and is not looked at again."""
    if isinstance(value, Expression):
        return value.value(names)
    if isinstance(value, Mapping):
        return {key: render(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, names) for item in value]
    return value


def templates(value: Any) -> Iterator[Expression]:
    """Every expression within plain data."""
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from templates(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from templates(item)


def _guarded(call: Any, text: str) -> Any:
    try:
        value = call()
        if isinstance(value, StrictUndefined):
            value._fail_with_undefined_error()
        return _bounded(value)
    except UndefinedError as error:
        raise ExpressionError(f"`{text}`: {_missing(str(error.message))}") from None
    except ExpressionError:
        raise
    except (TemplateError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise ExpressionError(f"`{text}` cannot be evaluated: {error}") from None


def _missing(said: str) -> str:
    name = said.split("'")
    return f"there is no {name[-2]!r} here (yet)" if len(name) > 2 else said


def _inspect(template: str, shown: str) -> frozenset[tuple[str, ...]]:
    """Hold a template against the allowlist and give the names it uses."""
    if len(shown) > LONGEST_EXPRESSION:
        raise ExpressionError(f"an expression is at most {LONGEST_EXPRESSION} characters long")
    try:
        tree = _env.parse(template)
    except TemplateSyntaxError as error:
        raise ExpressionError(f"`{shown}` is not an expression: {error.message}") from None
    except (RecursionError, ValueError, MemoryError):
        raise ExpressionError("the expression nests too deep or holds too large a number") from None
    found: set[tuple[str, ...]] = set()
    for child in tree.body:
        if not isinstance(child, nodes.Output):
            raise ExpressionError(f"`{shown}`: only {{{{ … }}}} is allowed, no statements")
        for node in child.nodes:
            _walk(node, found, 0)
    return frozenset(found)


def _walk(node: nodes.Node, found: set[tuple[str, ...]], depth: int) -> None:
    if depth > _DEEPEST:
        raise ExpressionError("the expression nests too deep")
    if not isinstance(node, _NODES):
        raise ExpressionError(f"{_NAMES_OF_NODES.get(type(node).__name__, type(node).__name__)} is not allowed here")
    _refuse(node)
    chain = _chain(node)
    if chain:
        found.add(chain)
        if chain[0] not in ROOTS:
            raise ExpressionError(f"unknown name {chain[0]!r}", hint=did_you_mean(chain[0], ROOTS))
    for child in node.iter_child_nodes():
        if not (chain and isinstance(child, nodes.Name | nodes.Getattr)):
            _walk(child, found, depth + 1)


_NAMES_OF_NODES = {"Call": "calling something", "Pow": "a power"}


def _refuse(node: nodes.Node) -> None:
    """Refuse single nodes of an allowed type."""
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise ExpressionError(f"unknown filter {node.name!r}", hint=did_you_mean(node.name, FILTERS))
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise ExpressionError(f"unknown test {node.name!r}", hint=did_you_mean(node.name, TESTS))
    if isinstance(node, nodes.Mul | nodes.Mod):
        for side in (node.left, node.right):
            if isinstance(side, nodes.List | nodes.Tuple) or _is_text(side):
                raise ExpressionError("a text or a list cannot be multiplied")
    private = [*_chain(node), node.attr] if isinstance(node, nodes.Getattr) else []
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        private = [str(node.arg.value)]
    for name in private:
        if name.startswith("_"):
            raise ExpressionError(f"the private name {name!r} is not allowed")


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


def _chain(node: nodes.Node) -> tuple[str, ...]:
    """The dotted name that a node is, or nothing."""
    names: list[str] = []
    while isinstance(node, nodes.Getattr):
        names.append(node.attr)
        node = node.node
    return (node.name, *reversed(names)) if isinstance(node, nodes.Name) else ()


def _only_expression(text: str) -> str | None:
    stripped = text.strip()
    if not (stripped.startswith("{{") and stripped.endswith("}}")):
        return None
    parts = [part for output in _env.parse(stripped).find_all(nodes.Output) for part in output.nodes]
    if len(parts) != 1 or isinstance(parts[0], nodes.TemplateData):
        return None
    # `{{-` and `-}}` trim white space around them in Jinja2; with nothing around they mean nothing.
    return re.sub(r"^\{\{[-+]?|[-+]?\}\}$", "", stripped).strip()
