"""The names of faults in scenarios."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.faults import PAGE_KINDS, Fault

ELSEWHERE: Final = "https://elsewhere.example/api/v1"

_HTML: Final = "<html><head><title>Oops</title></head><body><h1>Come back later</h1></body></html>"
_WORDS: Final[Mapping[str, Callable[..., Mapping[str, Any]]]] = {
    r"status ([0-9]{1,3})": lambda status: {"status": int(status), "body": {"error": "it was told to fail"}},
    r"status ([0-9]{1,3}) with Retry-After ([0-9]{1,6})": lambda status, wait: {
        "status": int(status),
        "headers": {"Retry-After": wait},
    },
    rf"an? ({'|'.join(PAGE_KINDS)}) page": lambda page: {"page": page},
    r"an? (empty|truncated) answer": lambda page: {"page": page},
    r"a forgotten message": lambda: {"status": 400, "body": {"error": "No verification message found"}},
    r"an HTML page": lambda: {"body": _HTML},
    r"an HTML page of status ([0-9]{1,3})": lambda status: {"status": int(status), "body": _HTML},
    r"a delay of ([0-9]{1,6}) s": lambda seconds: {"delay": float(seconds)},
    r"a dropped connection": lambda: {"drop": True},
    r"a dropped connection after its work was done": lambda: {"drop": True, "effect": True},
    r"a redirect to another host": lambda: {"redirect": ELSEWHERE},
}


def fault(call: str, words: str, *, times: int | None = 1, after: int = 0) -> Fault:
    """The fault for the words of a scenario.

    Args:
        call: Method and path, such as `POST /agent/rtmp`.
        words: Such as "status 503" or "a dropped connection".
        times: How many calls meet it; None for all.
        after: How many calls succeed first.

    Raises:
        UsageError: There is no such fault.
    """
    for pattern, fields in _WORDS.items():
        match = re.fullmatch(pattern, words)
        if match is not None:
            return Fault(call, times=times, after=after, **fields(*match.groups()))
    known = ", ".join(re.sub(r"\(\[0-9].*?\)", "N", pattern) for pattern in _WORDS)
    raise UsageError(f"there is no fault called {words!r}", hint=f"there are: {known}")
