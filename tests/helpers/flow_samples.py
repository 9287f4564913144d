"""Small flows, and a small catalogue to check them against."""

from __future__ import annotations

from pathlib import Path

from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.load.load import load, load_flow
from retake_flow.flow.model import Flow
from retake_flow.flow.text.bundle import Find

GO_LIVE = Path(__file__).parents[2] / "flows" / "go-live.yaml"

_SPECS = (
    ActionSpec("a.work", "Works.", errors=("unavailable", "unauthorized")),
    ActionSpec(
        "s.window", "Shows something.", outcomes=("ready", "exited"), service=True, beside=True, errors=("host",)
    ),
    ActionSpec("a.choose", "Ends in one of two ways.", outcomes=("left", "right")),
    ActionSpec(
        "a.say",
        "Says something.",
        inputs={"text": {"type": "string"}, "times": {"type": "integer", "default": 1}},
    ),
    ActionSpec(
        "a.hear",
        "Hears of things that happen.",
        events={"tip": {"amount": {"type": "number"}, "author": {"type": "string"}}, "follow": {}},
    ),
    ActionSpec("s.program", "Goes on.", outcomes=("ready", "exited"), service=True),
)
CATALOGUE: Catalogue = {spec.name: spec for spec in _SPECS}

#: A flow without mistakes, for tests that add one.
SMALL = """\
flow: small
initial: work
states:
  work: {do: a.work, transitions: {done: ended}}
  ended: {final: completed}
"""


def flow_of(states: str, initial: str = "a", head: str = "") -> Flow:
    """The flow with these states, which must have no mistakes that loading finds."""
    return load_flow(_written(states, initial, head), "flow.yaml")


def problems(states: str, initial: str = "a", head: str = "") -> list[Problem]:
    """All that is wrong with a flow of these states."""
    return checked(_written(states, initial, head))


def checked(text: str) -> list[Problem]:
    """All that is wrong with a flow."""
    return list(check(load(text, "flow.yaml"), CATALOGUE))


def codes(states: str, initial: str = "a", head: str = "") -> list[str]:
    """The codes of all that is wrong with a flow of these states."""
    return [problem.code for problem in problems(states, initial, head)]


def at(problem: Problem) -> tuple[int, int]:
    """The line and the column of a problem."""
    return problem.position.line, problem.position.column


def shelf(**texts: str) -> Find:
    """Finds sub-flows among texts, by the name of the file without its ending."""

    def find(name: str, file: str) -> tuple[str, bytes]:
        text = texts.get(name.removesuffix(".yaml"))
        if text is None:
            raise UsageError(f"there is no flow {name!r}")
        return name, text.encode()

    return find


def with_sub(states: str, initial: str = "a", head: str = "", **subs: str) -> Flow:
    """The flow with these states and sub-flows, which must have no mistakes that loading finds."""
    return load_flow(_written(states, initial, head), "flow.yaml", shelf(**subs))


def problems_with_sub(states: str, initial: str = "a", head: str = "", **subs: str) -> list[Problem]:
    """All that is wrong with a flow of these states and sub-flows."""
    return list(check(load(_written(states, initial, head), "flow.yaml", find=shelf(**subs)), CATALOGUE))


def written(states: str, initial: str = "a", head: str = "") -> str:
    """The text of a flow with these states."""
    return _written(states, initial, head)


def _written(states: str, initial: str, head: str) -> str:
    indented = "".join(f"  {line}\n" for line in states.strip("\n").splitlines())
    return f"flow: sample\n{head}initial: {initial}\nstates:\n{indented}"
