"""Polling of a store."""

from __future__ import annotations

from retake_flow.monitor.polling import Polling


def test_it_goes_on_until_the_time_is_over() -> None:
    """Without any time there is one look, the one that was taken."""
    assert not Polling(0.0).again()
    polling = Polling(3600.0, 0.0)
    assert all(polling.again() for _ in range(3))
