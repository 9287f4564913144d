"""Looking up who is there, by the answers that the platform may give."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retake_flow import errors
from retake_flow.errors import RetakeFlowError

NOBODY = httpx.Response(404, json={"error": "User not found"})


def exists(platform: Any, name: str, *answers: httpx.Response) -> bool:
    """Whether somebody bears the name, by these answers to the lookup and the search."""
    platform.answer(*answers)
    found: bool = platform.call(lambda client: client.public.user_exists(name), token=None)
    return found


def test_a_streamer_is_found_by_name(platform: Any) -> None:
    """One public call tells of somebody who streams; no token goes with it, and the name is one part of the path."""
    assert exists(platform, "Night Owl/1", httpx.Response(200, json={"streamer_id": "u1", "username": "night owl/1"}))
    (request,) = platform.requests
    assert request.url.raw_path == b"/api/v1/users/streamer/Night%20Owl%2F1"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("users", "there"),
    [
        ([{"user_id": "u1", "username": "OWL"}], True),
        ({"users": [{"user_id": "u0", "username": "owlet"}, {"user_id": "u1", "fusername": "Owl"}]}, True),
        ([{"user_id": "u0", "username": "owlet"}], False),
        ({"users": []}, False),
        ([], False),
    ],
)
def test_who_has_never_streamed_is_searched_for(platform: Any, users: object, there: bool) -> None:
    """Both forms of the search's answer are read; the whole name counts, in any case of letters."""
    assert exists(platform, " owl ", NOBODY, httpx.Response(200, json=users)) is there
    assert platform.requests[1].url.path == "/api/v1/users/search/owl"


def test_nobody_is_nobody(platform: Any) -> None:
    """A platform that answers both questions with 404 does not know the name."""
    assert exists(platform, "owl", NOBODY) is False
    assert len(platform.requests) == 2


@pytest.mark.parametrize(
    ("streamer", "there"),
    [({"streamer_id": "u1"}, True), ({"streamer_id": "owl", "username": "somebody else"}, False), ({}, False),
     (None, False), ([], False)],
)  # fmt: skip
def test_a_streamer_without_that_name_is_not_enough(platform: Any, streamer: object, there: bool) -> None:
    """The path takes ids too, so somebody of another name is not meant; an id alone is the one asked for."""
    assert (
        exists(platform, "owl", httpx.Response(200, text=json.dumps(streamer)), httpx.Response(200, json=[])) is there
    )


@pytest.mark.parametrize("users", [{"count": 0}, "none", None, [{"user_id": "u1"}], ["owl"], {"users": {}}])
def test_a_search_that_cannot_be_read_is_no_answer(platform: Any, users: object) -> None:
    """Where the answer tells no names, nobody claims that the name is free."""
    with pytest.raises(errors.UnexpectedAnswer):
        exists(platform, "owl", NOBODY, httpx.Response(200, json=users))


def test_a_lookup_that_fails_is_no_answer(platform: Any) -> None:
    """Whoever asks decides whether to ask again."""
    with pytest.raises(errors.Unavailable):
        exists(platform, "owl", httpx.Response(503), NOBODY)
    assert len(platform.requests) == 1


def test_nothing_is_looked_up_without_a_name(platform: Any) -> None:
    """A blank name is refused before anything is sent."""
    with pytest.raises(errors.InputError):
        exists(platform, "  ", NOBODY)
    assert platform.requests == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from([200, 201, 404, 400, 500]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["users", "username", "streamer_id", "name"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
def test_any_answer_to_a_lookup_is_ours(platform: Any, status: int, value: object) -> None:
    """No answer whatever ends a lookup in another way than with yes, no or an error of ours."""
    platform.answers = [httpx.Response(status, content=json.dumps(value).encode())]
    with suppress(RetakeFlowError):
        assert platform.call(lambda client: client.public.user_exists("owl")) in (True, False)
