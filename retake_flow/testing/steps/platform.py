"""Rehearsed runs, the platform: its behaviour, its faults, and the calls it received."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from pytest_bdd import given, parsers, then

from retake_flow.errors import UsageError
from retake_flow.flow import duration
from retake_flow.rehearsal.setup.faults import PAGE_KINDS, Fault, StreamFault, StreamTrouble
from retake_flow.rehearsal.setup.options import REFUSES
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.runs.interventions import Scene
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import calls

_LETS_DOWN: Mapping[str, StreamTrouble] = {
    "rotates the stream key": "rotate_key",
    "closes the push": "close_push",
    "reads no more video": "stall",
    "says that the stream is offline": "offline",
    "goes on saying of the stream what it says then": "frozen_status",
}


@given(parsers.re(r"the next (?P<call>[A-Z]+ /\S+) meets (?P<words>.+)"))
def one_fault(rehearsal: Rehearsal, call: str, words: str) -> None:
    """One call fails."""
    rehearsal.fault(fault(call, words))


@given(parsers.re(r"the next (?P<times>[0-9]{1,4}) (?P<call>[A-Z]+ /\S+) meet (?P<words>.+)"))
def several_faults(rehearsal: Rehearsal, times: str, call: str, words: str) -> None:
    """The next calls fail."""
    rehearsal.fault(fault(call, words, times=int(times)))


@given(parsers.re(r"every (?P<call>[A-Z]+ /\S+) meets (?P<words>.+)"))
def lasting_fault(rehearsal: Rehearsal, call: str, words: str) -> None:
    """All calls fail."""
    rehearsal.fault(fault(call, words, times=None))


@given(
    parsers.re(
        r"from its (?P<nth>[0-9]{1,4})\w\w on, (?P<which>every|the next) (?P<call>[A-Z]+ /\S+) meets (?P<words>.+)"
    )
)
def later_fault(rehearsal: Rehearsal, nth: str, which: str, call: str, words: str) -> None:
    """The calls before succeed."""
    rehearsal.fault(fault(call, words, times=None if which == "every" else 1, after=int(nth) - 1))


@given(
    parsers.re(rf"(?P<after>[0-9]+) s after going live the platform (?P<does>{'|'.join(_LETS_DOWN)})"),
    converters={"after": float},
)
def stream_fault(rehearsal: Rehearsal, after: float, does: str) -> None:
    """A fault of the platform while the stream is on air."""
    rehearsal.fault(StreamFault(_LETS_DOWN[does], at=after))


@given(parsers.parse("each answer takes {seconds:g} s"))
def latency(rehearsal: Rehearsal, seconds: float) -> None:
    """The latency of the platform."""
    rehearsal.options = replace(rehearsal.options, latency=seconds)


@given(parsers.parse("the platform's clock is {time} ahead of ours"))
def clock_ahead(rehearsal: Rehearsal, time: str) -> None:
    """The platform's dates are in our future."""
    rehearsal.options = replace(rehearsal.options, clock=duration.seconds(time))


@given(parsers.parse("the platform's clock is {time} behind ours"))
def clock_behind(rehearsal: Rehearsal, time: str) -> None:
    """The platform's dates are in our past."""
    rehearsal.options = replace(rehearsal.options, clock=-duration.seconds(time))


@given("its answers do not tell the time")
def omit_dates(rehearsal: Rehearsal) -> None:
    """Responses have no `Date` header."""
    rehearsal.options = replace(rehearsal.options, date=False)


@given(parsers.parse("a stream shows as live {seconds:g} s after its first video"))
def lag(rehearsal: Rehearsal, seconds: float) -> None:
    """The lag of `is_live` behind the push."""
    rehearsal.options = replace(rehearsal.options, lag=seconds)


@given(parsers.parse("the platform's guide has version {version}"))
def guide(rehearsal: Rehearsal, version: str) -> None:
    """The version in skill.json."""
    rehearsal.options = replace(rehearsal.options, skill_version=version)


@given(parsers.parse("the platform ends the session {after:g} s into {state}"))
def ended_session(rehearsal: Rehearsal, after: float, state: str) -> None:
    """Somebody else ends the session."""

    def end(scene: Scene) -> None:
        scene.platform.stop(next(iter(scene.platform.agents)))

    rehearsal.intervene(state, after, end)


@given(parsers.parse("somebody else fetches a stream key {after:g} s into {state}"))
def foreign_key(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The run's key is no longer the newest, so the ingest refuses it."""
    rehearsal.intervene(state, after, _issue_key)


@given(parsers.parse("{times:d} times somebody else fetches a stream key {after:g} s into {state}"))
def rival(rehearsal: Rehearsal, times: int, after: float, state: str) -> None:
    """Another machine streams as the same agent, so the ingest ends the run's push."""
    rehearsal.intervene(state, after, _issue_key, times)


def _issue_key(scene: Scene) -> None:
    scene.platform.issue_key(next(iter(scene.platform.agents)))


@given("the platform's ingest refuses every push")
def refusing_ingest(rehearsal: Rehearsal) -> None:
    """The ingest accepts no video with any key."""
    rehearsal.options = replace(rehearsal.options, ingest=REFUSES)


@given("the platform's ingest cannot be found")
def lost_ingest(rehearsal: Rehearsal) -> None:
    """The ingest's host name cannot be resolved."""
    rehearsal.options = replace(rehearsal.options, ingest="rtmp://nowhere.invalid/app")


@then("no rule of the platform was broken")
def no_breach(rehearsed: Rehearsed) -> None:
    """No breach of the rules on keys, thumbnails, polling and chat."""
    assert rehearsed.report["broken_rules"] == []


@then(parsers.parse("{issued:d} stream keys were issued and {used:d} used, none of them twice"))
def keys(rehearsed: Rehearsed, issued: int, used: int) -> None:
    """Each push had a fresh key."""
    seen = rehearsed.report["keys"]
    assert (seen["issued"], seen["used"], seen["reused"]) == (issued, used, 0)


@then("the first calls are")
def first_calls(rehearsed: Rehearsed, datatable: Table) -> None:
    """The first calls, in this order, with nothing in between."""
    wanted = [row[0] for row in datatable]
    assert [call["call"] for call in calls(rehearsed)][: len(wanted)] == wanted


@then(parsers.parse("the last call is {call}"))
def last_call(rehearsed: Rehearsed, call: str) -> None:
    """No call came after it."""
    assert calls(rehearsed)[-1]["call"] == call


@then(parsers.re(r"(?P<call>[A-Z]+ /\S+) was called (?P<times>[0-9]{1,4}) times?"), converters={"times": int})
def call_was_made(rehearsed: Rehearsed, call: str, times: int) -> None:
    """Exactly this many times."""
    assert len(calls(rehearsed, call)) == times


@then(parsers.re(r"(?P<call>[A-Z]+ /\S+) was never called"))
def call_was_never_made(rehearsed: Rehearsed, call: str) -> None:
    """No such call was made."""
    assert calls(rehearsed, call) == []


@then(parsers.parse("the second {call} came {seconds:g} s or more after the first"))
def second_call_is_late(rehearsed: Rehearsed, call: str, seconds: float) -> None:
    """`Retry-After` was honoured."""
    first, second, *_ = calls(rehearsed, call)
    assert round(second["t"] - first["t"], 6) >= seconds


@then(parsers.parse("{call} was never called closer than {seconds:g} s"))
def calls_are_spaced(rehearsed: Rehearsed, call: str, seconds: float) -> None:
    """The shortest interval between two calls."""
    times = [made["t"] for made in calls(rehearsed, call)]
    assert len(times) > 1
    assert min(round(later - sooner, 6) for sooner, later in pairwise(times)) >= seconds


@then("nothing was sent to anybody but retake.tv")
def no_strays(rehearsed: Rehearsed) -> None:
    """No request went elsewhere, so neither did the token."""
    assert rehearsed.network.strays == []


@then("the thumbnail comes before anything is written")
def thumbnail_first(rehearsed: Rehearsed) -> None:
    """The thumbnail is uploaded before the first chat message."""
    thumbnail, *_ = calls(rehearsed, "POST /agent/update-thumbnail")
    written = calls(rehearsed, "POST /agent/stream/chat/send")
    order = [call["call"] for call in calls(rehearsed)]
    assert thumbnail["status"] == 200
    assert written
    assert order.index("POST /agent/update-thumbnail") < order.index("POST /agent/stream/chat/send")


@then(parsers.parse("thumbnails follow each other after {seconds:g} s at most"))
def thumbnails(rehearsed: Rehearsed, seconds: float) -> None:
    """The longest interval between two thumbnails."""
    times = [thumbnail["t"] for thumbnail in rehearsed.agent["thumbnails"]]
    assert len(times) > 1
    assert max(later - sooner for sooner, later in pairwise(times)) <= seconds


@then(parsers.parse("the guide of version {version} is kept as a text"))
def guide_is_stored(rehearsal: Rehearsal, version: str) -> None:
    """The guide's text is stored for people."""
    assert (rehearsal.folder / "guides" / f"guide-{version}.md").read_text(encoding="utf-8").strip()


ELSEWHERE: Final = "https://elsewhere.example/api/v1"

_HTML: Final = "<html><head><title>Oops</title></head><body><h1>Come back later</h1></body></html>"
_WORDS: Final[Mapping[str, Callable[..., Mapping[str, Any]]]] = {
    r"status ([0-9]{1,3})": lambda status: {"status": int(status), "body": {"error": "it was told to fail"}},
    r"status ([0-9]{1,3}) with Retry-After ([0-9]{1,6})": lambda status, wait: {
        "status": int(status),
        "headers": {"Retry-After": wait},
    },
    rf"an? ({'|'.join(PAGE_KINDS)}) page": lambda page: {"page": page},
    r"an? (empty|truncated) answer": lambda page: {"page": page},
    r"a forgotten message": lambda: {"status": 400, "body": {"error": "No verification message found"}},
    r"an HTML page": lambda: {"body": _HTML},
    r"an HTML page of status ([0-9]{1,3})": lambda status: {"status": int(status), "body": _HTML},
    r"a delay of ([0-9]{1,6}) s": lambda seconds: {"delay": float(seconds)},
    r"a dropped connection": lambda: {"drop": True},
    r"a dropped connection after its work was done": lambda: {"drop": True, "effect": True},
    r"a redirect to another host": lambda: {"redirect": ELSEWHERE},
}


def fault(call: str, words: str, *, times: int | None = 1, after: int = 0) -> Fault:
    """The fault for the words of a scenario.

    Args:
        call: Method and path, such as `POST /agent/rtmp`.
        words: Such as "status 503" or "a dropped connection".
        times: How many calls meet it; None for all.
        after: How many calls succeed first.

    Raises:
        UsageError: There is no such fault.
    """
    for pattern, fields in _WORDS.items():
        match = re.fullmatch(pattern, words)
        if match is not None:
            return Fault(call, times=times, after=after, **fields(*match.groups()))
    known = ", ".join(re.sub(r"\(\[0-9].*?\)", "N", pattern) for pattern in _WORDS)
    raise UsageError(f"there is no fault called {words!r}", hint=f"there are: {known}")
