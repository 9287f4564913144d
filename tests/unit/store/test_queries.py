"""Finding the run that a name means."""

from __future__ import annotations

import pytest

from retake_flow.run.errors import RunUnknown
from retake_flow.store.queries import only, run_unknown


def test_who_asks_for_a_run_of_another_user_is_told_where_was_looked() -> None:
    """The store is named, and that others have their own."""
    assert "lists those in /home/owl/runs.sqlite" in run_unknown("night-1", "/home/owl/runs.sqlite").hint
    assert "another user's runs are in a store of their own" in run_unknown("night-1", "x").hint
    with pytest.raises(RunUnknown, match="there is no run yet of this agent in"):
        only("last", [], "/home/owl/runs.sqlite")


def test_a_beginning_of_several_ids_is_no_name() -> None:
    """They are listed."""
    assert only("night", ["night-1"], "x") == "night-1"
    with pytest.raises(RunUnknown, match="'night' may be night-1, night-2"):
        only("night", ["night-1", "night-2"], "x")
