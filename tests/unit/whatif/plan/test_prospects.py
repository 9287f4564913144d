"""The errors that actions may end with."""

from __future__ import annotations

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.whatif.plan.prospects import failure


@pytest.mark.parametrize("kind", sorted({kind for spec in CATALOGUE.values() for kind in spec.errors}))
def test_every_declared_error_has_words(kind: str) -> None:
    """A person reads more than the kind."""
    assert failure(kind).kind == kind
    assert len(failure(kind).message) > len(kind) + 3


def test_it_is_known_what_only_a_person_can_mend() -> None:
    """As the engine knows it: a bad token is not tried again, a platform that is away is."""
    assert failure("unauthorized").permanent
    assert not failure("unavailable").permanent


def test_an_error_that_only_the_engine_makes_is_its_kind() -> None:
    """There is nothing else to say of it."""
    assert failure("interrupted").message
