"""Side effects: reads from commands and addresses what must not happen twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_STREAM: Final = re.compile(r"\b(?:rtmpt?s?|srt|whip|rist)://", re.IGNORECASE)
#: Programs that send requests, and what makes them send something: a method, or an option that implies one.
_CLIENT: Final = re.compile(r"(?:^|[\s/'\"(])(?:curl|wget|https?|xh)\s")
_SENDS: Final = re.compile(
    r"(?:\b|-X)(?:POST|PATCH)\b|(?<!\S)['\"]?(?:-[a-zA-Z]*[dF](?=\W|$)|--(?:data|json|form|post-))"
)
_GETS: Final = re.compile(r"(?<!\S)(?:-G|--get)\b")
_OURS: Final = re.compile(r"(?:^|[\s/'\"])retake[-_]flow\s")
_STARTS: Final = re.compile(r"(?<!\S)(?:run|say)\b")
_PLATFORM: Final = re.compile(r"^https?://(?:[\w-]+\.)*retake\.tv(?=[:/?#]|$)", re.IGNORECASE)


def of_text(text: str) -> str:
    """What a command does that must not happen twice, as in `may … twice`; "" if nothing is seen."""
    if _STREAM.search(text):
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
    return _PLATFORM.search(url) is not None


def _follows(text: str, program: re.Pattern[str], word: re.Pattern[str]) -> bool:
    found = program.search(text)
    return found is not None and word.search(text, found.end()) is not None


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
