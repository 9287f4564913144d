"""Simulations that would go on and on are ended, and say why."""

from __future__ import annotations

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.load.load import load_flow
from retake_flow.whatif.simulate import simulation
from retake_flow.whatif.simulate.mocks import Mocks
from retake_flow.whatif.simulate.simulation import Simulation

_ROUND = "  a: {wait: LONG, transitions: {done: b}}\n  b: {wait: LONG, transitions: {done: a, stop: z}}\n"
_END = "  z: {final: ok}\n"


def told(states: str, advance: str, size: int = 1) -> str:
    """Why a simulation ended within one line that lets time pass."""
    numbers = ", ".join(["0"] * size)
    head = f"flow: x\ninitial: a\ninputs: {{big: {{type: array, default: [{numbers}]}}}}\nstates:\n"
    simulation = Simulation(load_flow(head + states + _END, "f.yaml"), {"big": [0] * size}, Mocks(), CATALOGUE)
    try:
        begun = simulation.start()
        return str(begun["reason"] or simulation.take(f'{{"advance": "{advance}"}}'.encode(), 1)["reason"])
    finally:
        simulation.close()


def test_what_happens_without_end_while_time_passes_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow whose states last a millisecond, and a line that lets years pass."""
    monkeypatch.setattr(simulation, "MOST_IN_A_LINE", 2_000)
    assert told(_ROUND.replace("LONG", "1ms"), "9w") == simulation.ENDLESS


def test_what_goes_round_without_time_is_ended() -> None:
    """As before."""
    assert told(_ROUND.replace("LONG", "0s"), "1s") == simulation.CIRCLES


def test_expressions_that_are_work_are_ended() -> None:
    """Each of them is bounded, and so is what they are at one moment."""
    assert told(_ROUND.replace("LONG", "'{{ inputs.big|sum }}'"), "1s", 15_000) == simulation.LABORIOUS


def test_a_simulation_takes_at_most_a_thousand_years() -> None:
    """A line that would go beyond is refused: no date is that late."""
    flow = load_flow("flow: x\ninitial: a\nstates:\n  a: {wait: 3650d, transitions: {done: z}}\n" + _END, "f.yaml")
    simulation = Simulation(flow, {}, Mocks(), CATALOGUE)
    try:
        simulation.start()
        lines = [simulation.take(b'{"advance": "3650d"}', number) for number in range(1, 102)]
    finally:
        simulation.close()
    assert (lines[0]["ended"], lines[99]["time"]) == ("ok", 100 * 3650 * 86400.0)
    assert lines[100]["error"]["message"] == "a simulation takes at most a thousand years"
