"""What all tests share: the shipped Gherkin steps, and that secrets of one test do not reach into another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retake_flow import redact

pytest_plugins = ["retake_flow.testing.steps"]


@pytest.fixture(autouse=True)
def _forget_secrets() -> Iterator[None]:
    """Secrets made in one test do not blank out words in the texts of another."""
    before = set(redact._seen)
    yield
    redact._seen.clear()
    redact._seen.update(before)
