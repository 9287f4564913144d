"""Plans of flows whose expressions are work: none goes on for long."""

from __future__ import annotations

from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli.flow_commands import plan_text
from retake_flow.flow.load.load import load_flow
from retake_flow.whatif.plan.planner import plan


def test_a_plan_whose_expressions_are_too_much_work_says_so() -> None:
    """Each is bounded, and so are all of them together."""
    numbers = ", ".join(["0"] * 15_000)
    states = "".join(
        f"  s{i}: {{wait: '{{{{ inputs.big|sum }}}}', transitions: {{done: s{i + 1}}}}}\n" for i in range(200)
    )
    text = f"flow: x\ninitial: s0\ninputs: {{big: {{type: array, default: [{numbers}]}}}}\nstates:\n{states}"
    flow = load_flow(text + "  s200: {final: ok}\n", "f.yaml")
    made = plan(flow, CATALOGUE, {"big": [0] * 15_000})
    assert (made.ended, made.reason) == (None, "its expressions take more work than a plan allows")
    assert 10 < len(made.states) < 200


def test_a_pace_that_only_a_run_knows_is_told_as_it_is_written() -> None:
    """The expression stands in the plan where the seconds would."""
    action = (
        "{do: retake.verification_status, poll: {every: '{{ inputs.n }}', timeout: '{{ inputs.n }}', until: 'false'}"
    )
    text = f"flow: x\ninitial: a\ninputs: {{n: {{type: number, default: 3}}}}\nstates:\n  a: {action}, "
    flow = load_flow(text + "transitions: {done: z, timeout: z, error: z}}\n  z: {final: ok}\n", "f.yaml")
    told = "\n".join(plan_text.lines(plan(flow, CATALOGUE, {"n": 3}), {}, 200))
    assert "every {{ inputs.n }} until false for {{ inputs.n }} at most" in told
