"""Keys from the environment."""

from __future__ import annotations

import base64

import pytest

from retake_flow.errors import ResponderMissing
from retake_flow.redact import MASK, scrub
from retake_flow.responders.env_secrets import signing_key, variable


def test_a_key_is_a_secret_from_the_moment_it_is_read() -> None:
    """It is masked in whatever is printed."""
    key = variable({"OWL_KEY": " key-of-the-owl \n"}, "OWL_KEY")
    assert key.reveal() == "key-of-the-owl"
    assert scrub("Bearer key-of-the-owl") == f"Bearer {MASK}"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "the variable OWL_KEY, needed to answer chat, is not set"),
        ("  ", "is not set"),
        ("rtk_abcdefghijkl", "holds an access token of retake.tv, which goes to retake.tv only"),
        ("Bearer rtk_abcdefghijkl", "holds an access token of retake.tv"),
        ("käy", "holds characters that no header can have"),
        ("a\nb", "holds characters that no header can have"),
    ],
)
def test_what_cannot_be_sent_is_told_by_its_name_alone(value: str | None, said: str) -> None:
    """The message never shows the value; the exit code says that something is missing."""
    with pytest.raises(ResponderMissing) as raised:
        variable({} if value is None else {"OWL_KEY": value}, "OWL_KEY")
    assert said in raised.value.message
    assert raised.value.exit_code == 6
    if value and value.strip():
        assert value not in f"{raised.value.message}{raised.value.hint}"


def test_a_signing_key_is_base64() -> None:
    """With its prefix or without."""
    text = base64.b64encode(bytes(range(24))).decode()
    assert signing_key({"K": f"whsec_{text}"}, "K") == signing_key({"K": text}, "K") == bytes(range(24))


@pytest.mark.parametrize("value", ["whsec_", "whsec_not base64!", "whsec_c2hvcnQ="])
def test_a_signing_key_that_is_none_is_told_how_to_make(value: str) -> None:
    """Neither what is no base64 nor what is too short to be a key is taken."""
    with pytest.raises(ResponderMissing, match="holds no key to sign with") as raised:
        signing_key({"K": value}, "K")
    assert "openssl rand -base64 32" in raised.value.hint
