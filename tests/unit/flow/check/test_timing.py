"""Times that never come, and paces that the platform does not allow."""

from __future__ import annotations

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.load.load import load

LOOK = "do: retake.stream_status"


def codes(state: str, head: str = "") -> list[str]:
    """The codes that a flow with this state is told."""
    text = f"flow: x\n{head}initial: a\nstates:\n  a: {{{state}}}\n  z: {{final: ok}}\n"
    return [problem.code for problem in check(load(text, "f"), CATALOGUE)]


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("retry: {max: 3, interval: 10s, rate: 1}, timeout: 30s", []),
        ("retry: {max: 3, interval: 10s, rate: 1}, timeout: 29s", ["RF080"]),
        ("retry: {max: 9, interval: 10s, within: 20s}, timeout: 29s", []),
        ("retry: {max: 9, interval: 1s, rate: 2, cap: 2s}, timeout: 18s", []),
        ("retry: {max: 9, interval: 1s, rate: 2, cap: 3s}, timeout: 18s", ["RF080"]),
        ("timeout: '{{ inputs.long }}', retry: {max: 1, interval: 1s}", []),
        ("timeout: '{{ inputs.long }}', retry: {max: 1, interval: 30s, cap: 30s}", ["RF080"]),
        ("timeout: '{{ inputs.long|default(1) }}', retry: {max: 1, interval: 30s, cap: 30s}", []),
        ("timeout: 10s, poll: {every: 3s, until: result.is_live, timeout: 11s}", ["RF081"]),
        ("timeout: 10s, poll: {every: 11s, until: result.is_live}", ["RF081"]),
        ("timeout: 10s, poll: {every: 3s, delay: 11s, until: result.is_live}", ["RF081"]),
        ("timeout: 10s, poll: {every: 2999ms, until: result.is_live}", ["RF082"]),
    ],
)
def test_an_action_has_the_time_that_it_says(state: str, wanted: list[str]) -> None:
    """Waits between tries and polls have to fit into the timeouts; the default of an input counts."""
    head = "inputs: {long: {type: string, format: duration, default: 20s}}\n"
    assert codes(f"{LOOK}, {state}, transitions: {{done: z, timeout: z}}", head) == wanted


@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        ("wait: 1h, transitions: {done: z}", []),
        ("wait: 2h, transitions: {done: z}", ["RF081"]),
        ("ask: {message: m, timeout: 2h}, transitions: {answered: z, timeout: z}", ["RF081"]),
        ("ask: {message: m, timeout: 1h, remind: [2h]}, transitions: {answered: z, timeout: z}", ["RF081"]),
        ("ask: {message: m, timeout: 1h, escalate: [{after: 2h, to: o}]}, transitions: {answered: z, timeout: z}",
         ["RF081"]),
        ("flow: verify.yaml, transitions: {verified: z, declined: z, expired: z, failed: z}, with: {within: 1h}", []),
        ("flow: verify.yaml, transitions: {verified: z, declined: z, expired: z, failed: z}, with: {within: 2h}",
         ["RF081"]),
    ],
)  # fmt: skip
def test_what_is_inside_has_the_time_of_what_is_around(inside: str, wanted: list[str]) -> None:
    """Also in a sub-flow, with the inputs that it is given; reminders of a time that may be set are no mistake."""
    assert codes(f"timeout: 1h, initial: i, transitions: {{timeout: z}}, states: {{i: {{{inside}}}}}") == wanted


@pytest.mark.parametrize(
    ("activity", "wanted"),
    [
        ("do: chat.respond, every: 2s, quiet: 10s, with: {since: 0}", []),
        ("do: chat.respond, every: 1s, quiet: 10s, with: {since: 0}", ["RF082"]),
        ("do: retake.stream_status, every: 3s", []),
        ("do: retake.stream_status, every: 1h", []),
        ("do: studio.thumbnail, every: 2m", []),
        ("do: studio.thumbnail, every: 119s", ["RF082"]),
        ("do: studio.thumbnail, every: 301s", ["RF082"]),
        ("do: studio.thumbnail, every: '{{ visits.a * 60 }}'", []),
    ],
)
def test_what_is_repeated_keeps_the_pace_that_the_platform_asks_for(activity: str, wanted: list[str]) -> None:
    """Neither faster nor slower, as far as it is known before a run."""
    assert codes(f"activities: {{t: {{{activity}}}}}, transitions: {{stop: z}}") == wanted


@pytest.mark.parametrize(
    ("declared", "wrong"),
    [
        ("{type: string, default: 1280x720}", ["RF043"]),
        ("{type: string, default: 5m}", []),
        ("{type: integer, default: 30}", []),
        ("{type: string}", []),
        ("{type: string, format: duration, default: 5m}", []),
    ],
)
def test_an_input_that_is_a_time_has_a_duration_as_its_default(declared: str, wrong: list[str]) -> None:
    """An input whose default is no duration is refused where it stands for one: a run would fail there."""
    text = f"flow: x\ninputs: {{size: {declared}}}\ninitial: a\nstates:\n"
    text += '  a: {wait: "{{ inputs.size }}", transitions: {done: e}}\n  e: {final: completed}\n'
    assert [problem.code for problem in check(load(text, "f"), CATALOGUE)] == wrong
