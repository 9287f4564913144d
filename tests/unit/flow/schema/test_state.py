"""What a flow may write of activities: the events that they raise, and what they need."""

from __future__ import annotations

from flow_samples import codes, problems

HEARS = "a:\n  activities: {chat: {do: a.hear, every: 3s}}\n  transitions: {%s, stop: b}\nb: {final: over}\n"


def test_what_an_action_raises_can_be_routed_by_both_names() -> None:
    """A route may name the event alone, or with the activity that raises it."""
    assert codes(HEARS % "tip: b") == []
    assert codes(HEARS % "chat.tip: b, follow: b") == []


def test_its_fields_are_known() -> None:
    """A guard may ask for what the event has, and for nothing else."""
    assert codes(HEARS % "tip: {when: event.amount > 100 and event.author != 'owl', to: b}") == []
    [told] = problems(HEARS % "tip: {when: event.amout > 100, to: b}")
    assert told.code == "RF031"
    assert "event.amount" in f"{told}" or "amount" in told.hint


def test_a_field_that_only_one_of_two_events_has_is_missed() -> None:
    """What comes with `tip` is not there when a state is entered by `follow`."""
    flow = (
        "a:\n  activities: {chat: {do: a.hear, every: 3s}}\n  transitions: {tip: b, follow: b}\n"
        "b: {do: a.say, with: {text: '{{ event.author }}'}, transitions: {done: c, error: c}}\nc: {final: over}\n"
    )
    assert codes(flow) == ["RF034"]


def test_an_event_that_nothing_raises_is_none() -> None:
    """Where no action raises it, a route for it is never taken."""
    assert codes(HEARS % "trade: b") == ["RF051"]
    assert codes("a: {transitions: {tip: b, stop: b}}\nb: {final: over}\n") == ["RF051"]


def test_an_activity_may_need_several() -> None:
    """Each of them has to be a service, or a question, that is there."""
    head = "a:\n  activities:\n    one: {do: s.program}\n    two: {do: s.program}\n    %s\n"
    tail = "  transitions: {error: b, stop: b, one.exited: b, two.exited: b}\nb: {final: over}\n"
    assert codes(head % "it: {do: a.work, needs: [one, two]}" + tail) == []
    [told] = problems(head % "it: {do: a.work, needs: [one, tow]}" + tail)
    assert (told.code, "'tow'" in told.message) == ("RF032", True)
    assert codes(head % "it: {do: a.work, needs: []}" + tail) == ["RF014"]


def test_activities_that_need_each_other_never_start() -> None:
    """A circle over several needs is found."""
    flow = (
        "a:\n  activities:\n    one: {do: s.program, needs: [two, three]}\n    two: {do: s.program}\n"
        "    three: {do: s.program, needs: one}\n"
        "  transitions: {error: b, one.exited: b, two.exited: b, three.exited: b}\nb: {final: over}\n"
    )
    assert codes(flow) == ["RF032", "RF032"]


def test_expressions_may_ask_for_the_time() -> None:
    """`now` is a number, and may be used wherever an expression may."""
    assert codes("a: {set: {at: '{{ now + 5 }}'}, always: {when: now > 0, to: b}}\nb: {final: over}\n") == []
    assert codes("a: {set: {at: '{{ now.hour }}'}, always: b}\nb: {final: over}\n") == ["RF031"]
    assert codes("a: {always: [{when: now > 'noon', to: b}, {to: b}]}\nb: {final: over}\n") == ["RF043"]


def test_the_types_of_its_fields_are_known() -> None:
    """An amount is a number, so that it is not compared with a text on air; the same of events from outside."""
    [told] = problems(HEARS % "tip: {when: event.amount > '100', to: b}")
    assert (told.code, "never" in told.message or "number" in told.message) == ("RF043", True)
    outside = "events: {tip: {amount: {type: number}}}\n"
    route = "a: {transitions: {tip: {when: event.amount > '100', to: b}, stop: b}}\nb: {final: over}\n"
    assert codes(route, head=outside) == ["RF043"]
    assert codes(route.replace("'100'", "100"), head=outside) == []
