"""Reading what those who answer give back."""

from __future__ import annotations

import pytest

from retake_flow.errors import ResponderFailed
from retake_flow.ports.responders import Answer
from retake_flow.redact import MASK, Secret
from retake_flow.responders import replies


def test_replies_are_texts_in_order() -> None:
    """Other keys beside them mean nothing."""
    assert replies.read(b'{"replies": ["a", "b"], "mood": 3}', "owl", "") == Answer(("a", "b"))
    assert replies.read(b'{"replies": []}', "owl", "") == Answer()


@pytest.mark.parametrize(
    "text", [b"", b"hi", b"[]", b'"x"', b'{"replies": "x"}', b'{"replies": [1]}', b"\xff", b"[" * 50_000, b"9" * 5_000]
)
def test_what_is_none_is_shown(text: bytes) -> None:
    """The message has who it was, the beginning of what came, and the form that was expected."""
    with pytest.raises(ResponderFailed) as raised:
        replies.read(text, "owl", "do better")
    assert raised.value.message.startswith("owl answered ")
    assert raised.value.message.endswith('which is no {"replies": ["…"]}')
    assert len(raised.value.message) < 200
    assert raised.value.hint == "do better"


def test_no_reply_holds_a_secret_of_ours() -> None:
    """Whoever answers may have come to know one; nobody in chat does."""
    Secret("a-key-that-is-ours")
    assert replies.find_answer({"replies": ["it is a-key-that-is-ours"]}) == Answer((f"it is {MASK}",))


def test_half_characters_are_none() -> None:
    """What JSON can write and UTF-8 cannot is said as a question mark."""
    assert replies.read(b'{"replies": ["\\ud800"]}', "owl", "") == Answer(("?",))


def test_an_answer_may_raise_events() -> None:
    """With their data, without secrets, and as a whole or not at all."""
    Secret("a-secret-of-the-brain")
    text = b'{"events": [{"name": "vote", "data": {"by": "a-secret-of-the-brain"}}, {"name": "go"}]}'
    assert replies.read(text, "the brain", "").events == (("vote", {"by": MASK}), ("go", {}))
    for raised in ('["go"]', '[{"name": 1}]', '[{"name": "go", "data": 1}]', '[{"name": "go", "at": 1}]', "{}"):
        with pytest.raises(ResponderFailed):
            replies.read(f'{{"replies": ["a"], "events": {raised}}}'.encode(), "the brain", "")
