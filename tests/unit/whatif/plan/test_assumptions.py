"""What can be assumed, what of it is refused, and which errors actions may end with."""

from __future__ import annotations

import pytest
from planned import flow_of

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import UsageError
from retake_flow.whatif.plan.assumptions import Assumptions, failure

STATES = """\
a: {do: retake.verification_status, transitions: {done: b, error: b}}
b:
  initial: c
  activities:
    display: {do: studio.display}
    builder: {ask: {message: "Which?", answer: {way: {type: string}}}}
  transitions: {error: over, display.exited: over, builder.answered: over}
  states:
    c: {do: retake.stream_status, transitions: {done: d}}
    d: {do: retake.verification_status, transitions: {done: e}}
    e:
      ask: {message: "?", decisions: {allow: {n: {type: integer}}, refuse: }}
      transitions: {allow: over, refuse: over}
over: {final: completed}
"""


def assumed(*written: str) -> Assumptions:
    """These assumptions of the flow."""
    return Assumptions(written, flow_of(STATES, head="events: [tip]\n"), CATALOGUE)


@pytest.mark.parametrize(
    ("written", "place", "end"),
    [
        ("a=error.unauthorized", "a", "error.unauthorized"),
        ("b/c=error.internal", "b/c", "error.internal"),
        ("c=stop", "b/c", "stop"),
        ("c=tip", "b/c", "tip"),
        ("display=exited", "b:display", "exited"),
        ("b:display=error.no_display", "b:display", "error.no_display"),
        ("builder=answered", "b:builder", "answered"),
        ("e = refuse", "b/e", "refuse"),
    ],
)
def test_places_are_called_by_their_path_or_its_end(written: str, place: str, end: str) -> None:
    """States and activities, with their outcomes, errors, decisions and what comes from outside."""
    assumptions = assumed(written)
    assert assumptions.end(place) == end
    assert assumptions.used == {written: place}


def test_a_try_may_take_too_long_where_its_time_is_limited() -> None:
    """It is an error of these states alone."""
    limited = "a: {do: retake.stream_status, retry: {max: 1, per_try: 5s}, transitions: {done: z, error: z}}"
    assert Assumptions(["a=error.timed_out"], flow_of(limited + "\nz: {final: ok}"), CATALOGUE).end("a")
    with pytest.raises(UsageError, match=r"'a' cannot end with 'error\.timed_out'"):
        assumed("a=error.timed_out")


def test_nothing_else_is_assumed() -> None:
    """An assumption is about its place alone, and says so when it was of no use."""
    assumptions = assumed("a=error.unauthorized")
    assert (assumptions.end("b/d"), assumptions.values("a")) == ("", {})
    assert assumptions.unused == ("a=error.unauthorized",)


def test_an_action_means_all_that_perform_it() -> None:
    """How it ends, or what its result holds."""
    assumptions = assumed("retake.verification_status.verified=false", "retake.stream_status=error.unavailable")
    assert (assumptions.values("a"), assumptions.values("b/d")) == ({"verified": False}, {"verified": False})
    assert assumptions.end("b/c") == "error.unavailable"


def test_a_field_alone_is_that_of_the_first_that_has_it() -> None:
    """Of the first that the plan comes to, since the same may be asked again after it has changed."""
    assumptions = assumed("verified=false")
    assert assumptions.values("b/d") == {"verified": False}
    assert assumptions.values("a") == {}
    assert assumptions.values("b/d") == {"verified": False}


def test_values_are_read_as_their_type() -> None:
    """As the result or the answer declares it."""
    assert assumed("e.n=5").values("b/e") == {"n": 5}
    assert assumed("builder.way=5").values("b:builder") == {"way": "5"}


def test_what_is_written_in_full_goes_first() -> None:
    """A name means all that are called so and do the same, whatever the order they are written in."""
    flow = flow_of("""\
a: {do: credentials.load, transitions: {found: b, missing: b, error: b}}
b:
  initial: a
  states: {a: {do: credentials.load, transitions: {found: over, missing: over, error: over}}}
over: {final: completed}
""")
    assumptions = Assumptions(["a=missing", "b/a=found"], flow, CATALOGUE)
    assert (assumptions.end("a"), assumptions.end("b/a")) == ("missing", "found")
    assert Assumptions(["a=missing"], flow, CATALOGUE).end("b/a") == "missing"


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("verified", "--assume takes NAME=VALUE, not 'verified'", "for example"),
        ("=x", "--assume takes NAME=VALUE", ""),
        ("verifyed=false", "the flow has no state or activity 'verifyed'", "did you mean 'verified'?"),
        ("a=error.unauthorised", "'a' cannot end with 'error.unauthorised'", "did you mean 'error.unauthorized'?"),
        ("a=tipp", "'a' cannot end with 'tipp'", "did you mean 'tip'?"),
        ("a.verifyed=false", "a has no output 'verifyed'", "did you mean 'verified'?"),
        ("a.verified=maybe", "the assumption 'a.verified=maybe' does not fit", ""),
        (
            "b=stop",
            "nothing can be assumed of 'b' itself",
            "only of what is inside: b:display, b:builder, b/c, b/d, b/e",
        ),
        ("over=stop", "nothing can be assumed of 'over' itself", "it is an end"),
    ],
)
def test_what_cannot_be_is_refused(written: str, message: str, hint: str) -> None:
    """With what is wrong, and what was probably meant."""
    with pytest.raises(UsageError) as refused:
        assumed(written)
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_a_name_of_two_that_differ_is_refused() -> None:
    """The refusal names both."""
    flow = flow_of("""\
a:
  initial: x
  transitions: {error: over}
  states: {x: {do: retake.stream_status, transitions: {done: b}}}
b:
  initial: x
  transitions: {error: over}
  states: {x: {do: retake.stream_key, transitions: {done: over}}}
over: {final: completed}
""")
    with pytest.raises(UsageError, match="'x' may be any of a/x, b/x"):
        Assumptions(["x=error.unavailable"], flow, CATALOGUE)


@pytest.mark.parametrize("kind", sorted({kind for spec in CATALOGUE.values() for kind in spec.errors}))
def test_every_declared_error_has_words(kind: str) -> None:
    """A person reads more than the kind."""
    assert failure(kind).kind == kind
    assert len(failure(kind).message) > len(kind) + 3


def test_it_is_known_what_only_a_person_can_mend() -> None:
    """As the engine knows it: a bad token is not tried again, a platform that is away is."""
    assert failure("unauthorized").permanent
    assert not failure("unavailable").permanent


def test_an_error_that_only_the_engine_makes_is_its_kind() -> None:
    """There is nothing else to say of it."""
    assert failure("interrupted").message
