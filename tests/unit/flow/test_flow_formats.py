"""The formats of texts that JSON Schema does not know."""

from __future__ import annotations

import pytest

from retake_flow.flow.formats import FORMATS, post


@pytest.mark.parametrize(
    "url",
    [
        "https://x.com/owl_7/status/1890000000000000000",
        "https://twitter.com/owl/status/20?s=20#m",
        "HTTPS://Mobile.X.com/owl/status/20/",
        "https://x.com/i/web/status/20",
    ],
)
def test_a_post_is_known_by_its_address(url: str) -> None:
    """Every way in which X writes the address of a post is one, and is kept as it was written."""
    assert post(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        "https://x.com/username/status/1890000000000000000",
        "https://x.com/UserName/status/1890000000000000000",
        "https://x.com/your_handle/status/1890000000000000000",
        "https://x.com/owl/status/123",
        "https://twitter.com/owl/status/1234567890",
        "https://x.com/owl/status/000",
        "https://x.com/owl/status/0123",
    ],
)
def test_an_example_is_no_post(url: str) -> None:
    """An address with the name or the number of an example is told from a real one, in words for a person."""
    with pytest.raises(ValueError, match="an example"):
        post(url)


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "https://x.com/owl",
        "http://x.com/owl/status/20",
        "https://x.com.evil.example/owl/status/20",
        "https://evil.example/x.com/owl/status/20",
        "https://x.com@evil.example/owl/status/20",
        "https://x.com/owl/status/20 or later",
        "https://x.com/owl/status/٢٠",
        "https://x.com/owl/status/20?a\nb",
        "https://x.com/NAME/status/NUMBER",
    ],
)
def test_what_is_no_post_is_told(value: object) -> None:
    """Anything else, and any other host, is refused with an example of how it should look."""
    with pytest.raises(ValueError, match="not the address of a post"):
        post(value)


def test_formats_are_found_by_their_word() -> None:
    """What a schema calls `post` and `duration` is what is checked."""
    assert FORMATS["post"]("https://x.com/owl/status/20") == "https://x.com/owl/status/20"
    assert FORMATS["duration"]("2h") == 7200
