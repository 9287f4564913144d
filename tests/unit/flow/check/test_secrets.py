"""Secrets get to the actions that need them, and nowhere else."""

from __future__ import annotations

import pytest
from flow_samples import shelf

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.load.load import load

KEY = "  k: {do: retake.stream_key, transitions: {done: %s}}\n"
TELL = "  t: {do: operator.tell, with: {message: %s}, transitions: {done: z}}\n"


def codes(states: str, reason: str = "over", head: str = "", **subs: str) -> list[str]:
    """The codes that a flow of these states is told."""
    text = f"flow: x\n{head}initial: k\nstates:\n{states}  z: {{final: ok, reason: {reason}}}\n"
    return [problem.code for problem in check(load(text, "f", find=shelf(**subs)), CATALOGUE)]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("'{{ outputs.k.key }}'", ["RF090"]),
        ("'the key: {{ outputs.k.key|upper }}'", ["RF090"]),
        ("'{{ outputs.k|tojson }}'", ["RF090"]),
        ("'{{ outputs.k.url }}'", []),
        ("'{{ outputs.k.key|length }} letters'", []),
        ('\'{{ "there" if outputs.k.key is defined else "gone" }}\'', []),
        ('\'{{ "same" if outputs.k.key == outputs.k.url else "other" }}\'', []),
    ],
)
def test_a_secret_part_of_a_result_is_not_told(message: str, wanted: list[str]) -> None:
    """As it is, changed, or with the whole result; what is only asked about it is no secret."""
    assert codes(KEY % "t" + TELL % message) == wanted


@pytest.mark.parametrize(
    ("route", "wanted"),
    [("{to: t, set: {v: '{{ result.key }}'}}", ["RF090"]), ("{to: t, set: {v: '{{ result.url }}'}}", [])],
)
def test_a_secret_is_followed_through_variables(route: str, wanted: list[str]) -> None:
    """What is set to a secret is one; a field of the same result that is none is not."""
    assert codes(KEY % route + TELL % "'{{ vars.v }}'") == wanted


@pytest.mark.parametrize(
    ("name", "head", "wanted"),
    [
        ("inputs", "inputs: {i: {type: string, env: I}}\n", ["RF090"]),
        ("inputs", "inputs: {i: {type: string, default: x}}\n", []),
        ("vars", "", ["RF090"]),
        ("outputs", "", ["RF090"]),
        ("activities", "", []),
    ],
)
def test_all_names_of_a_kind_are_told_with_the_secrets_among_them(name: str, head: str, wanted: list[str]) -> None:
    """As a whole result is."""
    route = "{to: t, set: {v: '{{ result.key }}'}}"
    assert codes(KEY % route + TELL % f"'{{{{ {name} }}}}'", head=head) == wanted


def test_an_event_is_told_with_the_secrets_that_it_brings() -> None:
    """Its result is a part of it."""
    assert codes(KEY % "{to: z, tell: '{{ event }}'}") == ["RF090"]
    later = "  k: {wait: 1s, transitions: {done: {to: l, tell: '{{ event }}'}}}\n" + KEY.replace("k:", "l:") % "z"
    assert codes(later) == []


def test_a_field_called_like_a_secret_of_another_result_is_none() -> None:
    """Which result it is decides."""
    asked = "{message: m, answer: {key: {type: string}}}"
    ask = f"  a: {{ask: {asked}, transitions: {{answered: {{to: t, set: {{v: '{{{{ result.key }}}}'}}}}}}}}\n"
    assert codes(KEY % "a" + ask + TELL % "'{{ vars.v }}'") == []


def test_a_secret_is_followed_into_sub_flows_and_events() -> None:
    """The input of a sub-flow that is given a secret is one, and so is the data of an event."""
    inner = "flow: y\ninputs: {i: {type: string, default: x}}\ninitial: z\nstates:\n"
    inner += "  z: {final: ok, reason: '{{ inputs.i }}'}\n"
    run = "  s: {flow: y.yaml, with: {i: '%s'}, transitions: {ok: z}}\n"
    assert codes(KEY % "s" + run % "{{ outputs.k.push_url }}", y=inner) == ["RF090"]
    assert codes(KEY % "s" + run % "{{ outputs.k.url }}", y=inner) == []
    raised = (
        "  w: {wait: 1s, entry: {raise: {event: e, data: {d: '{{ outputs.k.key }}'}}}, transitions: {e: z, done: z}}\n"
    )
    assert codes(KEY % "w" + raised, "'{{ event.d|default(1) }}'") == ["RF090"]


@pytest.mark.parametrize("told", ["tell: '{{ %s }}'", "tell: {kind: trouble, message: 'it is {{ %s }}'}"])
def test_a_secret_is_not_told_on_the_way(told: str) -> None:
    """What a transition tells people is held against secrets as what an action says."""
    route = "{to: z, " + told + "}"
    assert codes(KEY % (route % "result.key")) == ["RF090"]
    assert codes(KEY % (route % "result.url")) == []


def test_the_encoder_gets_its_key() -> None:
    """An action that needs a secret is given it."""
    state = "  t: {activities: {e: {do: studio.encoder, with: {to: '{{ outputs.k }}'}}}, transitions: {e.exited: z}}\n"
    assert codes(KEY % "t" + state) == []
