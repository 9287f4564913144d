"""Jinja2 expressions, restricted so that none can hang the program, exhaust it or reach into it.

There are two safeguards: an allowlist on Jinja2's syntax tree (`ast_allowlist`), and a sandbox that evaluates the tree
step by step and limits each step (`sandbox`). Nothing is compiled, so nothing is computed before its limits are known.
Both are imported with the first expression that is parsed: Jinja2 takes longer to import than a whole flow to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retake_flow.errors import ExpressionError
from retake_flow.flow.diagnostics import Position

if TYPE_CHECKING:
    from jinja2 import nodes

    from retake_flow.flow.expressions.ast_allowlist import Names, Trees

_LONGEST_SHOWN = 100  # characters of a condition's value that is not true or false
_PLAIN = (str, int, float, type(None))
_LISTS = (list, tuple)
_MAPPINGS = (dict, Mapping)  # nearly all are dicts, for which the check is much faster


class Expression:
    """A bare expression, as in `when:` and `until:`."""

    __slots__ = ("_names", "_trees", "position", "text")

    def __init__(self, text: str, position: Position) -> None:
        self.text = text
        self.position = position
        self._names: Names | None = None
        self._trees: Trees | None = None

    @property
    def single(self) -> nodes.Node | None:
        """The tree of a single expression, whose value keeps its type; None if the values are put into a text.

        Raises:
            ExpressionError: The text is not an expression.
        """
        return self.trees()[0]

    def trees(self) -> Trees:
        """The Jinja2 syntax trees of its parts.

        Raises:
            ExpressionError: The text is not an expression.
        """
        if self._trees is None:
            self._trees = self._parse()
        return self._trees

    def names(self) -> Names:
        """Every dotted name used, as tuples: `outputs.stream_key.url` is `("outputs", "stream_key", "url")`.

        Raises:
            ExpressionError: The text is not an expression, or contains something that is not allowed.
        """
        if self._names is None:
            from retake_flow.flow.expressions import ast_allowlist

            self._names = ast_allowlist.names(self.trees())
        return self._names

    def value(self, names: Mapping[str, Any]) -> Any:
        """Evaluate with these names.

        Raises:
            ExpressionError: It cannot be evaluated, for example because a name does not exist yet.
        """
        from jinja2 import UndefinedError

        try:
            self.names()
            return self._evaluate(names)
        except UndefinedError as error:
            raise ExpressionError(f"`{self.text}`: {_missing(str(error.message))}") from None
        except ExpressionError:
            raise
        except RecursionError:
            raise ExpressionError(f"`{self.text}` cannot be evaluated: its data nests too deep") from None
        except Exception as error:  # Jinja2's filters use assert, and any may hit Python's limits
            raise ExpressionError(f"`{self.text}` cannot be evaluated: {error}") from None

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Evaluate a condition, which must give true or false.

        Raises:
            ExpressionError: It gives another value, or cannot be evaluated.
        """
        answer = self.value(names)
        if not isinstance(answer, bool):
            given = repr(answer)[:_LONGEST_SHOWN]
            raise ExpressionError(f"the condition `{self.text}` gave {given}, which is neither true nor false")
        return answer

    def _parse(self) -> Trees:
        from retake_flow.flow.expressions import ast_allowlist

        return ast_allowlist.condition(self.text)

    def _evaluate(self, names: Mapping[str, Any]) -> Any:
        from retake_flow.flow.expressions.sandbox import evaluate, fill

        tree = self.single
        return fill(self.trees(), names) if tree is None else evaluate(tree, names)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class Template(Expression):
    """A text with `{{ … }}` in it; if it is exactly one `{{ … }}`, the value keeps its type."""

    __slots__ = ()

    @property
    def single(self) -> nodes.Node | None:
        """The tree of the only `{{ … }}`; None if there is more."""
        stripped = self.text.strip()
        if not (stripped.startswith("{{") and stripped.endswith("}}")):
            return None
        from retake_flow.flow.expressions import ast_allowlist

        return ast_allowlist.only(self.trees())

    def _parse(self) -> Trees:
        from retake_flow.flow.expressions import ast_allowlist

        return ast_allowlist.template(self.text)


def is_template(text: str) -> bool:
    """Whether a text of the flow contains expressions."""
    return "{{" in text or "{%" in text or "{#" in text


def render(value: Any, names: Mapping[str, Any]) -> Any:
    """Fill in every template in plain data. A result is data and is never parsed again."""
    if isinstance(value, Expression):
        return value.value(names)
    if isinstance(value, Mapping):
        return {key: render(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, names) for item in value]
    return value


def templates(value: Any) -> list[Expression]:
    """Every expression in plain data."""
    found: list[Expression] = []
    if value:
        _find(value, found)
    return found


def _find(value: Any, found: list[Expression]) -> None:
    if isinstance(value, _PLAIN):
        return
    if isinstance(value, Expression):
        found.append(value)
    elif isinstance(value, _LISTS):
        for item in value:
            _find(item, found)
    elif isinstance(value, _MAPPINGS):
        for item in value.values():
            _find(item, found)


def _missing(said: str) -> str:
    name = said.split("'")
    return f"there is no {name[-2]!r} here (yet)" if len(name) > 2 else said
