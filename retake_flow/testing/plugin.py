"""The entry point for plain pytest: `pytest --flow my-flow.yaml features/`. It does nothing unless a flow is named."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("retake-flow", "scenarios on retake-flow flows")
    group.addoption("--flow", metavar="FILE", help="play .feature files on this flow, without a test module")
    group.addoption("--flow-set", action="append", default=[], metavar="NAME=VALUE", help="set an input of the flow")
    group.addoption("--flow-mock", metavar="FILE", help="YAML or JSON: what actions answer by themselves")
    group.addoption("--flow-phrases", action="append", default=[], metavar="FILE", help="YAML: phrases of your own")
    parser.addini("retake_flow", "Play .feature files on this flow, as by --flow.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Play features if a flow is named."""
    named = config.getini("retake_flow")
    beside = config.rootpath / named
    name = config.getoption("--flow") or (str(beside) if named and beside.is_file() else named)
    if name:
        _begin(config, name)


def _begin(config: pytest.Config, name: str) -> None:
    # Imported here: every pytest on this machine loads this module, and most have no flow.
    from retake_flow import plain_file
    from retake_flow.errors import RetakeFlowError, UsageError
    from retake_flow.testing.gherkin.suite import Suite, UnderTest
    from retake_flow.testing.runs.rehearsed import open_flow

    mock: str | None = config.getoption("--flow-mock")
    phrases = [Path(file) for file in config.getoption("--flow-phrases")]
    try:
        inputs = dict(pair.split("=", 1) for pair in config.getoption("--flow-set") if "=" in pair)
        if len(inputs) < len({pair.partition("=")[0] for pair in config.getoption("--flow-set")}):
            raise UsageError("--flow-set takes NAME=VALUE")
        content = (mock, plain_file.read(mock)) if mock else None
        suite = Suite(UnderTest(open_flow(name), inputs, content, phrases))
    except RetakeFlowError as error:
        raise pytest.UsageError(f"{error.message}\n{error.hint}".rstrip()) from None
    except OSError as error:
        raise pytest.UsageError(f"{mock} cannot be read: {error.strerror}") from None
    config.pluginmanager.register(suite, "retake-flow-suite")
