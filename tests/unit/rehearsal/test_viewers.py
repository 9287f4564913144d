"""Viewers by script, on a loop whose time passes by itself."""

import asyncio
import random

from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.faults import StreamFault
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.setup.viewer_script import DEFAULT_SCRIPT, TROLL_TEXTS, Cue, Reaction, Trolls
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.rehearsal.viewers import play_viewers

OWL = PreparedAgent("Owl", Secret("rtk_viewers_owl_1"), "user_owl")


async def staged(platform, script, act):
    """Run `act(platform, owl)` with the viewers attending."""
    audience = asyncio.create_task(play_viewers(platform, script))
    await asyncio.sleep(0)
    try:
        return await act(platform, platform.agents.by_id("user_owl"))
    finally:
        audience.cancel()
        await asyncio.wait([audience])
        assert audience.cancelled()


async def go_live(platform, owl):
    """Push video on a fresh key."""
    key = platform.issue_key(owl)
    platform.start(owl)
    publication = platform.publish(key.value.reveal())
    publication.video()
    return publication


def platform_at(now):
    """A platform with a lag of two seconds."""
    return Platform(Options(agents=(OWL,), lag=2.0), now, random.Random(0))


def test_viewers_come_after_the_stream_is_live(virtually):
    """Each cue happens at its second after going live, the lag included, and not before there is video."""

    async def main(now):
        async def act(platform, owl):
            await asyncio.sleep(100)
            before = len(owl.chat.comments)
            await go_live(platform, owl)
            went = now()
            await asyncio.sleep(30)
            return before, [(comment.text, comment.at - went) for comment in owl.chat.comments]

        script = (Cue(5, "kenji", text="second"), Cue(1.5, "mira", text="first"))
        return await staged(platform_at(now), script, act)

    assert virtually(main) == (0, [("first", 3.5), ("second", 7.0)])


def test_viewers_are_counted_while_they_are_there(virtually):
    """Joining and leaving change who is watching; everybody who was there is counted for the session."""

    async def main(now):
        async def act(platform, owl):
            await go_live(platform, owl)
            await asyncio.sleep(60)
            return set(owl.audience), owl.session.viewers

        script = (Cue(1, "a", "join"), Cue(2, "b", text="hi"), Cue(3, "a", "leave"), Cue(4, "b", text="still here"))
        return await staged(platform_at(now), script, act)

    assert virtually(main) == ({"b"}, 2)


def test_the_script_goes_on_after_an_interruption(virtually):
    """Viewers stay when the agent goes live anew: nobody's words are heard twice."""

    async def main(now):
        async def act(platform, owl):
            await go_live(platform, owl)
            await asyncio.sleep(5)
            await go_live(platform, owl)
            await asyncio.sleep(60)
            return [comment.text for comment in owl.chat.comments]

        return await staged(platform_at(now), (Cue(1, "a", text="one"), Cue(9, "a", text="two")), act)

    assert virtually(main) == ["one", "two"]


def test_nobody_writes_while_the_session_is_stopped(virtually):
    """After stream/stop viewers are silent; when the agent is live again they go on where the script is by then."""

    async def main(now):
        async def act(platform, owl):
            await go_live(platform, owl)
            await asyncio.sleep(5)
            platform.stop(owl)
            await asyncio.sleep(10)
            await go_live(platform, owl)
            await asyncio.sleep(60)
            return [comment.text for comment in owl.chat.comments]

        script = (Cue(1, "a", text="one"), Cue(9, "a", text="two"), Cue(20, "a", text="three"))
        return await staged(platform_at(now), script, act)

    assert virtually(main) == ["one", "three"]


def test_viewers_leave_it_when_the_session_is_stopped(virtually):
    """After stream/stop nobody writes any more."""

    async def main(now):
        async def act(platform, owl):
            await go_live(platform, owl)
            await asyncio.sleep(5)
            platform.stop(owl)
            await asyncio.sleep(60)
            return [comment.text for comment in owl.chat.comments]

        return await staged(platform_at(now), (Cue(1, "a", text="one"), Cue(9, "a", text="two")), act)

    assert virtually(main) == ["one"]


def test_the_default_audience_speaks_early():
    """By default about four people come within a minute, and the first one writes within two seconds."""
    assert len({cue.name for cue in DEFAULT_SCRIPT}) == 4
    assert DEFAULT_SCRIPT[0].at <= 2
    assert DEFAULT_SCRIPT[0].text
    assert all(cue.at <= 60 for cue in DEFAULT_SCRIPT)


def test_a_stream_goes_wrong_at_its_time(virtually):
    """A fault of the options happens so many seconds after going live, once, and to no later stream again."""

    async def main(now):
        platform = Platform(
            Options(agents=(OWL,), lag=2.0, faults=(StreamFault("close_push", at=10.0),)), now, random.Random(0)
        )

        async def act(platform, owl):
            first = await go_live(platform, owl)
            await asyncio.sleep(30)
            second = await go_live(platform, owl)
            await asyncio.sleep(30)
            return first.closed_at, second.is_open, platform.faults.pending

        return await staged(platform, (), act)

    assert virtually(main) == (12.0, True, 0)


def test_the_platform_can_be_directed_while_it_goes_on(virtually):
    """What is told later happens from then: viewers and faults alike."""

    async def main(now):
        async def act(platform, owl):
            publication = await go_live(platform, owl)
            await asyncio.sleep(50)
            platform.direct(owl, [Cue(1.0, "late", text="hello"), StreamFault("close_push", at=5.0)])
            await asyncio.sleep(50)
            return [(comment.text, comment.at) for comment in owl.chat.comments], publication.closed_at

        return await staged(platform_at(now), (), act)

    assert virtually(main) == ([("hello", 51.0)], 55.0)


def test_viewers_react_whenever_their_scene_comes_on(virtually):
    """Each time, so long after it came on, and not once it is gone; a reaction may be added later."""

    async def main(now):
        async def act(platform, owl):
            platform.show_scene(owl, "brb")  # before there is a session
            await asyncio.sleep(5)
            await go_live(platform, owl)
            went = now()
            for scene, lasts in (("live", 10), ("brb", 10), ("brb", 10), ("live", 10), ("brb", 1), ("desk", 9)):
                platform.show_scene(owl, scene)
                await asyncio.sleep(lasts)
            platform.direct(owl, [Reaction("live", Cue(0.5, "ade", text="there you are"))])
            platform.show_scene(owl, "live")
            await asyncio.sleep(5)
            platform.stop(owl)
            platform.show_scene(owl, "brb")
            await asyncio.sleep(60)
            return [(comment.text, comment.at - went) for comment in owl.chat.comments]

        script = (
            Reaction("brb", Cue(2.0, "mira", text="back soon?")),
            Reaction("desk", Cue(0, "kenji", text="a desk")),
        )
        return await staged(platform_at(now), script, act)

    assert virtually(main) == [("back soon?", 12.0), ("a desk", 41.0), ("there you are", 50.5)]


def test_trolls_call_themselves_what_the_agent_is_called(virtually):
    """`{agent}` in a name or a text is the agent's name."""

    async def main(now):
        async def act(platform, owl):
            await go_live(platform, owl)
            await asyncio.sleep(60)
            return owl.chat.comments

        return await staged(platform_at(now), (Trolls(),), act)

    written = virtually(main)
    assert len(written) == len(TROLL_TEXTS)
    assert {comment.author.name for comment in written} >= {"Owl ", "Owl\u200b"}
    assert any("I am Owl, and I say" in comment.text for comment in written)


def test_a_session_is_announced_when_it_is_live_where_that_is_wanted(virtually):
    """Each of them, when the lag is over; one that has ended by then is not."""

    async def main(now):
        platform = Platform(Options(agents=(OWL,), lag=2.0, session_started="live"), now, random.Random(0))
        heard = []
        platform.rooms.subscribe("live_user_owl", lambda event, data: heard.append((event, now() - platform.began)))

        async def act(platform, owl):
            await go_live(platform, owl)
            await asyncio.sleep(1)
            platform.stop(owl)
            await asyncio.sleep(9)
            await go_live(platform, owl)
            await asyncio.sleep(10)
            return heard

        return await staged(platform, (), act)

    assert virtually(main) == [("session_started", 12.0)]
