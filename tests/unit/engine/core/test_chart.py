"""Which route an event takes, and what a run leaves and enters on it."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.engine.core.chart import Chart
from retake_flow.errors import ExpressionError
from retake_flow.flow.graph.exit_entry_sets import Change, entry_set
from retake_flow.flow.load.load import load_flow

NESTED = """
flow: nested
initial: out
states:
  out:
    initial: mid
    transitions:
      again: out
      error: off
      error.bad: other
      timeout: off
      x: other
      to_mid: out/mid
    states:
      mid:
        initial: deep
        transitions: {x: side, up: out, timeout: side, to_deep: mid/deep, to_far: mid/far, go: side}
        states:
          deep: {transitions: {x: far, self: deep, timeout: far, go: {when: vars.go, to: far}}}
          far: {}
      side:
        initial: one
        states: {one: , two: }
  other:
    initial: far
    states: {far: }
  off: {final: ok}
"""


def chart(text: str = NESTED) -> Chart:
    """The chart of a flow."""
    return Chart(load_flow(text, "f"))


def taken(state: str, event: str, origin: str = "", **names: Any) -> tuple[list[str], list[str], str] | None:
    """What an event leaves and enters from a state, and where it leads; nothing when no route takes it."""
    flow = load_flow(NESTED, "f")
    route = Chart(flow).take(state, event, origin, lambda root: names)
    if route is None:
        return None
    change = Change.by_route(flow, route, state, {})
    return list(change.left), list(change.entered), change.entered[-1]


DEEP = "out/mid/deep"


def test_the_beginning_is_the_initial_state_and_those_inside() -> None:
    """A flow begins in its initial state, in the one inside that, and so on."""
    flow = load_flow(NESTED, "f")
    assert entry_set(flow, flow.initial, "", {}) == ("out", "out/mid", "out/mid/deep")


@pytest.mark.parametrize(
    ("event", "exited", "entered"),
    [
        ("x", ["out/mid/deep"], ["out/mid/far"]),
        ("self", ["out/mid/deep"], ["out/mid/deep"]),
        ("to_far", ["out/mid/deep"], ["out/mid/far"]),
        ("to_deep", ["out/mid/deep"], ["out/mid/deep"]),
        ("up", ["out/mid/deep", "out/mid", "out"], ["out", "out/mid", "out/mid/deep"]),
        ("again", ["out/mid/deep", "out/mid", "out"], ["out", "out/mid", "out/mid/deep"]),
        ("to_mid", ["out/mid/deep", "out/mid"], ["out/mid", "out/mid/deep"]),
        ("error.bad", ["out/mid/deep", "out/mid", "out"], ["other", "other/far"]),
        ("error", ["out/mid/deep", "out/mid", "out"], ["off"]),
    ],
)
def test_what_is_left_and_entered(event: str, exited: list[str], entered: list[str]) -> None:
    """States are left from inside out and entered from outside in, as far as the two ways have nothing in common.

    A state that is the target is left and entered anew; one that only holds the target stays.
    """
    assert taken(DEEP, event) == (exited, entered, entered[-1])


def test_the_deepest_state_that_can_take_an_event_takes_it() -> None:
    """A route inside goes before one around it."""
    assert taken(DEEP, "x") == (["out/mid/deep"], ["out/mid/far"], "out/mid/far")
    assert taken("out/mid/far", "x") == (["out/mid/far", "out/mid"], ["out/side", "out/side/one"], "out/side/one")
    left = ["out/side/one", "out/side", "out"]
    assert taken("out/side/one", "x") == (left, ["other", "other/far"], "other/far")


def test_a_route_whose_guards_do_not_hold_leaves_the_event_to_the_states_around() -> None:
    """When no guard of the deepest state holds, the next state outwards is asked."""
    assert taken(DEEP, "go", vars={"go": True}) == ([DEEP], ["out/mid/far"], "out/mid/far")
    taken_around = taken(DEEP, "go", vars={"go": False})
    assert taken_around is not None
    assert taken_around[2] == "out/side/one"


def test_an_event_that_belongs_to_a_state_is_not_taken_inside_it() -> None:
    """The timeout of a composite goes to its own route, though an inner state routes timeouts of its own."""
    assert taken(DEEP, "timeout", DEEP) == ([DEEP], ["out/mid/far"], "out/mid/far")
    in_the_middle = taken(DEEP, "timeout", "out/mid")
    assert in_the_middle is not None
    assert in_the_middle[2] == "out/side/one"
    outermost = taken(DEEP, "timeout", "out")
    assert outermost is not None
    assert outermost[2] == "off"


def test_a_route_for_a_kind_goes_before_the_one_for_all() -> None:
    """`error` takes what `error.KIND` leaves, whichever is written first."""
    for event, target in (("error.bad", "other/far"), ("error.bad.more", "other/far"), ("error.other", "off")):
        found = taken(DEEP, event)
        assert found is not None
        assert found[2] == target


@pytest.mark.parametrize("event", ["y", "errors", "xx", "timeouts"])
def test_an_event_that_no_route_takes_changes_nothing(event: str) -> None:
    """An unknown event, or one whose name only begins alike, is not taken."""
    assert taken(DEEP, event) is None
    assert chart().expects(event) is False


def test_before_a_run_has_begun_nothing_is_taken() -> None:
    """Without an active state no route is asked."""
    assert taken("", "x") is None


GUARDS = """
flow: guards
initial: a
states:
  a:
    transitions:
      x:
        - {when: vars.n == 1, to: b}
        - {when: vars.n < 3, to: c}
        - {to: d}
  b: {final: ok}
  c: {final: ok}
  d: {final: ok}
"""


@pytest.mark.parametrize(("n", "target"), [(1, "b"), (2, "c"), (3, "d")])
def test_guards_are_tried_in_the_order_of_the_file(n: int, target: str) -> None:
    """The first guard that holds wins, and a route without one is last."""
    route = chart(GUARDS).take("a", "x", "", lambda root: {"vars": {"n": n}})
    assert route is not None
    assert route.to == target


def test_a_guard_that_cannot_be_evaluated_is_an_error_and_leaves_the_chart_whole() -> None:
    """A guard that fails is never silently false, and the chart serves the next question all the same."""
    shared = chart(GUARDS)
    with pytest.raises(ExpressionError, match="there is no 'n' here"):
        shared.take("a", "x", "", lambda root: {"vars": {}})
    route = shared.take("a", "x", "", lambda root: {"vars": {"n": 1}})
    assert route is not None
    assert route.to == "b"


def test_names_are_asked_for_only_when_there_is_a_guard() -> None:
    """An event without guards costs no look at what expressions could use."""

    def refused() -> dict[str, Any]:
        raise AssertionError("nobody needs names")

    assert chart().take(DEEP, "x", "", refused) is not None


@pytest.mark.parametrize("word", ["state", "trigger", "model", "initial", "get_state", "may_x", "is_a", "to"])
def test_any_word_is_a_good_name_for_an_event_and_a_state(word: str) -> None:
    """No name in a flow collides with one of the library underneath, and no text of a flow is ever called."""
    text = f"flow: x\ninitial: {word}\nstates:\n  {word}: {{transitions: {{{word}: end}}}}\n  end: {{final: ok}}\n"
    route = chart(text).take(word, word, "", dict)
    assert route is not None
    assert route.to == "end"


@pytest.mark.parametrize(
    ("event", "to"), [("tip", "tips"), ("tip.large", "tips"), ("tips", "rest"), ("stop", "rest"), ("error.x", "errors")]
)
def test_wildcards_take_what_has_no_route_of_its_own(event: str, to: str) -> None:
    """`tip.*` is `tip` and everything below it; `*` comes last, whatever the order in the file."""
    routes = "{'*': rest, tip.*: tips, error: errors}"
    flow = load_flow(f"flow: f\ninitial: a\nstates: {{a: {{transitions: {routes}}}, rest: , tips: , errors: }}\n", "f")
    route = Chart(flow).take("a", event, "", lambda root: {})
    assert route is not None
    assert route.to == to


def test_an_event_without_a_route_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The library behind the chart warns of each one, which every failing scenario would show."""
    assert taken("other/far", "x") is None
    assert not caplog.records
