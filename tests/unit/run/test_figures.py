"""Figures of a run, as they are stored and read again."""

from __future__ import annotations

import json

from retake_flow.run.figures import Figures
from retake_flow.run.records import record


def test_a_reaction_lasts_from_the_first_message_to_what_the_agent_writes_next() -> None:
    """Also when the figures were stored in between; what the agent writes by itself is no reaction."""
    figures = Figures()
    figures.count([(1, record("chat_sent", 5)), (2, record("chat_message", 10)), (3, record("chat_message", 11))])
    stored = Figures.load(json.loads(json.dumps(figures.dump())))
    stored.count([(4, record("chat_sent", 12.5)), (5, record("chat_sent", 13)), (6, record("chat_message", 20))])
    again = Figures.load(json.loads(json.dumps(stored.dump())))
    again.count([(7, record("chat_sent", 21))])
    assert (again.reactions, again.unanswered, again.asked) == ((2, 3.5), 0, None)


def test_figures_of_another_form_are_counted_anew() -> None:
    """Whatever stands there."""
    for data in (None, {}, {**Figures().dump(), "version": 3}, {**Figures().dump(), "reactions": "x", "number": 7}):
        assert Figures.load(data).dump() == Figures().dump()
