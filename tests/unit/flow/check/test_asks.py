"""What is asked is read somewhere."""

from __future__ import annotations

import pytest
from flow_samples import codes, problems_with_sub

ASK = "a: {ask: {message: m, answer: {n: {type: string}}}, transitions: {answered: {to: z, set: {v: '{{ READ }}'}}}}"
END = "\nz: {final: ok, reason: '{{ vars.v }}'}"


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        ("result.n", []),
        ("event.result.n", []),
        ("outputs.a.n", []),
        ("result", []),
        ("event", []),
        ("outputs", []),
        ("result.decision", ["RF054"]),
        ("event.result.decision", ["RF054"]),
        ("event.name", ["RF054"]),
    ],
)
def test_a_field_is_read_by_each_of_its_names(read: str, wanted: list[str]) -> None:
    """Alone, or with all that is around it."""
    assert codes(ASK.replace("READ", read) + END) == wanted


@pytest.mark.parametrize("read", ["result.a.n", "event.result.a.n", "outputs.s.a.n"])
def test_a_field_of_a_sub_flow_may_be_read_around_it(read: str) -> None:
    """As a part of the result of the state that it runs in."""
    inner = "flow: y\ninitial: a\nstates:\n"
    inner += "  a: {ask: {message: m, answer: {n: {type: string}}}, transitions: {answered: e}}\n  e: {final: over}\n"
    route = f"{{to: z, set: {{v: '{{{{ {read} }}}}'}}}}"
    assert not problems_with_sub(f"s: {{flow: y.yaml, transitions: {{over: {route}}}}}" + END, "s", y=inner)
