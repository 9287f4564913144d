"""Formats of texts that JSON Schema does not know: each raises ValueError with words for a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from retake_flow.flow import duration

_POST = re.compile(
    r"https://(?:www\.|mobile\.)?(?:x|twitter)\.com/(\w{1,15}|i/web)/status/([0-9]{1,20})/?(?:[?#].*)?",
    re.ASCII | re.IGNORECASE,
)
# What stands in the guide's examples: handing it in would be a placeholder.
_EXAMPLE_NAMES = frozenset({"username", "example", "your_handle", "yourhandle", "user"})
_EXAMPLE_NUMBERS = frozenset({"", "123", "123456789", "1234567890", "1234567890123456789"})


def post(value: object) -> str:
    """The address of a post on X, as it was written.

    Raises:
        ValueError: It is not that of a post, or is copied from an example.
    """
    text = value.strip() if isinstance(value, str) else ""
    found = _POST.fullmatch(text)
    if found is None:
        raise ValueError("this is not the address of a post on X, such as https://x.com/NAME/status/NUMBER")
    if found[1].lower() in _EXAMPLE_NAMES or found[2].lstrip("0") in _EXAMPLE_NUMBERS:
        raise ValueError("this is the address of an example; open the post itself and copy its address")
    return text


#: By the word that stands behind `format:`.
FORMATS: Final[Mapping[str, Callable[[object], object]]] = {"duration": duration.seconds, "post": post}
