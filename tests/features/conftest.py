"""Makes the steps of this folder known to the scenarios, and what their many runs share cheap."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from pytest_bdd.parser import Step
from steps.commands import *
from steps.fleet import *
from steps.hosts import *
from steps.page import *
from steps.program import *
from steps.rehearsed import *
from steps.simulations import *
from steps.store import *

from retake_flow.testing.gherkin.collection import step_definitions

_definitions = cache(lambda node: list(step_definitions(node)))


def _matching(step: Step, fixturemanager: object, node: pytest.Item) -> Iterator[pytest.FixtureDef[object]]:
    """The definitions of a step. pytest-bdd asks pytest again for all fixtures: half the time of a scenario."""
    for definition, context in _definitions(node.parent):
        if context.type in (None, step.type) and context.parser.is_matching(step.name):
            yield definition


sys.modules["pytest_bdd.scenario"].find_fixturedefs_for_step = _matching  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _leave_the_disk_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here: a file of credentials need not be on the disk before the scenario goes on."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
