"""The state of the rehearsed platform: keys, sessions, video, and the rules it sees broken."""

import random
from types import SimpleNamespace
from typing import get_args

import pytest

from retake_flow.errors import NoSession, Rejected
from retake_flow.rehearsal.setup.faults import StreamFault, StreamTrouble
from retake_flow.rehearsal.setup.options import Options
from retake_flow.rehearsal.state.platform import Platform

PNG = b"\x89PNG\r\n\x1a\n"


def broken(platform):
    """The rules that were broken so far."""
    return [breach.rule for breach in platform.breaches]


def push(platform, key):
    """Push with a key."""
    return platform.publish(key.value.reveal())


def on_air(platform, agent, clock):
    """A push that has been live for a while, in the guide's order."""
    key = platform.issue_key(agent)
    platform.start(agent)
    publication = push(platform, key)
    publication.video()
    clock.passes(1)
    publication.video()
    return publication


def test_is_live_follows_the_video_with_the_lag(make, clock):
    """is_live turns true when the lag after the first frame is over, not before."""
    platform = make(lag=2.0)
    owl = platform.agents.by_id("user_owl")
    key = platform.issue_key(owl)
    platform.start(owl)
    publication = push(platform, key)
    clock.passes(5)
    assert not platform.is_live(owl)
    publication.video()
    clock.passes(1.9)
    assert not platform.is_live(owl)
    clock.passes(0.1)
    assert platform.is_live(owl)


def test_is_live_ends_when_frames_stop_coming(platform, owl, clock):
    """A publisher that hangs without closing is not live any more after a few seconds."""
    on_air(platform, owl, clock)
    assert platform.is_live(owl)
    clock.passes(3.1)
    assert not platform.is_live(owl)


def test_is_live_ends_with_the_push(platform, owl, clock):
    """A publisher that goes away is not live from that moment."""
    on_air(platform, owl, clock).close()
    assert not platform.is_live(owl)


def test_video_without_a_session_is_not_live(platform, owl, clock):
    """Video alone makes nobody live, and the platform sees that the order was wrong."""
    publication = push(platform, platform.issue_key(owl))
    publication.video()
    clock.passes(1)
    assert not platform.is_live(owl)
    assert broken(platform) == ["start-before-video"]
    platform.start(owl)
    clock.passes(0.5)
    assert platform.is_live(owl)


def test_a_session_is_live_on_the_key_it_was_started_with(platform, owl, clock):
    """A fresh key without a new start carries no live video: rule 3 holds for every push."""
    on_air(platform, owl, clock)
    publication = push(platform, platform.issue_key(owl))
    publication.video()
    clock.passes(1)
    assert not platform.is_live(owl)
    assert broken(platform) == ["start-before-video"]


def test_the_order_of_the_guide_breaks_no_rule(platform, owl, clock):
    """Key, start, video, live, thumbnail, message, stop: nothing to complain about."""
    on_air(platform, owl, clock)
    platform.set_thumbnail(owl, PNG, "image/png")
    platform.say(owl, owl.user_id, "hello")
    platform.poll_status(owl)
    clock.passes(3)
    platform.poll_status(owl)
    session = platform.stop(owl)
    assert broken(platform) == []
    assert (session.ended_by, session.thumbnails) == ("stop", 1)


def test_a_new_key_ends_the_push_on_the_old_one(platform, owl, clock):
    """When a key is issued the push on the one before is closed, and its publisher is told why."""
    publication = on_air(platform, owl, clock)
    reasons = []
    publication.on_close = reasons.append
    platform.issue_key(owl)
    publication.video()
    publication.close()
    assert reasons == ["a newer stream key was issued"]
    assert (publication.is_open, publication.frames) == (False, 2)


@pytest.mark.parametrize("key", ["", "sk_made_up_by_somebody", "sk_"])
def test_an_unknown_key_is_refused(platform, owl, key):
    """Nobody pushes with a key that was never issued."""
    platform.issue_key(owl)
    with pytest.raises(Rejected, match="unknown"):
        platform.publish(key)
    assert platform.refused_pushes == 1


def test_an_old_key_is_refused_and_noticed(platform, owl):
    """Only the key issued last is good; a push with an older one is a broken rule."""
    old = platform.issue_key(owl)
    platform.issue_key(owl)
    with pytest.raises(Rejected, match="not the one issued last"):
        push(platform, old)
    assert broken(platform) == ["key-reused"]


def test_a_key_that_is_pushed_twice_is_noticed(platform, owl, clock):
    """A second push on the same key is taken, as the real ingest does, and reported as a reused key."""
    first = on_air(platform, owl, clock)
    second = push(platform, owl.newest_key)
    assert (first.is_open, second.is_open) == (False, True)
    assert broken(platform) == ["key-reused"]
    assert owl.newest_key.pushes == 2


def test_start_wants_a_fresh_key(platform, owl, clock):
    """Starting without a key, or again on a used one, is noticed."""
    platform.start(owl)
    assert broken(platform) == ["key-before-start"]
    on_air(platform, owl, clock)
    platform.start(owl)
    assert broken(platform) == ["key-before-start", "fresh-key"]


def test_a_key_that_nobody_has_pushed_with_is_fresh(platform, owl, clock):
    """Whoever starts again before any video needs no other key, and whoever fetches one more may."""
    platform.issue_key(owl)
    platform.start(owl)
    platform.start(owl)
    platform.issue_key(owl)
    platform.start(owl)
    push(platform, owl.newest_key)
    assert broken(platform) == []


def test_a_second_start_takes_the_place_of_the_first(platform, owl, clock):
    """After a crash the new session ends the old one; both are kept for the report."""
    on_air(platform, owl, clock)
    platform.issue_key(owl)
    platform.start(owl)
    assert [session.ended_by for session in owl.sessions] == ["start", ""]
    assert owl.session is owl.sessions[1]


def test_stop_needs_a_session(platform, owl, clock):
    """Stopping twice is refused the second time, and the push ends with the first."""
    publication = on_air(platform, owl, clock)
    platform.stop(owl)
    assert publication.closed_by == "the session was stopped"
    with pytest.raises(NoSession):
        platform.stop(owl)


def test_an_unverified_agent_gets_no_token(make):
    """An unverified agent may start, gets no token of its own, and breaks the first rule."""
    platform = make(verified=False)
    owl = platform.agents.by_id("user_owl")
    platform.issue_key(owl)
    platform.start(owl)
    assert owl.token_address == ""
    assert broken(platform) == ["verified-first"]
    owl.verified = True
    platform.issue_key(owl)
    platform.start(owl)
    assert 32 <= len(owl.token_address) <= 44


def test_the_opening_message_comes_after_the_thumbnail(platform, owl, clock):
    """Writing on air before the first thumbnail is noticed once for each session."""
    on_air(platform, owl, clock)
    platform.say(owl, owl.user_id, "hello")
    platform.say(owl, owl.user_id, "anybody?")
    assert broken(platform) == ["thumbnail-first"]


def test_writing_before_going_live_is_fine(platform, owl):
    """An agent needs no live stream to chat, so that breaks nothing."""
    platform.issue_key(owl)
    platform.start(owl)
    platform.say(owl, owl.user_id, "soon")
    assert broken(platform) == []


def test_the_first_thumbnail_waits_for_the_stream(platform, owl, clock):
    """A first thumbnail that was taken before the stream was live shows nothing yet, and is noticed."""
    platform.issue_key(owl)
    platform.start(owl)
    platform.set_thumbnail(owl, PNG, "image/png")
    assert broken(platform) == ["thumbnail-when-live"]


def test_status_polls_closer_than_three_seconds_are_noticed(platform, owl, clock):
    """Two status polls within less than the guide's 3 s are a broken rule; the shortest gap is kept."""
    for gap in (0, 3, 2.95, 1.5):
        clock.passes(gap)
        platform.poll_status(owl)
    assert broken(platform) == ["status-polls"]
    assert owl.status_polls.shortest_gap == pytest.approx(1.5)


def test_listeners_hear_of_going_live_once_per_session(platform, owl, clock):
    """Whoever waits for a stream is told at its first frame when it will be live."""
    heard = []
    platform.audience = SimpleNamespace(on_air=lambda agent, at: heard.append((agent.name, at - clock())))
    on_air(platform, owl, clock)
    on_air(platform, owl, clock)
    assert heard == [("Night Owl", 0.5), ("Night Owl", 0.5)]


def test_one_seed_gives_one_set_of_secrets(clock):
    """Two rehearsals with one seed give out the same tokens and keys, in one rehearsal all of them differ."""

    def secrets():
        platform = Platform(Options(), clock, random.Random(3))
        form = {"agent_description": "d", "image_url": "https://a.b/c.png", "wallet_address": "1" * 32, "ticker": "T"}
        agents = [platform.agents.register(form | {"agent_name": f"Owl {n}"}, platform.options) for n in range(5)]
        keys = [platform.issue_key(agent).value for agent in agents for _ in range(5)]
        return [secret.reveal() for secret in [agent.token for agent in agents] + keys]

    assert secrets() == secrets()
    assert len(set(secrets())) == 30


# --- what goes wrong with a stream ----------------------------------------------------------------------------


def test_a_frozen_status_keeps_its_value_for_a_while(platform, owl, clock):
    """The platform goes on saying what it said, whatever the video does, until that is over."""
    publication = on_air(platform, owl, clock)
    platform.strike(owl, StreamFault("frozen_status", lasts=20))
    publication.close()
    clock.passes(19)
    assert platform.shows_live(owl)
    assert platform.poll_status(owl)
    assert not platform.is_live(owl)
    clock.passes(2)
    assert not platform.shows_live(owl)


def test_a_frozen_status_may_never_thaw(platform, owl, clock):
    """Without an end a stream that was not live when it froze is never said to be."""
    platform.strike(owl, StreamFault("frozen_status"))
    on_air(platform, owl, clock)
    clock.passes(1_000_000)
    assert not platform.shows_live(owl)


def test_a_fault_without_a_stream_has_no_effect_and_an_unknown_one_is_refused(platform, owl):
    """A fault is never ignored because nothing handles it."""
    for trouble in get_args(StreamTrouble):
        platform.strike(owl, StreamFault(trouble))
    with pytest.raises(AssertionError):
        platform.strike(owl, StreamFault("meteor"))


def test_offline_goes_on_until_the_next_session(platform, owl, clock):
    """Video alone does not help; a fresh key, a new session and a new push do."""
    publication = on_air(platform, owl, clock)
    platform.strike(owl, StreamFault("offline"))
    clock.passes(100)
    publication.video()
    assert publication.is_flowing
    assert not platform.is_live(owl)
    on_air(platform, owl, clock)
    assert platform.is_live(owl)


def test_offline_can_end_by_itself(platform, owl, clock):
    """With `lasts` the same session is live again."""
    publication = on_air(platform, owl, clock)
    platform.strike(owl, StreamFault("offline", lasts=5))
    assert not platform.is_live(owl)
    clock.passes(5)
    publication.video()
    assert platform.is_live(owl)


def test_a_rotated_key_closes_the_push_and_is_nobodys_fault(platform, owl, clock):
    """After a rotation the push is closed and the way back on air, a fresh key and a start, breaks no rule."""
    publication = on_air(platform, owl, clock)
    platform.strike(owl, StreamFault("rotate_key"))
    assert publication.closed_by == "the platform rotated the stream key"
    on_air(platform, owl, clock)
    assert platform.is_live(owl)
    assert broken(platform) == []
    assert [key.rotated for key in owl.keys] == [False, True, False]


def test_pushing_again_after_a_rotation_reuses_the_key(platform, owl, clock):
    """The old key is refused, and whoever had pushed with it before breaks the rule."""
    publication = on_air(platform, owl, clock)
    platform.strike(owl, StreamFault("rotate_key"))
    with pytest.raises(Rejected):
        push(platform, publication.key)
    assert broken(platform) == ["key-reused"]


def test_a_key_that_is_rotated_before_its_first_push_is_refused_without_blame(platform, owl):
    """A client cannot know of it: its fresh key is refused, and no rule is broken."""
    key = platform.issue_key(owl)
    platform.start(owl)
    platform.strike(owl, StreamFault("rotate_key"))
    with pytest.raises(Rejected):
        push(platform, key)
    assert broken(platform) == []
    platform.issue_key(owl)
    with pytest.raises(Rejected):
        push(platform, key)
    assert broken(platform) == ["key-reused"]


def test_a_push_that_stalls_takes_no_frames(platform, owl, clock):
    """Nothing that is sent arrives until the stall is over; the push stays open."""
    publication = on_air(platform, owl, clock)
    told = []
    publication.on_stall = told.append
    platform.strike(owl, StreamFault("stall", lasts=10))
    clock.passes(5)
    publication.video(30)
    assert (publication.frames, publication.is_open, platform.is_live(owl), told) == (2, True, False, [10])
    clock.passes(5)
    publication.video(30)
    assert platform.is_live(owl)


def test_a_closed_push_is_over(platform, owl, clock):
    """The ingest can close a push; striking once more changes nothing."""
    publication = on_air(platform, owl, clock)
    for _ in range(2):
        platform.strike(owl, StreamFault("close_push"))
        platform.strike(owl, StreamFault("stall"))
    assert publication.closed_by == "the ingest closed it"


def test_a_client_that_breaks_rules_all_the_time_fills_no_memory(platform, owl):
    """The first thousand breaches are kept."""
    for _ in range(1_200):
        platform.poll_status(owl)
    assert len(platform.breaches) == 1_000


def test_a_push_that_ends_within_the_lag_was_never_live(make, clock):
    """The session has no time of going live then, and the report does not say that it had."""
    platform = make(lag=2.0)
    owl = platform.agents.by_id("user_owl")
    publication = on_air(platform, owl, clock)
    assert owl.session.live_at is not None
    publication.close()
    assert owl.session.live_at is None
