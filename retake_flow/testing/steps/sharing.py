"""Rehearsed runs: sharing, viewers and notices."""

from __future__ import annotations

import httpx
from pytest_bdd import given, parsers, then

from retake_flow.testing.fakes.services import KEY, FakeResponder, Moltbook
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.interventions import Scene
from retake_flow.testing.runs.observed import Unmet
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import notices_to


@given("there is a key for Moltbook")
def key(rehearsal: Rehearsal) -> None:
    """Like `MOLTBOOK_API_KEY`."""
    rehearsal.moltbook = Moltbook()


@given(parsers.parse('Moltbook holds posts back until "{challenge}" is answered by {solution}'))
def holding(rehearsal: Rehearsal, challenge: str, solution: str) -> None:
    """Posts stay hidden until then."""
    rehearsal.moltbook = Moltbook(challenge=challenge, solution=solution)


@given(parsers.parse("Moltbook takes {seconds:g} s for an answer"))
def slow(rehearsal: Rehearsal, seconds: float) -> None:
    """A key is set, and Moltbook is slow."""
    rehearsal.moltbook = Moltbook(takes=seconds)


@given(parsers.parse("Moltbook answers with status {status:d}"))
def failing(rehearsal: Rehearsal, status: int) -> None:
    """A key is set, and Moltbook refuses everything."""
    rehearsal.moltbook = Moltbook(answers=[httpx.Response(status, json={"success": False, "error": "no"})])


@given(parsers.parse("{count:d} watch from {after:g} s into {state} on"))
def watching(rehearsal: Rehearsal, count: int, after: float, state: str) -> None:
    """Exactly this many viewers."""

    def watch(scene: Scene) -> None:
        agent = next(iter(scene.platform.agents))
        agent.audience.clear()
        agent.audience |= {f"viewer {number}" for number in range(count)}

    rehearsal.intervene(state, after, watch)


@given(parsers.parse("the guide of version {version} was kept earlier"))
def store_guide(rehearsal: Rehearsal, version: str) -> None:
    """Stored by an earlier run."""
    guides = rehearsal.folder / "guides"
    guides.mkdir()
    (guides / f"guide-{version}.md").write_text("# What it was\n", encoding="utf-8")


@then(parsers.parse('the stream shows "{text}"'))
def on_screen(rehearsed: Rehearsed, text: str) -> None:
    """The text shows on stream once."""
    said = rehearsed.studio.said
    if said.count(text) != 1:
        raise Unmet(f"{text!r} once", said)


@then("the brain was told these directions")
def brain_gets_directions(brain: FakeResponder, datatable: Table) -> None:
    """The direction of each request, in order."""
    told = [batch.direction for batch in brain.asked]
    if told != [row[0] for row in datatable]:
        raise Unmet([row[0] for row in datatable], told)


@then(parsers.re(r"(?P<audience>\w+) was told (?P<times>[0-9]{1,4}) times? by a (?P<kind>\w+)"))
def audience_gets_notices(rehearsal: Rehearsal, audience: str, times: str, kind: str) -> None:
    """The number of notices of this kind."""
    found = [notice.text for notice in notices_to(rehearsal, audience) if notice.kind == kind]
    if len(found) != int(times):
        raise Unmet(f"{times} of kind {kind}", found)


@then(Wording("Moltbook was called {times} time(s)"))
def moltbook_was_called(rehearsal: Rehearsal, times: int) -> None:
    """The number of calls, over all processes."""
    requests = rehearsal.moltbook.requests if rehearsal.moltbook else []
    if len(requests) != times:
        raise Unmet(f"{times} calls", [str(request.url) for request in requests])


@then(parsers.parse('Moltbook shows "{text}"'))
def moltbook_shows_post(rehearsal: Rehearsal, text: str) -> None:
    """There is one post with exactly these words."""
    posts = rehearsal.moltbook.seen if rehearsal.moltbook else []
    if [post["content"] for post in posts] != [text]:
        raise Unmet([text], [post["content"] for post in posts])


@then("the key for Moltbook went to www.moltbook.com alone and is in no record")
def key_stays_private(rehearsal: Rehearsal, rehearsed: Rehearsed) -> None:
    """The key went to no other host."""
    requests = rehearsal.moltbook.requests if rehearsal.moltbook else []
    hosts = {request.url.host for request in requests}
    if hosts != {"www.moltbook.com"} or KEY in repr(rehearsed.journal) or rehearsed.network.strays:
        raise Unmet("the key at one place", [*hosts, *rehearsed.network.strays])
