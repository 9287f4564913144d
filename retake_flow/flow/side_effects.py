"""Side effects: reads from commands, addresses and the source of functions what must not happen twice."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

# Compiled at their first use, which few flows come to.
_STREAM: Final = r"(?i)\b(?:rtmpt?s?|srt|whip|rist)://"
#: Programs that send requests, and what makes them send something: a method, or an option that implies one.
_CLIENT: Final = r"(?:^|[\s/'\"(])(?:curl|wget|https?|xh)\s"
_SENDS: Final = r"(?:\b|-X)(?:POST|PATCH)\b|(?<!\S)['\"]?(?:-[a-zA-Z]*[dF](?=\W|$)|--(?:data|json|form|post-))"
_GETS: Final = r"(?<!\S)(?:-G|--get)\b"
_OURS: Final = r"(?:^|[\s/'\"])retake[-_]flow\s"
_STARTS: Final = r"(?<!\S)(?:run|say)\b"
_PLATFORM: Final = r"(?i)^https?://(?:[\w-]+\.)*retake\.tv(?=[:/?#]|$)"


def of_text(text: str) -> str:
    """The effect of a command that must not be repeated, as in `may … twice`; "" if none is seen."""
    if re.search(_STREAM, text):
        return "start this stream"
    if _follows(text, _OURS, _STARTS):
        return "go live or write in chat"
    if _follows(text, _CLIENT, _SENDS) and not _follows(text, _CLIENT, _GETS):
        return "send this"
    return ""


def of_inputs(*values: Any) -> str:
    """The same of a command with its inputs, as far as they are written out."""
    return of_text(" ".join(_texts(values)))


def is_platform(url: str) -> bool:
    """Whether an address is the platform's, which knows no Idempotency-Key."""
    return re.search(_PLATFORM, url) is not None


def _follows(text: str, program: str, word: str) -> bool:
    found = re.search(program, text)
    return found is not None and re.compile(word).search(text, found.end()) is not None


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value; of a template, its text."""
    value = getattr(value, "text", value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)


_METHODS: Final = ("post", "patch")


def effect_of(module: ast.Module, function: ast.AST) -> str:
    """The effect of a function, or of what it uses of its module, that must not be repeated; "" if none is seen."""
    for part in _definitions_used(module, function):
        nodes = list(ast.walk(part))
        words = {each.value for each in nodes if isinstance(each, ast.Expr)}  # docstrings among them
        for node in nodes:
            if (node not in words or isinstance(node, ast.Call)) and (effect := _of_node(node)):
                return effect
    return ""


def _definitions_used(module: ast.Module, function: ast.AST) -> Iterator[ast.AST]:
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
            return of_text(text)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return of_text(" ".join(map(_text, parts)))
        case ast.Call(func=ast.Attribute(attr=name)) if name in _METHODS:
            return "send this"
        case ast.Call(args=args, keywords=given):
            methods = [*args[:1], *(each.value for each in given if each.arg == "method")]
            return "send this" if {_text(each).lower() for each in methods} & set(_METHODS) else ""
    return ""


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""
