"""Side effects: reads from commands and addresses what must not happen twice."""

from __future__ import annotations

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
