"""Answers that came compressed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from bombs import bomb
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.api.transport import CannotUnpack, decompress

MOST = 1 << 20


@pytest.mark.parametrize("encoding", ["", "identity", " , identity"])
def test_what_is_not_packed_stays_as_it_is(encoding: str) -> None:
    """Whatever its bytes look like."""
    assert decompress(b"\x1f\x8b", encoding, MOST) == (b"\x1f\x8b", False)


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(b"# guide"), "gzip"),
        (gzip.compress(b"# guide"), "X-GZIP"),
        (gzip.compress(b"# guide"), "identity, gzip"),
        (zlib.compress(b"# guide"), "deflate"),
    ],
    ids=["gzip", "x-gzip", "identity too", "deflate"],
)
def test_one_layer_is_unpacked(packed: bytes, encoding: str) -> None:
    """Some servers send a file as they keep it, whatever they are asked for."""
    assert decompress(packed, encoding, MOST) == (b"# guide", False)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_an_empty_body_is_not_packed(encoding: str) -> None:
    """A response to HEAD, a redirect or a 204 names the encoding that a body would have."""
    assert decompress(b"", encoding, MOST) == (b"", False)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_unpacking_stops_at_the_limit(encoding: str) -> None:
    """64 MiB in 64 KiB take the room of the limit and no more."""
    packed = bomb(encoding)
    tracemalloc.start()
    try:
        text, longer = decompress(packed, encoding, MOST)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(text), longer) == (MOST, True)
    assert peak < 4 * MOST


def test_exactly_the_limit_is_not_too_long() -> None:
    """One byte more is."""
    assert decompress(gzip.compress(bytes(MOST)), "gzip", MOST) == (bytes(MOST), False)
    assert decompress(gzip.compress(bytes(MOST + 1)), "gzip", MOST) == (bytes(MOST), True)


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(gzip.compress(b"# guide")), "gzip, gzip"),
        (gzip.compress(gzip.compress(b"# guide")), "gzip,gzip,gzip"),
        (b"\x0b\x02\x80hello\x03", "br"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (gzip.compress(b"# guide"), "compress"),
        (gzip.compress(b"# guide"), "gzip, br"),
        (b"no gzip", "gzip"),
        (gzip.compress(b"# guide" * 99)[:-9], "gzip"),
    ],
    ids=["twice", "thrice", "brotli", "zstd", "compress", "gzip in brotli", "no gzip", "half"],
)
def test_whatever_else_is_not_unpacked(packed: bytes, encoding: str) -> None:
    """Packed twice, in another way, in none, or broken off: it is told, and nothing of it is unpacked."""
    with pytest.raises(CannotUnpack):
        decompress(packed, encoding, MOST)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "gzip, gzip", "br", "\x00", ",", "gzip;q=1"]))
def test_any_bytes_are_unpacked_or_told(body: bytes, encoding: str) -> None:
    """Nothing else comes of them."""
    with suppress(CannotUnpack):
        text, _ = decompress(body, encoding, 100)
        assert len(text) <= 100 or text == body
