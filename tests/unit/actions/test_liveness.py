"""Looking at a push when it is due to be live, watching for what else tells, and measuring how long it took."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import pytest

from retake_flow.actions.lag import Lag, LagFile, path_beside
from retake_flow.addresses import RETAKE
from retake_flow.ports.actions import Call
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.testing.fakes.studio_programs import PARTS

STARTS = PARTS["encoder"][1] + 0.2  # seconds until a fake encoder has sent its first frames


def call(do, **inputs):
    """One performance."""
    return Call("run", "place", 1, do, inputs, {}, "key")


@asynccontextmanager
async def pushing(s):
    """A stream of the agent, from its first frames on."""
    key = await s.perform("retake.stream_key")
    await s.perform("retake.start_stream")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(s.performer.serve(call("studio.display", size="640x360")))
        await stack.enter_async_context(s.performer.serve(call("studio.encoder", to=dict(key.value))))
        yield asyncio.get_running_loop().time()


async def confirmed(s, tries=10):
    """Poll as go-live.yaml does; gives when the looks came, in seconds after the first frames."""
    sent, looks = asyncio.get_running_loop().time(), []
    for _ in range(tries):
        done = await s.performer.perform(call("retake.stream_status", await_live=True))
        looks.append(round(asyncio.get_running_loop().time() - sent, 2))
        if done.value["is_live"]:
            return looks
    raise AssertionError(f"not live by {looks}")


def known(path, *lags):
    """What earlier streams have told."""
    LagFile(path, RETAKE).save(lags)


@pytest.mark.parametrize("lag", [0.0, 1.0, 5.0])
def test_a_look_that_is_not_to_wait_does_not(play, owl, lag):
    """Whoever asks without `await_live` is answered at once, live or not."""

    async def scene(s):
        async with pushing(s) as sent:
            await s.perform("retake.stream_status")
            return asyncio.get_running_loop().time() - sent

    assert play(scene, saved=owl, lag=lag) == 0


def test_without_a_push_nobody_waits(play, owl):
    """A flow that only asks how the stream does is answered at once, whatever it says of waiting."""

    async def scene(s):
        known(s.path, Lag(5, 6))
        began = asyncio.get_running_loop().time()
        await s.perform("retake.stream_status", await_live=True)
        return asyncio.get_running_loop().time() - began

    assert play(scene, saved=owl) == 0


def test_the_first_look_comes_when_earlier_streams_were_live(play, owl):
    """A little later; nobody is asked for the list of who is live then."""

    async def scene(s):
        known(s.path, Lag(3.9, 4.0))
        async with pushing(s):
            looks = await confirmed(s)
        return looks, [each.path for each in s.calls if "users" in each.path]

    assert play(scene, saved=owl, lag=4.0) == ([4.15], [])


@pytest.mark.parametrize(
    ("lag", "options", "faults", "looks"),
    [
        (0.1, {}, (), [0.4]),
        (1.0, {}, (), [1.2]),
        (1.0, {"live_users": "start"}, (), [2.45]),
        (1.0, {}, (Fault("GET /users/live/", status=503, times=None),), [2.45]),
        (1.0, {}, (Fault("GET /users/live/", body="<html>", times=None),), [2.45]),
        (1.0, {}, (Fault("GET /users/live/", delay=30.0, times=None),), [2.45]),
        (1.0, {}, (Fault("GET /users/live/", body=[{"user_id": "user_lark"}, 7], times=None),), [2.45]),
        (4.0, {}, (), [2.45, 5.45]),
    ],
)
def test_the_list_of_who_is_live_tells_of_a_first_stream(play, owl, lag, options, faults, looks):
    """Unless it has whoever has opened a session, has only others, or cannot be had: then it is the guide's pace."""

    async def scene(s):
        async with pushing(s):
            return await confirmed(s)

    assert play(scene, saved=owl, lag=lag, faults=faults, **options) == looks


def test_the_list_is_asked_for_four_times_at_most(play, owl):
    """Once before there is video and three times after, never closer than 0.8 s, and not once it is confirmed."""

    async def scene(s):
        async with pushing(s):
            await confirmed(s)
            await asyncio.sleep(60)
        return [each.at for each in s.calls if each.path.endswith("/users/live/")]

    asked = play(scene, saved=owl, lag=5.0)
    assert len(asked) == 4
    assert min(later - sooner for sooner, later in pairwise(asked)) >= 0.79


def test_a_token_alone_has_nobody_to_look_for(play):
    """Without a userDbId there is no room and nobody in a list; the looks are the guide's."""

    async def scene(s):
        async with pushing(s):
            return await confirmed(s), [each.path for each in s.calls if "users" in each.path]

    assert play(scene, token="rtk_actions_owl_1", lag=1.0) == ([2.45], [])


def test_what_was_learnt_holds_for_the_next_push(play, owl):
    """Of this process and, by the file, of the next one."""

    async def scene(s):
        async with pushing(s):
            first = await confirmed(s)
            measured = await s.perform("retake.measure_lag")
            await asyncio.sleep(3)
        async with pushing(s):
            second = await confirmed(s)
        return first, measured.value, second, LagFile(s.path, RETAKE).load()

    first, measured, second, kept = play(scene, saved=owl, lag=1.7)
    assert first == [2.0]
    assert measured["after"] < 1.5 <= measured["by"] <= measured["after"] + 0.2
    assert 1.5 <= second[0] <= 1.85
    assert [lag.by for lag in kept] == [measured["by"]] * 2


def test_a_lag_that_is_known_is_not_measured(play, owl):
    """Nothing is asked; without a stream there is nothing to measure either."""

    async def scene(s):
        nothing = await s.perform("retake.measure_lag")
        known(s.path, Lag(0.75, 0.85, "uptime"))
        async with pushing(s):
            await confirmed(s)
            before = len(s.calls)
            measured = await s.perform("retake.measure_lag")
            return nothing.value, measured.value, len(s.calls) - before

    nothing, measured, calls = play(scene, saved=owl, lag=1.0)
    assert nothing == {"after": 0.0, "by": 0.0, "looks": 0}
    assert measured == {"after": 0.75, "by": 0.85, "looks": 0}
    assert calls == 0


def test_looks_that_fail_are_no_failure_of_the_stream(play, owl):
    """What is measured is what was known before."""

    async def scene(s):
        async with pushing(s):
            await confirmed(s)
            s.platform.faults.add(Fault("GET /agent/stream/status", status=500, times=None))
            return (await s.performer.perform(call("retake.measure_lag"))).value

    measured = play(scene, saved=owl, lag=1.0)
    assert measured["looks"] == 1
    assert 0 < measured["by"] - measured["after"] <= 1.01


def test_what_cannot_be_kept_is_remembered_and_told_once(play, owl):
    """A folder stands where the file would: the next push of this process is looked at in time all the same."""

    async def scene(s):
        path_beside(s.path).mkdir()
        async with pushing(s):
            await confirmed(s)
            await s.perform("retake.measure_lag")
            await asyncio.sleep(3)
        async with pushing(s):
            looks = await confirmed(s)
        return looks, [fields["message"] for event, fields in s.notes if fields.get("kind") == "lag_unkept"]

    looks, told = play(scene, saved=owl, lag=1.7)
    assert 1.5 <= looks[0] <= 1.85
    assert len(told) == 1
    assert "credentials.json.lag cannot be written" in told[0]


def test_an_encoder_that_never_sends_teaches_nothing(play, owl):
    """A look at what was pushed before says nothing of this push."""

    async def scene(s):
        async with s.access.push():
            await s.perform("retake.stream_status", await_live=True)
            return s.access.liveness.lag, (await s.perform("retake.measure_lag")).value["looks"]

    assert play(scene, saved=owl) == (None, 0)


@pytest.mark.parametrize(("latency", "look"), [(0.0, 3.05), (0.02, 3.07), (0.2, 3.25), (0.9, 3.55)])
def test_where_calls_take_long_the_first_look_comes_later(play, owl, latency, look):
    """As for a client that follows the guide literally, whose first call delays the second; 0.5 s are taken at most."""

    async def scene(s):
        async with s.access.push() as push:
            s.access.liveness.first_frames(push)
            before = push.guide_look - push.began
        await s.perform("retake.verification_status")
        async with s.access.push() as push:
            s.access.liveness.first_frames(push)
            return before, push.guide_look - push.began

    assert play(scene, saved=owl, latency=latency) == (pytest.approx(3.05), pytest.approx(look))


@pytest.mark.parametrize(("sends_after", "look"), [(0.4, 3.05), (0.5, 3.13), (0.6, 3.23), (1.3, 3.25)])
def test_where_the_first_frames_come_late_so_does_the_first_look(play, owl, sends_after, look):
    """The same time on air as for a client that follows the guide literally; a very slow start was an exception."""

    async def scene(s):
        async with s.access.push() as push:
            await asyncio.sleep(sends_after)
            s.access.liveness.first_frames(push)
            return push.guide_look - push.began

    assert play(scene, saved=owl) == pytest.approx(look)
