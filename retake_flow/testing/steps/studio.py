"""Rehearsed runs, the programs of the studio."""

from __future__ import annotations

from dataclasses import replace

from pytest_bdd import given, parsers, then

from retake_flow.rehearsal.setup.options import OwnAnswer
from retake_flow.testing.fakes.studio_programs import Trouble, Way
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import since_start


@given(
    parsers.re(r"the (?P<part>[a-z ]+?) (?P<way>is missing|gets no memory|never becomes ready|fails)(?P<once> once)?")
)
def trouble(rehearsal: Rehearsal, part: str, way: Way, once: str | None) -> None:
    """A program fails to start, always or only the first time."""
    rehearsal.troubles.append(Trouble(part, way, times=1 if once else None))


@given(parsers.parse("the {part} always dies {after:g} s after its start"))
def make_program_die(rehearsal: Rehearsal, part: str, after: float) -> None:
    """A program dies after every start."""
    rehearsal.troubles.append(Trouble(part, "dies", after, times=None))


@given(Wording("the {part} is killed {after} s into {state}"))
def kill_program(rehearsal: Rehearsal, part: str, after: float, state: str) -> None:
    """A program is killed."""
    rehearsal.intervene(state, after, lambda scene: scene.studio.kill(part))


@given(parsers.parse("the memory for the {part} runs out {after:g} s into {state}"))
def exhaust_memory(rehearsal: Rehearsal, part: str, after: float, state: str) -> None:
    """The system kills a program and has no memory to start it again."""
    rehearsal.intervene(state, after, lambda scene: scene.studio.exhaust(part))


@given(parsers.parse("{times:d} times the {part} is killed {after:g} s into {state}"))
def kill_program_often(rehearsal: Rehearsal, times: int, part: str, after: float, state: str) -> None:
    """A program and its replacements are killed."""
    rehearsal.intervene(state, after, lambda scene: scene.studio.kill(part), times)


@given(parsers.parse("the {part} is missing from its second start on"))
def uninstall_program(rehearsal: Rehearsal, part: str) -> None:
    """A program is uninstalled while it runs."""
    rehearsal.troubles.append(Trouble(part, "is missing", times=None, skips=1))


@given(parsers.parse("starting the {part} is a defect from its second start on"))
def make_start_defective(rehearsal: Rehearsal, part: str) -> None:
    """Starting the program raises an unexpected exception."""
    rehearsal.troubles.append(Trouble(part, "has a defect", times=None, skips=1))


@given(parsers.parse("the encoder stalls {after:g} s into {state}"))
def stall_encoder(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The encoder runs but sends nothing."""
    rehearsal.intervene(state, after, lambda scene: scene.studio.stall())


@given(parsers.parse("the picture freezes {after:g} s into {state}"))
def freeze_picture(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The picture stands still while all programs run."""
    rehearsal.intervene(state, after, lambda scene: scene.studio.freeze())


@given(parsers.parse("the encoder runs at {speed:g} of its speed from {after:g} s into {state}"))
def slow(rehearsal: Rehearsal, speed: float, after: float, state: str) -> None:
    """The machine is too slow to encode in real time."""
    rehearsal.intervene(state, after, lambda scene: scene.studio.slow_down(speed))


@then(parsers.parse("the {part} was started {times:d} times"))
def program_was_started(rehearsed: Rehearsed, part: str, times: int) -> None:
    """Exactly this many times."""
    assert rehearsed.studio.started[part] == times


@then("the display is started before the stream key has come")
def beside(rehearsed: Rehearsed) -> None:
    """The display starts in parallel with the calls."""
    display = since_start(rehearsed, "activity_started", activity="broadcast:display")
    assert display < since_start(rehearsed, "action_finished", state="broadcast/stream_key")


@then(parsers.re(r"the thumbnail was (?P<shown>black|not black)"))
def thumbnail(rehearsed: Rehearsed, shown: str) -> None:
    """The content of the last uploaded picture."""
    results = [each["result"] for each in rehearsed.journal if "thumbnail_url" in each.get("result", {})]
    assert results, "no thumbnail was uploaded"
    assert results[-1]["black"] is (shown == "black")


@then(parsers.parse("the encoder was last seen to send {fps:d} frames a second"))
def health(rehearsed: Rehearsed, fps: int) -> None:
    """The frame rate that the run measured."""
    seen = [each["result"] for each in rehearsed.journal if "bitrate" in (each.get("result") or {})]
    assert [round(each["fps"]) for each in seen[-1:]] == [fps]


@then(parsers.parse("the stage showed the scene {scene} {seconds:g} s before the stream ended"))
def shown_before_the_end(rehearsed: Rehearsed, scene: str, seconds: float) -> None:
    """From choosing the scene to leaving what pushes the stream."""
    chosen = since_start(rehearsed, "scene_set", to=scene)
    assert abs(since_start(rehearsed, "state_left", state="broadcast/pushing") - chosen - seconds) < 0.05


@given(parsers.parse('the program "{name}" ends with status {status:d}'))
def own_program_ends(rehearsal: Rehearsal, name: str, status: int, docstring: str = "") -> None:
    """One of the flow's own, as `command` names it, or MODULE:FUNCTION; between triple quotes what it writes."""
    before = rehearsal.own.get(name, OwnAnswer())
    rehearsal.own[name] = replace(before, status=status, output=docstring or before.output)


@given(parsers.parse('the program "{name}" writes the lines'))
def own_program_writes(rehearsal: Rehearsal, name: str, docstring: str) -> None:
    """A service of the flow's own, which writes them at once; each is an event."""
    rehearsal.own[name] = replace(rehearsal.own.get(name, OwnAnswer()), output=docstring)


@given(parsers.parse('the request to "{url}" gets status {status:d}'))
def own_request_gets(rehearsal: Rehearsal, url: str, status: int, docstring: str = "") -> None:
    """One of the flow's own, by its address without the query; between triple quotes the body of the response."""
    rehearsal.own[url] = OwnAnswer(status, docstring)
