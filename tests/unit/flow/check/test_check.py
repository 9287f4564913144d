"""The check: each mistake has its code, hostile files have words, good flows have nothing."""

from __future__ import annotations

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.load.load import load
from retake_flow.flow.text import locate

GO_LIVE = locate.find("go-live.yaml").read_text(encoding="utf-8")
END = "  e: {final: completed}\n"


def codes(states: str, head: str = "") -> list[str]:
    """The codes that a flow of these states is told."""
    text = f"flow: x\n{head}initial: a\nstates:\n{states}{END}"
    return [problem.code for problem in check(load(text, "f"), CATALOGUE)]


def test_the_shipped_flow_is_good() -> None:
    """go-live.yaml is without mistakes, and is found by its name from any folder."""
    assert check(load(GO_LIVE, "go-live.yaml"), CATALOGUE) == ()


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ("  a: {do: retake.stream_keys, transitions: {done: e}}\n", "RF040"),
        ("  a: {do: studio.show, with: {txt: x, text: y}, transitions: {done: e}}\n", "RF041"),
        ("  a: {do: studio.show, transitions: {done: e}}\n", "RF042"),
        ("  a: {activities: {p: {do: studio.page}}, transitions: {stop: e}}\n", "RF042"),
        (
            "  a: {activities: {p: {do: studio.film, with: {files: [f], url: 'srt://x'}}}, transitions: {stop: e}}\n",
            "RF042",
        ),
        ("  a: {do: studio.show, with: {text: 3}, transitions: {done: e}}\n", "RF043"),
        ("  a: {do: chat.count, with: {choices: {a: '(ja'}, since: 0}, transitions: {done: e}}\n", "RF043"),
        ("  a: {do: studio.display, transitions: {ready: e, exited: e}}\n", "RF045"),
        ("  a: {wait: 1s, transitions: {done: f}}\n", "RF020"),
        ("  a: {wait: 1s, transitions: {done: [{when: 'nope > 1', to: e}, {to: e}]}}\n", "RF030"),
        ("  a: {wait: 1s, transitions: {done: [{when: 'inputs.x', to: e}, {to: e}]}}\n", "RF031"),
        ("  a: {do: studio.show, needs: screen, with: {text: x}, transitions: {done: e}}\n", "RF032"),
        ("  a: {wait: 1s, transitions: {stop: e}}\n", "RF050"),
        ("  a: {wait: 1s, transitions: {done: e, dnoe: e}}\n", "RF051"),
        ("  a: {wait: 1s, transitions: {done: e}}\n  b: {wait: 1s, transitions: {done: e}}\n", "RF060"),
        ("  a: {wait: 1s, transitions: {done: [{to: e}, {to: a}]}}\n", "RF062"),
    ],
)
def test_each_mistake_has_its_code(states: str, code: str) -> None:
    """A flow with one mistake is told just that one."""
    assert codes(states) == [code]


@pytest.mark.parametrize(
    ("activities", "said"),
    [
        ("p: {do: studio.content, needs: q}", "'p' needs the activity 'q', which does not run here"),
        ("p: {do: studio.content, needs: p}", "the activity 'p' needs itself, so it never starts"),
        (
            "p: {do: studio.content, needs: q}, q: {do: studio.content, needs: p}",
            "the activity 'p' needs itself, so it never starts",
        ),
        (
            "p: {do: studio.content, needs: q}, q: {do: studio.thumbnail, every: 3m}",
            "'p' needs the activity 'q', which is never ready: 'studio.thumbnail' is not a service",
        ),
    ],
)
def test_what_is_needed_must_get_ready(activities: str, said: str) -> None:
    """An activity that waits for one that is not there, for itself or for no service would never start."""
    state = f"  a: {{activities: {{{activities}}}, transitions: {{stop: e, p: e, q: e}}}}\n"
    text = f"flow: x\ninitial: a\nstates:\n{state}{END}"
    found = [problem for problem in check(load(text, "f"), CATALOGUE) if problem.code == "RF032"]
    assert said in [problem.message for problem in found]


def test_a_service_is_not_repeated() -> None:
    """What goes on by itself cannot also be repeated every so often."""
    activity = "p: {do: studio.display, every: 3s}"
    assert codes(f"  a: {{activities: {{{activity}}}, transitions: {{stop: e, p: e}}}}\n") == ["RF045"]


def test_a_name_that_several_states_share_is_not_used_in_expressions() -> None:
    """`visits.b` of two states called b could be either, so it is refused; where it is not used, names may repeat."""
    states = (
        "  a: {initial: b, states: {b: {wait: 1s, transitions: {done: c}}}}\n"
        "  c: {initial: b, states: {b: {wait: 1s, transitions: {done: %s}}}}\n"
    )
    assert codes(states % "e") == []
    assert codes(states % "[{when: visits.b > 1, to: e}, {to: e}]") == ["RF033"]


@pytest.mark.parametrize("key", ["default: '{{ inputs.b }} is live'", "type: array, default: [{a: '{{ inputs.b }}'}]"])
def test_an_input_holds_no_template(key: str) -> None:
    """Inputs are never filled in, so `{{` in one would be read by people as it stands."""
    head = f"inputs: {{b: {{type: string, default: owl}}, c: {{type: string, {key}}}}}\n"
    head = head.replace("type: string, type: array", "type: array")
    assert codes("  a: {wait: 1s, transitions: {done: e}}\n", head) == ["RF044"]


def test_an_overlay_gives_an_input_no_template() -> None:
    """A value that an overlay fixes is held to the same, at its own line."""
    text = "flow: x\nextends: go-live.yaml\ninputs:\n  opening_message: '{{ inputs.agent_name }} is live'\n"
    assert [(p.code, p.position.line) for p in check(load(text, "f.yaml"), CATALOGUE)] == [("RF044", 4)]


@pytest.mark.parametrize(
    ("when", "wrong"),
    [
        ("result.viewers == '0'", ["RF043"]),
        ("result.is_live and not ('3' < result.viewers)", ["RF043"]),
        ("result.viewers == 0", []),
        ("0 < result.viewers < 5.5", []),
        ("result.viewers|string == '0'", []),
        ("result.viewers in ['0', 1]", []),
    ],
)
def test_a_number_is_not_compared_with_a_text(when: str, wrong: list[str]) -> None:
    """Such a condition is never true, or cannot be evaluated."""
    route = f'[{{when: "{when}", to: e}}, {{to: e}}]'
    assert codes(f"  a: {{do: retake.stream_status, transitions: {{done: {route}, error: e}}}}\n") == wrong
