"""Checking a run, mocked or rehearsed: its states, its end, its actions, questions and messages."""

from __future__ import annotations

from typing import Any

from pytest_bdd import then

from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.names import is_called
from retake_flow.run.records import Record
from retake_flow.testing.gherkin.cells import Table, pairs
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs import observed as seen
from retake_flow.testing.runs.observed import Observed, Unmet

_SHOWN = 12  # entered states in a message


@then(Wording('it is in state "{state}"'))
def within(observed: Observed, state: str) -> None:
    """A state is active, by its path or the end of it: the innermost one, or one around it."""
    _known(observed, state)
    path = observed.run.state
    if not any(is_called(around.path, state) for around in observed.flow.around(path)):
        raise Unmet(f"in {state!r}", _where(observed))


@then(Wording('it has been in "{state}"'))
def state_was_entered(observed: Observed, state: str) -> None:
    """A state was entered."""
    if not _visits(observed, state):
        raise Unmet(f"{state!r} was entered", _way(observed))


@then(Wording('it has been in "{state}" {count} time(s)'))
def state_was_entered_times(observed: Observed, state: str, count: int) -> None:
    """A state was entered this many times."""
    visits = _visits(observed, state)
    if visits != count:
        raise Unmet(f"{state!r} was entered {_times(count)}", f"{_times(visits)}; {_way(observed)}")


@then(Wording('it was never in "{state}"'))
def state_was_never_entered(observed: Observed, state: str) -> None:
    """A state was not entered."""
    if _visits(observed, state):
        raise Unmet(f"{state!r} was never entered", _way(observed))


@then("the states were")
def states(observed: Observed, datatable: Table) -> None:
    """All innermost states entered, in order, one per row, by the ends of their paths."""
    wanted = [line[0] for line in datatable]
    for state in wanted:
        _known(observed, state)
    came = _leaves(observed)
    if len(came) != len(wanted) or not all(map(is_called, came, wanted)):
        raise Unmet(" → ".join(wanted), " → ".join(came))


@then(Wording("the run is {end}"))
def run_has_outcome(observed: Observed, end: str) -> None:
    """The outcome: `completed`, `failed`, `stopped`, or that of a final state."""
    if observed.run.outcome != end:
        raise Unmet(end, _where(observed))
    ends = seen.records(observed, "run_ended")
    after = [r for r in observed.journal[observed.journal.index(ends[0]) + 1 :] if not r["event"].startswith("notice_")]
    if [each["outcome"] for each in ends] != [end] or after:
        raise Unmet("the end is the last of all", [record["event"] for record in (*ends, *after)])


@then("the run goes on")
def goes_on(observed: Observed) -> None:
    """The run has not ended."""
    if observed.run.has_ended:
        raise Unmet("it goes on", _where(observed))


@then(Wording('the reason says "{words}"'))
def reason(observed: Observed, words: str) -> None:
    """The reason for its end contains these words."""
    if words not in observed.run.reason:
        raise Unmet(
            f"a reason with {words!r}", repr(observed.run.reason) if observed.run.has_ended else _where(observed)
        )


@then(Wording("{place} was performed {count} time(s)"))
def place_was_performed(observed: Observed, place: str, count: int) -> None:
    """How often an action, state or activity was performed, including undos and each repetition."""
    found = len(_performances(observed, place))
    if found != count:
        raise Unmet(f"{place} was performed {_times(count)}", _times(found))


@then(Wording("{place} was never performed"))
def never_performed(observed: Observed, place: str) -> None:
    """An action was never started."""
    place_was_performed(observed, place, 0)


@then(Wording("{place} got"))
def got(observed: Observed, place: str, datatable: Table) -> None:
    """The inputs of the last performance: a name and a value per row; other inputs are ignored."""
    found = _performances(observed, place)
    if not found:
        raise Unmet(f"{place} was performed", "it was not")
    inputs = found[-1].get("inputs", {})
    for name, wanted in pairs(datatable).items():
        if name not in inputs or inputs[name] != wanted:
            raise Unmet(f"{name} is {wanted!r}", repr(inputs[name]) if name in inputs else f"only {', '.join(inputs)}")


@then(Wording('it asks "{words}"'))
def asks(observed: Observed, words: str) -> None:
    """A question is open and contains these words."""
    asked = [gate.message for gate in observed.run.gates.values()]
    if not any(words in message for message in asked):
        raise Unmet(f"a question with {words!r}", "; ".join(map(repr, asked)) or "nothing is asked")


@then("nothing is asked")
def asks_nothing(observed: Observed) -> None:
    """No question is open."""
    if observed.run.gates:
        raise Unmet("no question", ", ".join(observed.run.gates))


@then(Wording("the variable {variable} is {value}"))
def variable(observed: Observed, variable: str, value: Any) -> None:
    """The value of a variable."""
    known = observed.run.vars
    if variable not in known or known[variable] != value:
        said = repr(known[variable]) if variable in known else f"there is no {variable!r}, only {list(known)}"
        raise Unmet(repr(value), said)


@then(Wording('the operator is told "{words}"'))
def operator_is_told(observed: Observed, words: str) -> None:
    """A message to the operator contains these words."""
    said = seen.messages(observed)
    if not any(words in message for message in said):
        raise Unmet(f"a message with {words!r}", "; ".join(map(repr, said)) or "the operator is told nothing")


# --- current state ------------------------------------------------------------------------------------------


def _performances(observed: Observed, place: str) -> list[Record]:
    places = [doing.key for doing in observed.flow.performers()]
    known = {doing.do for doing in observed.flow.performers()}
    known |= {undo.do for undo in observed.flow.undos()}
    if place not in known and not any(is_called(each, place) for each in places):
        raise UsageError(f"the flow never performs {place!r}", hint=did_you_mean(place, [*known, *places]))
    return seen.performances(observed, place)


def _visits(observed: Observed, state: str) -> int:
    _known(observed, state)
    return sum(is_called(path, state) for path in seen.entered_states(observed))


def _known(observed: Observed, state: str) -> None:
    if not any(is_called(path, state) for path in observed.flow.states):
        raise UsageError(f"the flow has no state {state!r}", hint=did_you_mean(state, observed.flow.states))


def _leaves(observed: Observed) -> list[str]:
    return [path for path in seen.entered_states(observed) if observed.flow.states[path].can_be_innermost]


def _where(observed: Observed) -> str:
    run = observed.run
    if not run.has_ended:
        return f"in {run.state!r}, and it continues"
    return f"{run.outcome} in {run.state!r}" + (f": {run.reason}" if run.reason else "")


def _way(observed: Observed) -> str:
    came = _leaves(observed)
    return f"{'… → ' if len(came) > _SHOWN else ''}{' → '.join(came[-_SHOWN:])}"


def _times(count: int) -> str:
    return "never" if not count else "1 time" if count == 1 else f"{count} times"
