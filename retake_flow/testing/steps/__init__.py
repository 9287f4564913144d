"""Gherkin steps for flows: fixtures of pytest-bdd, by topic.

`pytest_plugins = ["retake_flow.testing.steps"]` in the topmost `conftest.py` makes them known. Each scenario sets up
its `rehearsal`, plays it, and looks at what came of it, its `rehearsed`. All steps are plain functions, since an
`async def` step would never be awaited and always pass.
"""

_TOPICS = ("run", "account", "platform", "studio", "chat", "people")
pytest_plugins = [f"retake_flow.testing.steps.{topic}" for topic in _TOPICS]
