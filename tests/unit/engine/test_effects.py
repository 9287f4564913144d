"""What the operator is told on the way: by transitions, on entering and on leaving."""

from __future__ import annotations

import pytest
from conversation import Actions, Journal, drive
from talk import Talk, written

from retake_flow.errors import StoreError
from retake_flow.run import commands, events
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run


def told(talk: Talk) -> list[tuple[str, str]]:
    """What was told on the last event: the kind and the words."""
    notes = [wish for wish in talk.wishes if isinstance(wish, commands.Note) and wish.event == "notice"]
    return [(note.fields["kind"], note.fields["message"]) for note in notes]


STATES = """
a:
  activities: {x: {do: s.x}}
  transitions:
    tip: {when: event.amount > 9, tell: {kind: tip, message: "{{ event.author }} tips {{ event.amount }}"}}
    go: {to: b, tell: "{{ event.name }}"}
b: {entry: [{tell: "in"}, {set: {n: 1}, tell: "n is {{ vars.n }}"}], exit: {tell: "out"}, transitions: {go: a}}
"""


def test_the_operator_is_told_on_the_way_and_nothing_is_left() -> None:
    """A transition without a target tells, and what the state started goes on."""
    talk = Talk(STATES).tell(events.Raised("tip", {"amount": 10, "author": "ann"}))
    assert told(talk) == [("tip", "ann tips 10")]
    assert talk.run.state == "a"
    assert not any(isinstance(wish, commands.Leave | commands.Enter) for wish in talk.wishes)


def test_a_guard_keeps_from_telling() -> None:
    """What the guard does not let through is not told."""
    assert told(Talk(STATES).tell(events.Raised("tip", {"amount": 9, "author": "ann"}))) == []


def test_entering_and_leaving_tell_in_the_order_of_effects() -> None:
    """Leaving, the way, entering; a variable that the same effect sets can be told."""
    talk = Talk(STATES).tell(events.Raised("go", {}))
    assert told(talk) == [("told", "go"), ("told", "in"), ("told", "n is 1")]
    assert told(talk.tell(events.Raised("go", {}))) == [("told", "out")]


def test_an_effect_with_a_condition_is_left_out_unless_it_holds() -> None:
    """Each condition is evaluated in its turn, after the effects before it; those of a route come after its own."""
    talk = Talk("""
a:
  entry: [{if: visits.a > 1, set: {again: true}}, {set: {n: 1}}, {if: vars.n == 1, tell: "one"}]
  exit: {if: event.n|default(0) > 5, tell: "many"}
  transitions:
    go:
      to: a
      set: {n: 2}
      effects: [{if: vars.n == 2, tell: "two"}, {if: event.n > 5, raise: more, scene: brb}, {if: "false", set: {n: 3}}]
    more: {set: {more: true}}
""")
    assert (told(talk), talk.run.vars) == ([("told", "one")], {"n": 1})
    assert told(talk.tell(events.Raised("go", {"n": 3}))) == [("told", "two"), ("told", "one")]
    assert talk.run.vars == {"n": 1, "again": True}
    assert told(talk.tell(events.Raised("go", {"n": 9}))) == [("told", "many"), ("told", "two"), ("told", "one")]
    assert talk.run.vars == {"n": 1, "again": True, "more": True}


def test_a_condition_of_an_effect_must_be_true_or_false() -> None:
    """One that cannot be evaluated, or is no boolean, is an error as in a guard: nothing happens by half."""
    for condition in ("event.missing", "event.n"):
        talk = Talk(f"a: {{transitions: {{go: {{set: {{x: 1}}, effects: {{if: {condition}, set: {{y: 1}}}}}}}}}}")
        talk.tell(events.Raised("go", {"n": 3}))
        assert (talk.run.phase, talk.run.vars, talk.notes("error") != []) == (Phase.RUNNING, {}, True)


def test_the_stage_changes_its_scene_on_the_way() -> None:
    """Leaving, the way, entering: each is a record that the stage follows, and no state has to be left for it."""
    talk = Talk(
        "a: {exit: {scene: starting}, transitions: {go: {to: b, scene: live}, hush: {scene: ended}}}\n"
        "b: {entry: [{set: {n: 1}}, {scene: brb}]}"
    )

    def scenes() -> list[str]:
        notes = [wish for wish in talk.wishes if isinstance(wish, commands.Note)]
        return [note.fields["to"] for note in notes if note.event == "scene_set"]

    talk.tell(events.Raised("hush", {}))
    assert (scenes(), talk.run.state) == (["ended"], "a")
    talk.tell(events.Raised("go", {}))
    assert scenes() == ["starting", "live", "brb"]


def test_what_cannot_be_filled_in_tells_nothing_by_half() -> None:
    """An expression that fails in what is told is as one that fails in a guard: the event is passed over."""
    talk = Talk('a: {transitions: {go: {set: {x: 1}, tell: "{{ event.missing }}"}}}').tell(events.Raised("go", {}))
    assert (talk.run.phase, talk.run.vars, told(talk)) == (Phase.RUNNING, {}, [])


def test_what_is_told_is_written_with_the_transition_or_not_at_all() -> None:
    """The notice is in the same transaction as the run that it tells of."""

    class Full(Journal):
        def write(self, run: Run, records: list[Record]) -> None:
            if any(record["event"] == "notice" for record in records):
                assert any(record["event"] == "state_entered" for record in records)
                raise StoreError("full")
            super().write(run, records)

    journal = Full()
    with pytest.raises(StoreError):
        drive(written("a: {wait: 1s, transitions: {done: {to: z, tell: over}}}\nz: {final: ok}"), Actions(), journal)
    assert journal.of("notice") == []
