"""What all tests share: the shipped Gherkin steps, their order, and no secret of another test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import groupby

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


#: Files whose tests take longest, so that none of them is begun last.
LONGEST = (
    "features/test_features.py",
    "integration/test_crash_points.py",
    "integration/test_resume_process.py",
    "integration/test_output_process.py",
    "integration/test_crash_matrix.py",
    "integration/test_accounts.py",
    "integration/test_cookbook.py",
    "integration/test_own_actions.py",
    "integration/test_chat_clocks.py",
    "integration/test_store_away.py",
    "integration/test_healing.py",
    "integration/test_doctor.py",
    "integration/test_fleet_hosts.py",
    "integration/test_chaos.py",
    "integration/test_wall_clock.py",
    "integration/test_store_lost_on_air.py",
    "integration/test_fuzz.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that wait for real programs over those that only compute, so that no processor is idle."""
    files = [(path, list(tests)) for path, tests in groupby(items, lambda item: item.nodeid.partition("::")[0])]
    real = [each for each in files if "/unit/" not in each[0]]
    computing = [each for each in files if "/unit/" in each[0]]
    rank = {f"tests/{name}": place for place, name in enumerate(LONGEST)}
    real.sort(key=lambda each: rank.get(each[0], len(rank)))
    between = len(computing) // (len(real) + 1)
    order = []
    for each in real:
        order += [each, *computing[:between]]
        del computing[:between]
    items[:] = [test for _, tests in (*order, *computing) for test in tests]


# A shell's background job ignores Ctrl-C, and one of `nohup` hang-ups; whatever a test starts would too.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
