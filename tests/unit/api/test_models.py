from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow import redact
from retake_flow.api.models import (
    Account,
    Registration,
    StopSummary,
    StreamStatus,
    StreamTarget,
    StreamToken,
)
from retake_flow.errors import RetakeFlowError, UnexpectedAnswer

WALLET = "So11111111111111111111111111111111111111112"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
# Objects that have the fields we read, with anything in them.
answers = json_values | st.dictionaries(
    st.sampled_from(
        [
            "access_token",
            "agent_id",
            "userDbId",
            "wallet_address",
            "verification_message",
            "url",
            "key",
            "token",
            "is_live",
            "viewers",
            "uptime_seconds",
            "token_address",
            "message",
            "thumbnail_url",
            "status",
            "duration_seconds",
            "name",
            "version",
        ]
    ),
    json_values,
)


def registration(**changes: str) -> Registration:
    """A registration that follows the guide, with something changed."""
    fields = {
        "agent_name": "Night-Owl 7",
        "agent_description": "Reads the night sky.",
        "image_url": "https://example.com/owl.png",
        "wallet_address": WALLET,
        "ticker": "OWL",
    }
    return Registration(**(fields | changes))


def test_account_needs_only_its_token() -> None:
    """A registration is not lost when the platform leaves out everything but the token."""
    account = Account.parse({"access_token": "rtk_abcdef12", "token_address": None})
    assert account.access_token.reveal() == "rtk_abcdef12"
    assert (account.user_db_id, account.token_address) == ("", "")


@pytest.mark.parametrize("token", [None, "", 5.5, ["rtk_a"], "rtk_a\nb", "rtk_é12345"])
def test_account_without_a_usable_token_is_refused(token: object) -> None:
    """An answer to a registration without a token that fits in a header is unexpected."""
    with pytest.raises(UnexpectedAnswer, match="access_token"):
        Account.parse({"access_token": token, "userDbId": "user_a"})


def test_ids_may_be_numbers() -> None:
    """A user id that comes as a number is the same id as text."""
    assert Account.parse({"access_token": "rtk_abcdef12", "userDbId": 105}).user_db_id == "105"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"agent_name": "Owl!"}, "agent_name"),
        ({"agent_name": ""}, "agent_name"),
        ({"agent_description": " "}, "agent_description"),
        ({"image_url": "file:///owl.png"}, "image_url"),
        ({"wallet_address": WALLET.replace("o", "0")}, "wallet_address"),
        ({"wallet_address": "So1"}, "wallet_address"),
        ({"ticker": "ELEVENCHARS"}, "ticker"),
        ({"ticker": ""}, "ticker"),
    ],
)
def test_registration_names_what_would_be_refused(change: dict[str, str], word: str) -> None:
    """Each rule of the platform is checked before the one-time call is made."""
    (problem,) = registration(**change).problems()
    assert word in problem


def test_good_registration_has_no_problems() -> None:
    """A registration that follows the guide is not held up."""
    assert registration().problems() == ()


def test_push_url_is_a_secret_of_url_and_key() -> None:
    """The address with the key in it shows itself nowhere, and is what the guide's encoder line has."""
    target = StreamTarget.parse({"url": "rtmps://global-live.mux.com:443/app/", "key": "sk_abcdef12"})
    assert target.push_url.reveal() == "rtmps://global-live.mux.com:443/app/sk_abcdef12"
    assert "sk_abcdef12" not in f"{target!r} {target.push_url}"
    assert redact.scrub("to sk_abcdef12") == f"to {redact.MASK}"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("rtmps://live.example/app", ""),
        ("", "sk_abcdef12"),
        ("file:///etc/passwd", "sk_abcdef12"),
        ("-i /etc/passwd", "sk_abcdef12"),
        ("rtmp://live.example/app live=1", "sk_abcdef12"),
        ("rtmp://live.example/app", "sk_abc def12"),
        ("rtmp://[broken/app", "sk_abcdef12"),
        ("rtmp:///app", "sk_abcdef12"),
    ],
)
def test_stream_target_is_one_plain_rtmp_address(url: str, key: str) -> None:
    """What would mean something else to an encoder than an RTMP address with a key is refused, without showing it."""
    with pytest.raises(UnexpectedAnswer) as caught:
        StreamTarget.parse({"url": url, "key": key})
    assert not key or key not in str(caught.value)


def test_stream_token_may_be_missing() -> None:
    """Before the token exists, an answer to stream/start without one, with null, or empty is fine."""
    assert {StreamToken.parse(answer) for answer in (None, {}, {"token": None}, {"token": "soon"})} == {
        StreamToken("", "")
    }
    token = StreamToken.parse({"success": True, "token": {"tokenAddress": "So1", "ticker": None}})
    assert token == StreamToken(ticker="", token_address="So1")


def test_status_says_live_or_is_unexpected() -> None:
    """Only a real true or false counts as live or not; the rest has defaults."""
    status = StreamStatus.parse({"is_live": True, "viewers": "12", "uptime_seconds": None, "new_field": {}})
    assert (status.is_live, status.viewers, status.uptime_seconds) == (True, 12, 0)
    for answer in ({}, {"is_live": None}, {"is_live": "yes"}, [], None):
        with pytest.raises(UnexpectedAnswer):
            StreamStatus.parse(answer)


def test_small_answers_need_nothing() -> None:
    """A stop is done when the platform says so, whatever else it says."""
    assert StopSummary.parse(None) == StopSummary("stopped", 0, 0)
    assert StopSummary.parse({"duration_seconds": 61.0, "viewers": 3}).duration_seconds == 61


@given(answers)
def test_any_json_gives_a_value_or_our_error(answer: object) -> None:
    """No JSON at all makes reading an answer fail in another way than with an error of ours."""
    for model in (Account, StreamTarget, StreamToken, StreamStatus, StopSummary):
        with suppress(RetakeFlowError):
            model.parse(answer)
