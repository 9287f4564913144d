"""What a gate asks, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retake_flow.run.gates import Gate

PLAIN = Gate("g.1", "g", 1, "?", {"url": {"type": "string"}, "token": {"type": "string", "secret": True}}, due=10.0)
CHOICE = Gate(
    "g.1", "g", 1, "?", decisions={"yes": {"pin": {"secret": True}, "note": {"secret": False}, "why": {}}, "no": {}}
)


def test_a_gate_without_decisions_asks_its_fields() -> None:
    """Its secret fields are those that say so."""
    assert PLAIN.fields_of("") == PLAIN.fields
    assert PLAIN.secrets_of("") == {"token"}


def test_each_decision_asks_its_own_fields() -> None:
    """A decision that does not exist asks for nothing."""
    assert [set(CHOICE.fields_of(name)) for name in ("yes", "no", "perhaps")] == [{"pin", "note", "why"}, set(), set()]
    assert [CHOICE.secrets_of(name) for name in ("yes", "no")] == [{"pin"}, set()]


@pytest.mark.parametrize(("at", "late"), [(9.99, False), (10.0, True), (11.0, True)])
def test_an_answer_is_late_from_the_moment_the_gate_is_due(at: float, late: bool) -> None:
    """The due time itself is too late; without one it is never too late."""
    assert PLAIN.is_expired(at) is late
    assert not replace(PLAIN, due=None).is_expired(at)
