"""The words in a diagram."""

from __future__ import annotations

import pytest
from flow_samples import flow_of, with_sub, written

from retake_flow.flow.diagram.labels import Note, Topic, labelled_routes, lines, notes, printable, target_text
from retake_flow.redact import Secret

END = "\nz: {final: ok}"


def told(states: str, path: str = "a", head: str = "") -> list[str]:
    """The notes of a state."""
    return [note.text for note in notes(flow_of(states, head=head).states[path])]


def labels(states: str) -> list[str]:
    """The labels of the routes of the state `a`."""
    return [label for _, label in labelled_routes(flow_of(states).states["a"])]


def test_what_a_state_does_and_how_long_it_may_take_is_noted() -> None:
    """The action, what it needs, its pace and its limit stand in this order; durations as they are written."""
    state = (
        "a: {do: a.work, needs: p, activities: {p: {do: s.program}},"
        " poll: {every: 400ms, until: result.ok, timeout: 30s}, transitions: {done: z}}"
    )
    assert told(state + END) == [
        "a.work", "needs p", "every 400ms until result.ok", "timeout 30s", "p: s.program"
    ]  # fmt: skip


def test_a_duration_that_an_input_gives_is_noted_by_the_name_of_the_input() -> None:
    """What the input holds, and even its default, is not in the picture."""
    head = "inputs: {long: {type: string, format: duration, default: 77h}}\n"
    assert told("a: {wait: '{{ inputs.long }}', timeout: 2h}" + END, head=head) == ["wait inputs.long", "timeout 2h"]


def test_activities_are_noted_with_their_pace_and_what_they_need() -> None:
    """A task that is repeated, its pause when quiet, a service that waits for another, a question with its fields."""
    state = (
        "a: {activities: {p: {do: s.program}, t: {do: a.work, needs: p, every: 3s, quiet: 8s},"
        " w: {ask: {message: m, answer: {way: {type: string}}}}}}"
    )
    assert told(state + END) == [
        "p: s.program",
        "t: a.work every 3s (8s when quiet), needs p",
        "w: asks a person: way",
    ]


def test_a_question_is_noted_with_its_decisions_and_never_with_its_message() -> None:
    """Decisions, or fields, or just that there is an answer; the limit stands beside it."""
    assert told("a: {ask: {message: words, decisions: {yes_: , no_: }, timeout: 2d}}" + END) == [
        "asks a person: yes_ · no_",
        "timeout 2d",
    ]
    assert told("a: {ask: {message: words, answer: {b: {type: string}, c: {type: string}}}}" + END) == [
        "asks a person: b · c"
    ]
    assert told("a: {ask: {message: words}}" + END) == ["asks a person: answered"]


def test_an_undo_says_when_it_is_performed() -> None:
    """On leaving the state around, or at the end of the run."""
    [_, undo] = notes(flow_of("o: {initial: a, states: {a: {do: a.work, undo: a.say}}}" + END, "o").states["o/a"])
    assert undo == Note(Topic.UNDO, "undo a.say on leaving o")
    assert told("a: {do: a.work, undo: a.say}" + END)[-1] == "undo a.say at the end"


def test_entry_and_exit_are_noted_by_names() -> None:
    """Which variables are set, which events raised, and when, and that something is told; not to what."""
    state = (
        "a: {entry: [{set: {n: hidden, m: 1}}, {raise: ready}],"
        " exit: {raise: {event: tick, after: 2s, data: {k: hidden}}, tell: hidden, scene: brb}}"
    )
    assert told(state + END) == ["entry set n, m, raise ready", "exit raise tick after 2s, tell, scene brb"]
    assert told("a: {entry: {if: visits.a > 1, set: {n: 1}, tell: hidden}}" + END) == [
        "entry [visits.a > 1] set n, [visits.a > 1] tell"
    ]


def test_retries_of_a_state_with_states_are_noted() -> None:
    """How often it is entered anew."""
    states = (
        "a: {initial: b, retry: {max: 3}, transitions: {error: z}, states: {b: {do: a.work, transitions: {done: z}}}}"
    )
    assert told(states + END) == ["re-entered up to 3 times after errors"]


def test_a_sub_flow_is_noted_by_its_name() -> None:
    """The name that the flow has for itself."""
    flow = with_sub("a: {flow: inner.yaml, with: {}, transitions: {ok: z}}" + END, inner=written("b: {final: ok}", "b"))
    assert list(notes(flow.states["a"])) == [Note(Topic.DOES, "flow sample")]
    flow = with_sub(
        "a: {flow: inner.yaml, retry: {max: 3}, transitions: {ok: z}}" + END, inner=written("b: {final: ok}", "b")
    )
    assert [note.text for note in notes(flow.states["a"])] == ["flow sample", "re-entered up to 3 times after errors"]


def test_what_is_handed_to_an_action_is_not_noted() -> None:
    """Neither of an action nor of an undo nor of an activity."""
    state = (
        "a: {do: a.say, with: {text: hidden}, undo: {do: a.say, with: {text: hidden}},"
        " activities: {t: {do: a.say, every: 1s, with: {text: hidden}}}}"
    )
    assert told(state + END)
    assert "hidden" not in str(told(state + END))


def test_routes_are_labelled_with_event_guard_and_what_they_raise() -> None:
    """A route without a guard behind one that has is the `else`; one without an event is taken always."""
    stop = "stop: [{when: vars.n > 1, to: z}, {to: b, raise: [x, {event: y, after: 2s}]}]"
    routes = f"{stop}, t: {{to: z, tell: hidden, scene: live}}"
    states = f"a: {{always: [{{when: vars.n == 9, to: z}}], transitions: {{{routes}}}}}\nb: {{}}{END}"
    raised = "stop [else] / raise x, y after 2s"
    assert labels(states) == ["always [vars.n == 9]", "stop [vars.n > 1]", raised, "t / tell / scene live"]


@pytest.mark.parametrize("length", [40, 41, 500])
def test_long_guards_are_cut(length: int) -> None:
    """A guard of more than forty signs is cut with an ellipsis; line breaks in it are spaces."""
    guard = "vars.n == " + "1" * (length - 10)
    [label, _] = labels(f"a: {{transitions: {{stop: [{{when: '{guard}', to: z}}, {{to: z}}]}}}}{END}")
    assert label == f"stop [{guard if length == 40 else guard[:39] + '…'}]"
    [label, _] = labels("a:\n  transitions:\n    stop:\n      - when: |-\n          1\n          == 1\n"
                        "        to: z\n      - {to: z}" + END)  # fmt: skip
    assert label == "stop [1 == 1]"


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("{set: {x: 1}}", ", stays, set x"),
        ("{raise: y}", ", stays"),
        ("{set: {x: 1}, effects: {if: visits.a > 1, set: {y: 1}}}", ", stays, set x, y"),
        ("a", " → again"),
        ("a/b", " → b"),
        ("{to: a/b, reenter: true}", " → b again"),
    ],
)
def test_where_a_route_without_an_arrow_leads_is_said(route: str, words: str) -> None:
    """Nowhere, to the state itself, into it, or into it anew."""
    flow = flow_of(f"a: {{initial: b, transitions: {{stop: {route}}}, states: {{b: {{}}}}}}{END}")
    assert target_text(flow.states["a"].routes["stop"][0]) == words


def test_short_labels_share_a_line() -> None:
    """Each label stands once; a line is not made longer than an arrow can bear."""
    assert list(lines(["a", "b", "a", "c" * 25, "d"])) == ["a, b", "c" * 25 + ", d"]
    assert list(lines([])) == []


def test_what_is_printed_holds_no_secret_and_nothing_unseen() -> None:
    """Secrets are masked; controls, line breaks and what turns the direction of writing are spaces."""
    Secret("opensesame")
    assert printable("an opensesame\x1b[31m\nb\u202ec\x00") == "an ••• [31m b c "
    assert printable("größer ≤ 日本 ☃") == "größer ≤ 日本 ☃"
