"""The chat in both shapes, its pages and its ids."""

import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.errors import NoSession, NotFound
from retake_flow.rehearsal.setup.options import ChatShape
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.chat_log import Chat, as_answer
from retake_flow.rehearsal.state.identities import Identities


def written(platform, count, start=0):
    """Have viewers write."""
    owl = platform.agents.by_id("user_owl")
    for number in range(start, start + count):
        platform.viewers.perform(owl, Cue(0, f"viewer{number % 3}", text=f"text {number}"))
    return owl


def listed(platform, **page):
    """The chat as it is sent."""
    comments = platform.comments("user_owl", page.get("limit", 50), page.get("before_id"))
    return as_answer(comments, platform.options.chat_shape)


def test_the_documented_shape(make):
    """In the documented shape comments are under `comments`, with an author and an ISO-8601 time."""
    platform = make(chat_shape="documented", comments_without_session=200)
    written(platform, 1)
    (comment,) = listed(platform)["comments"]
    assert comment["_id"].startswith("comment_")
    assert comment["streamId"] == "user_owl"
    assert comment["timestamp"] == "2025-06-15T15:06:40.000Z"
    assert set(comment["author"]) == {"walletAddress", "fusername", "fid", "favatar"}


def test_the_observed_shape(make):
    """In the observed shape the list is bare, times are milliseconds as text, and tips are there."""
    platform = make(chat_shape="observed", comments_without_session=200)
    owl = written(platform, 1)
    platform.viewers.perform(owl, Cue(0, "mira", "tip", "nice", 2.5))
    tip, message = listed(platform)
    assert (tip["type"], tip["tip_data"]["amount"]) == ("tip", 2.5)
    assert (message["type"], message["timestamp"]) == ("message", "1750000000000")
    assert message["sender_username"] == "viewer0"
    assert "tip_data" not in message


def test_the_observed_shape_can_be_wrapped(make):
    """Wrapped, the very same entries come under `comments`."""
    bare, wrapped = (make(chat_shape=shape, comments_without_session=200) for shape in ("observed", "wrapped"))
    for platform in (bare, wrapped):
        written(platform, 3)
    assert listed(wrapped) == {"comments": listed(bare)}


def test_a_chat_that_goes_on_for_days_keeps_its_newest():
    """What is oldest goes first; ids and the count go on."""
    identities = Identities(random.Random(1))
    chat = Chat("user_owl", identities)
    for number in range(20_010):
        chat.write(identities.viewer("mira"), str(number), at=1.0, session_id="", shape="observed")
    assert (chat.count, len(chat.comments), chat.comments[0].text) == (20_010, 20_000, "10")


def test_mixed_gives_both_shapes_in_one_list(make):
    """A mixed chat holds entries of both shapes under `comments`; events other than messages are observed ones."""
    platform = make(chat_shape="mixed", comments_without_session=200)
    owl = written(platform, 4)
    platform.viewers.perform(owl, Cue(0, "mod", "jail", "viewer1"))
    shapes = ["_id" if "_id" in entry else entry["type"] for entry in listed(platform)["comments"]]
    assert shapes == ["jail", "message", "_id", "message", "_id"]


def test_the_documented_chat_has_messages_only(make):
    """Tips and moderation have no documented shape, so they are not listed in it."""
    platform = make(chat_shape="documented", comments_without_session=200)
    owl = written(platform, 1)
    platform.viewers.perform(owl, Cue(0, "mod", "delete_all"))
    assert len(listed(platform)["comments"]) == 1


def test_ones_own_messages_are_in_the_list(make):
    """What an agent writes is listed with its own userDbId."""
    platform = make(comments_without_session=200)
    owl = platform.agents.by_id("user_owl")
    platform.say(owl, owl.user_id, "hello")
    assert listed(platform)[0]["sender_user_id"] == owl.user_id


def test_observed_ids_do_not_sort_as_texts(make):
    """Ids pass from two digits to three early, so that a client that compares them as texts is found out."""
    platform = make(chat_shape="observed", comments_without_session=200)
    written(platform, 6)
    ids = [entry["chat_event_id"] for entry in listed(platform)]
    assert ids != sorted(ids, reverse=True)


@given(count=st.integers(0, 40), limit=st.integers(1, 15), shape=st.sampled_from(get_args(ChatShape)))
def test_paging_back_meets_every_comment_once(count, limit, shape):
    """Pages by beforeId, one after the other, give every comment once, newest first."""
    identities = Identities(random.Random(1))
    chat = Chat("user_owl", identities)
    for number in range(count):
        chat.write(identities.viewer("mira"), str(number), at=1.0, session_id="", shape=shape)
    met, before = [], None
    while page := chat.page(limit, before, shape):
        assert len(page) <= limit
        met += [int(comment.text) for comment in page]
        before = page[-1].id
    assert met == list(range(count))[::-1]


def test_a_page_before_an_unknown_comment_is_not_found(make):
    """A beforeId that nobody gave out is an unknown id."""
    platform = make(comments_without_session=200)
    written(platform, 2)
    with pytest.raises(NotFound):
        platform.comments("user_owl", 50, "nope")


@pytest.mark.parametrize(("status", "error"), [(409, NoSession), (404, NotFound)])
def test_comments_need_a_session(make, status, error):
    """Without a session the comments are refused, in whichever of the observed ways the options say."""
    platform = make(comments_without_session=status)
    with pytest.raises(error):
        platform.comments("user_owl", 50, None)
    platform.start(platform.agents.by_id("user_owl"))
    assert platform.comments("user_owl", 50, None) == []


def test_history_stands_in_the_chat_before_the_stream(make):
    """Comments of the options are there from the beginning."""
    platform = make(history=(Cue(0, "ade", text="yesterday"),))
    platform.start(platform.agents.by_id("user_owl"))
    assert [comment.text for comment in platform.comments("user_owl", 50, None)] == ["yesterday"]


def test_an_agent_writes_in_another_ones_chat(make):
    """A message goes to the chat of the userDbId it names."""
    platform = make(comments_without_session=200)
    form = {"agent_description": "d", "image_url": "https://a.b/c.png", "wallet_address": "1" * 32, "ticker": "T"}
    guest = platform.agents.register(form | {"agent_name": "Guest"}, platform.options)
    platform.say(guest, "user_owl", "hi neighbour")
    assert listed(platform)[0]["sender_username"] == "Guest"
    assert guest.chat.comments == []


def test_names_may_be_slugs(make):
    """Whoever writes, and in either shape."""
    platform = make(chat_shape="mixed", chat_names="slug", comments_without_session=200)
    owl = platform.agents.by_id("user_owl")
    platform.viewers.perform(owl, Cue(0, "Mira The Great", text="one"))
    platform.viewers.perform(owl, Cue(0, "Mira The Great", text="two"))
    flat, nested = as_answer(platform.comments("user_owl", 50, None), "mixed", "slug")["comments"]
    assert (flat["sender_username"], flat["sender_display_name"]) == ("mira-the-great", "mira-the-great")
    assert nested["author"]["fusername"] == "mira-the-great"
