"""Settings that follow what the machine can do."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from retake_flow.studio.encoding.adaptation import LONGEST, SLOW_FOR, STEADY, Adaptation, AdaptiveEncoder
from retake_flow.studio.encoding.quality import GUIDE, Quality


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_slow_encoder_steps_down_until_nothing_is_left() -> None:
    """Each minute of being too slow is one step, and it says what comes next."""
    adaptation = Adaptation(Clock())
    assert adaptation.begin(GUIDE) == GUIDE
    assert adaptation.next(SLOW_FOR - 1, 0) == ""
    for step in GUIDE.lower():
        assert step.summary in adaptation.next(SLOW_FOR, 0)
        assert adaptation.begin(GUIDE) == step
    assert adaptation.next(9 * SLOW_FOR, 0) == ""


def test_it_steps_up_again_and_waits_longer_after_a_step_that_was_too_much() -> None:
    """A step up that is too much doubles the time until the next one, up to two hours."""
    clock = Clock()
    adaptation = Adaptation(clock)
    adaptation.begin(GUIDE)
    adaptation.next(SLOW_FOR, 0)
    patience = STEADY
    for _ in range(6):
        assert adaptation.next(0, patience - 1) == ""
        assert "keeps up again" in adaptation.next(0, patience)
        assert adaptation.begin(GUIDE) == GUIDE
        assert adaptation.next(SLOW_FOR, 0) != ""
        patience = min(LONGEST, 2 * patience)
    assert patience == LONGEST


def test_other_settings_begin_at_their_first_step() -> None:
    """Steps belong to the settings that they began with."""
    adaptation = Adaptation(Clock())
    adaptation.begin(GUIDE)
    adaptation.next(SLOW_FOR, 0)
    assert adaptation.begin(Quality(framerate=60)) == Quality(framerate=60)


def test_an_encoder_that_keeps_up_at_full_settings_stays() -> None:
    """There is nothing above what was asked for."""
    adaptation = Adaptation(Clock())
    adaptation.begin(GUIDE)
    assert adaptation.next(0, 1e9) == ""


class SlowEncoder:
    """An encoder that has been too slow for a minute."""

    def __init__(self) -> None:
        self.value = {"frames": 1}
        self.health = SimpleNamespace(slow_for=SLOW_FOR)

    async def wait(self) -> str:
        """Never end by itself."""
        return await asyncio.Event().wait() and ""


def test_an_encoder_that_is_to_change_ends_with_the_reason() -> None:
    """The flow hears why it ended, and what the next one does."""
    adaptation, encoder = Adaptation(), SlowEncoder()
    adaptation.begin(GUIDE)
    running: Any = AdaptiveEncoder(encoder, adaptation)  # type: ignore[arg-type]
    assert running.value == {"frames": 1}
    assert "preset superfast" in asyncio.run(running.wait())
