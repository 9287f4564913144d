"""The platform's rules and go-live.yaml: taken apart in every way, it is sound or refused for what would happen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from flow_replay import Replay
from flow_samples import GO_LIVE
from flow_variants import PATHS, swapped, without

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.flow.rules.check import Breach, find_breaches, rules_of
from retake_flow.run.run import Phase
from retake_flow.testing.fakes.studio_programs import Trouble
from retake_flow.testing.runs.rehearsed import Rehearsal

GIVEN = load_flow(GO_LIVE.read_text(encoding="utf-8"), str(GO_LIVE)).inputs
INPUTS = {
    **{name: each.schema["default"] for name, each in GIVEN.items() if "default" in each.schema},
    **dict.fromkeys(("agent_name", "agent_description", "image_url", "wallet_address", "ticker"), "x"),
    "size": "1280x720",
    "opening_message": "m",
    "greeting": "g",
    "ideas": "i",
    "max_duration": "8s",
}
#: What the rules say of go-live.yaml without one of its states, and with two that have changed places.
WITHOUT = {
    "check_guide": [],
    "credentials": [],
    "verification": ["verified_first"],
    "prove_human": ["verified_first"],
    "broadcast/stream_key": ["fresh_key", "key_before_start"],
    "broadcast/session": ["start_before_push"],
    "broadcast/pushing/confirm_live": ["live_before_thumbnail"],
    "broadcast/pushing/thumbnail": ["thumbnail_first"],
    "broadcast/pushing/open_chat": ["chat_opened"],
    "broadcast/pushing/on_air": [],
}
SWAPPED = [
    [],
    [],
    [],
    ["fresh_key", "key_before_start"],
    ["key_before_start", "start_before_push"],
    ["key_before_start", "start_before_push", "live_before_thumbnail"],
    ["live_before_thumbnail"],
    ["thumbnail_first"],
    ["chat_opened"],
]
PAIRS = list(pairwise(PATHS))
VARIANTS = [
    *(pytest.param(partial(without, path), rules, id=f"without {path}") for path, rules in WITHOUT.items()),
    *(
        pytest.param(partial(swapped, *pair), rules, id=" and ".join(pair))
        for pair, rules in zip(PAIRS, SWAPPED, strict=True)
    ),
]


def broken(flow: Flow) -> tuple[Breach, ...]:
    """The rules of the platform that a flow can break."""
    return find_breaches(flow, CATALOGUE, rules_of(flow, CATALOGUE))


@pytest.mark.parametrize(("made", "rules"), VARIANTS)
def test_a_rule_refuses_what_is_not_sound(made: Callable[[], Flow], rules: list[str]) -> None:
    """Without one of the ten states, or with two in each other's place, these rules are broken and no others."""
    assert [breach.rule.name for breach in broken(made())] == rules


@pytest.mark.parametrize(
    "made", [pytest.param(variant.values[0], id=variant.id) for variant in VARIANTS if variant.values[1]]
)
def test_a_run_can_go_the_path_that_is_shown(made: Callable[[], Flow]) -> None:
    """The engine enters the very states of each path, in that order, when actions, time and people are so."""
    flow = made()
    for breach in broken(flow):
        replay = Replay(flow, CATALOGUE, INPUTS)
        replay.follow(breach.path)
        offending = {term.name for term in breach.rule.offends if term.name}
        assert offending & set(replay.begun) or not offending, "what must not happen has not begun"


@pytest.mark.parametrize("made", [pytest.param(v.values[0], id=v.id) for v in VARIANTS if not v.values[1]])
@pytest.mark.parametrize(
    "trouble", [None, Trouble("encoder", "dies", after=6.0), Trouble("display", "dies", after=7.0)]
)
def test_what_is_sound_breaks_no_rule_that_the_platform_can_see(
    made: Callable[[], Flow], trouble: Trouble | None, tmp_path: Path
) -> None:
    """Where no rule is find_breaches, the rehearsed platform finds none find_breaches, and no session is left open."""
    rehearsal = Rehearsal(made(), tmp_path, inputs={"max_duration": "8s"})
    rehearsal.give_credentials()
    rehearsal.troubles += [trouble] if trouble is not None else []
    rehearsed = rehearsal.play()
    assert rehearsed.run.outcome == "completed" or rehearsed.run.phase is Phase.SUSPENDED  # a person is asked first
    assert rehearsed.report["broken_rules"] == []
    assert [s for agent in rehearsed.report["agents"] for s in agent["sessions"] if s["ended"] is None] == []


def test_go_live_breaks_no_rule() -> None:
    """The shipped flows keep the platform's rules on all their paths."""
    for file in sorted(GO_LIVE.parent.glob("*.yaml")):
        assert broken(load_flow(file.read_text(encoding="utf-8"), str(file))) == ()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param({"sound], with": "sound], retry: {max: 3}, with"}, "fresh_key", id="the same key"),
        pytest.param({"undo: retake.stop_stream\n": "description: none\n"}, "session_stopped", id="left open"),
        pytest.param({"encoder.exited: recovering": "encoder.exited: pushing"}, "fresh_key", id="pushed again"),
        pytest.param({"do: chat.respond": "do: chat.send"},
                     "chat_read", id="nobody reads"),
        pytest.param({"until: result.is_live, timeout": "until: result.viewers > 0, timeout"},
                     "live_before_thumbnail", id="not known to be live"),
        pytest.param({"to: broadcast}\n        - {to: prove_human": "to: broadcast}\n        - {to: broadcast"},
                     "verified_first", id="verified or not"),
        pytest.param({"when: result.verified": "when: not result.verified"}, "verified_first", id="the wrong way"),
    ],
)  # fmt: skip
def test_each_rule_can_be_broken(change: dict[str, str], rule: str) -> None:
    """A small change of go-live.yaml is found by the rule that is there for it."""
    text = GO_LIVE.read_text(encoding="utf-8")
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    rules = [breach.rule.name for breach in broken(load_flow(text, str(GO_LIVE)))]
    assert rules[:1] == [rule]


@pytest.mark.parametrize(
    "guard",
    [
        "result.verified == true",
        "true == result.verified",
        "result.verified is true",
        "result['verified']",
        "not not result.verified",
        "result.verified and visits.broadcast == 0",
        "not (not result.verified or visits.broadcast > 0)",
        "result.verified != false",
    ],
)
def test_a_guard_may_be_written_in_several_ways(guard: str) -> None:
    """What says the same is taken for the same."""
    text = GO_LIVE.read_text(encoding="utf-8").replace("when: result.verified,", f'when: "{guard}",')
    flow = load_flow(text, str(GO_LIVE))
    assert broken(flow) == ()


def test_a_path_does_not_pretend_what_was_entered_before() -> None:
    """`visits.open_chat == 0` holds the first time, so no path goes round open_chat then."""
    flow = load_flow(
        GO_LIVE.read_text(encoding="utf-8").replace("visits.open_chat == 0", "visits.open_chat == 1"), str(GO_LIVE)
    )
    (breach,) = broken(flow)
    assert breach.rule.name == "chat_opened"
    Replay(flow, CATALOGUE, INPUTS).follow(breach.path)
