"""Function effects: reads from the source of a function what it does that must not happen twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from retake_flow.flow import side_effects

_METHODS: Final = ("post", "patch")


def effect_of(module: ast.Module, function: ast.AST) -> str:
    """The effect of a function, or of what it uses of its module, that must not be repeated; "" if none is seen."""
    for part in _reached(module, function):
        nodes = list(ast.walk(part))
        words = {each.value for each in nodes if isinstance(each, ast.Expr)}  # docstrings among them
        for node in nodes:
            if (node not in words or isinstance(node, ast.Call)) and (effect := _of_node(node)):
                return effect
    return ""


def _reached(module: ast.Module, function: ast.AST) -> Iterator[ast.AST]:
    """A function, and the definitions of its module that it uses, directly or through others."""
    defined: dict[str, ast.AST] = {}
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        defined |= dict.fromkeys([*names, getattr(node, "name", "")], node)
    waiting, seen = [function], {function}
    while waiting:
        part = waiting.pop()
        yield part
        used = {defined.get(node.id) for node in ast.walk(part) if isinstance(node, ast.Name)}
        new = [other for other in used if other is not None and other not in seen]
        seen.update(new)
        waiting += new


def _of_node(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return side_effects.of_text(text)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return side_effects.of_text(" ".join(map(_text, parts)))
        case ast.Call(func=ast.Attribute(attr=name)) if name in _METHODS:
            return "send this"
        case ast.Call(args=args, keywords=given):
            methods = [*args[:1], *(each.value for each in given if each.arg == "method")]
            return "send this" if {_text(each).lower() for each in methods} & set(_METHODS) else ""
    return ""


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""
