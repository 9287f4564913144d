"""The formats of texts that JSON Schema does not know."""

from __future__ import annotations

import pytest

from retake_flow.flow.formats import FORMATS, bitrate, post, size


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


@pytest.mark.parametrize("text", ["1280x720", "16x16", "720x1280", "4096x2304"])
def test_a_size_is_taken_as_it_is(text: str) -> None:
    """Even numbers can be encoded."""
    assert size(text) == text


@pytest.mark.parametrize(
    "text", ["1281x720", "1280x719", "14x14", "4098x16", "1280X720", "１２８０x720", "", "1280x720\n", 1280]
)
def test_a_size_that_cannot_be_encoded_is_told(text: object) -> None:
    """Odd numbers, too small or too large ones, and what is no size."""
    with pytest.raises(ValueError, match="1280x720"):
        size(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("1500k", 1_500_000), ("2M", 2_000_000), ("800000", 800_000), ("50k", 50_000)]
)
def test_a_bit_rate_is_read(text: str, rate: int) -> None:
    """In bits, thousands and millions of bits a second."""
    assert bitrate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0k", "-1", "1.5M", "2m", "2000K", "2G", "49k", "101M", "1500 k", 1500])
def test_a_bit_rate_that_cannot_be_used_is_told(text: object) -> None:
    """What is no rate, and what no video can be sent with."""
    with pytest.raises(ValueError, match="1500k or 2M"):
        bitrate(text)
