"""Gherkin steps for flows: fixtures of pytest-bdd, by topic.

`pytest_plugins = ["retake_flow.testing.steps"]` in the topmost `conftest.py` makes them known, and so does
`pytest --flow FLOW`. A scenario observes a run: one whose actions are mocked, driven step by step (`When the flow is
run`), or one against a rehearsed platform, set up beforehand and played to its end (`When the agent goes live`). All
steps are plain functions, since an `async def` step would never be awaited and always pass.
"""

from importlib import import_module

_TOPICS = (
    "premise", "mocking", "driving", "observing", "run", "account", "platform", "studio", "chat", "responders",
    "audience", "people", "sharing", "neighbours", "voice",
)  # fmt: skip
pytest_plugins = [f"retake_flow.testing.steps.{topic}" for topic in _TOPICS]


def load() -> list[str]:
    """Make all steps known outside of pytest; gives the names of their modules."""
    return [import_module(name).__name__ for name in pytest_plugins]
