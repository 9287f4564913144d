"""Text formats that JSON Schema lacks; each raises ValueError with a message for a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from retake_flow.flow import duration

# Patterns are compiled when first used: most flows need none.
_POST = r"(?ai)https://(?:www\.|mobile\.)?(?:x|twitter)\.com/(\w{1,15}|i/web)/status/([0-9]{1,20})/?(?:[?#].*)?"
_SIZE = r"([0-9]{2,4})x([0-9]{2,4})"
_BITRATE = r"([1-9][0-9]{0,8})([kM]?)"
# The values in the guide's examples: submitting one would submit a placeholder.
_EXAMPLE_NAMES = frozenset({"username", "example", "your_handle", "yourhandle", "user"})
_EXAMPLE_NUMBERS = frozenset({"", "123", "123456789", "1234567890", "1234567890123456789"})


def post(value: object) -> str:
    """The address of a post on X, as written.

    Raises:
        ValueError: It is not the address of a post, or is copied from an example.
    """
    text = value.strip() if isinstance(value, str) else ""
    found = re.fullmatch(_POST, text)
    if found is None:
        raise ValueError("this is not the address of a post on X, such as https://x.com/NAME/status/NUMBER")
    if found[1].lower() in _EXAMPLE_NAMES or found[2].lstrip("0") in _EXAMPLE_NUMBERS:
        raise ValueError("this is the address of an example; open the post itself and copy its address")
    return text


def size(value: object) -> str:
    """A picture size such as `1280x720`, in even numbers, since the encoder halves the colour resolution.

    Raises:
        ValueError: It is not a size, or cannot be encoded.
    """
    found = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
    if found is None or any(int(side) % 2 or not 16 <= int(side) <= 4096 for side in found.groups()):
        raise ValueError("write width x height in even numbers from 16 to 4096, such as 1280x720")
    return found[0]


def bitrate(value: object) -> int:
    """The bits per second of a rate such as `1500k` or `2M`.

    Raises:
        ValueError: It is not a rate, or no video can be sent at it.
    """
    found = re.fullmatch(_BITRATE, value) if isinstance(value, str) else None
    rate = int(found[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[found[2]] if found else 0
    if not 50_000 <= rate <= 100_000_000:
        raise ValueError("write the bit rate as 1500k or 2M; it can be from 50k to 100M")
    return rate


#: The formats, by the value of `format:`.
FORMATS: Final[Mapping[str, Callable[[object], object]]] = {
    "duration": duration.seconds,
    "post": post,
    "size": size,
    "bitrate": bitrate,
}
