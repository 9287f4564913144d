"""What all tests share: the shipped Gherkin steps, and that secrets of one test do not reach into another."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from retake_flow import redact

pytest_plugins = ["retake_flow.testing.steps"]
pytest.register_assert_rewrite("steps")  # of tests/features

# Nothing that hypothesis tries depends on chance or on how fast the machine is.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _forget_secrets() -> Iterator[None]:
    """Secrets made in one test do not blank out words in the texts of another."""
    before = set(redact._seen)
    yield
    redact._seen.clear()
    redact._seen.update(before)


# A shell's background job is started with Ctrl-C ignored, and so would be whatever a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
