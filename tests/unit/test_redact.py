"""Secrets stay out of whatever anybody may read."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.redact import MASK, Secret, scrub


def test_a_secret_never_shows_itself() -> None:
    """However a secret is printed, formatted, joined or put in a container, its text does not appear."""
    secret = Secret("correct-horse-battery")
    held = {"key": secret, "more": [(secret,)]}
    shown = f"{secret} {secret!r} {secret!s:>10} {held} {held!r}" + " ".join([str(secret)]) + format(secret)
    assert "correct-horse" not in shown
    assert MASK in shown


def test_a_secret_leaves_by_reveal_alone() -> None:
    """The text is given out by one method, and by no attribute, copy or pickle."""
    secret = Secret("correct-horse-battery")
    assert secret.reveal() == "correct-horse-battery"
    assert not hasattr(secret, "__dict__")
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a secret is not pickled"):
            leak(secret)


def test_secrets_are_compared_by_what_they_hold() -> None:
    """Two secrets of one text are equal; a secret is never equal to a text, and an empty one is false."""
    assert Secret("same-text") == Secret("same-text")
    assert len({Secret("same-text"), Secret("same-text"), Secret("other-text")}) == 2
    assert Secret("same-text") != "same-text"
    assert not Secret("")


def test_what_was_ever_secret_is_scrubbed_from_texts() -> None:
    """A text from elsewhere that repeats a wrapped value loses it, the longer of two values first."""
    Secret("hunter2-hunter2")
    Secret("hunter2-hunter2-and-more")
    assert scrub("a hunter2-hunter2-and-more b hunter2-hunter2 c") == f"a {MASK} b {MASK} c"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("pushing to rtmps://live.example/app/sk_us-1_AbC9", f"pushing to rtmps://live.example/app/{MASK}"),
        ("Bearer rtk_0123456789abcdef", f"Bearer {MASK}"),
        ('{"key":"sk_abcdefgh"}', f'{{"key":"{MASK}"}}'),
        ("a task_force asks risk_assessment", "a task_force asks risk_assessment"),
        ("sk_short", "sk_short"),
    ],
)
def test_what_looks_like_a_secret_is_scrubbed(text: str, clean: str) -> None:
    """Tokens and stream keys are known by their form, also when nobody wrapped them; words are left alone."""
    assert scrub(text) == clean


def test_short_values_do_not_blank_out_words() -> None:
    """A secret of less than four letters is masked when shown, but not sought in other texts."""
    secret = Secret("the")
    assert str(secret) == MASK
    assert scrub("the other") == "the other"


def test_a_logged_secret_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    """A secret given to a logger is masked like anywhere else."""
    logging.getLogger("test").warning("key %s", Secret("correct-horse-battery"))
    assert caplog.messages == [f"key {MASK}"]


@given(value=st.text(min_size=4, max_size=20), before=st.text(max_size=10), after=st.text(max_size=10))
def test_no_text_keeps_a_secret(value: str, before: str, after: str) -> None:
    """Wherever in a text a secret stands, it is gone after scrubbing."""
    Secret(value)
    assert value not in scrub(before + value + after).replace(MASK, "\0" * 30)
