"""What is kept at pytest's own objects: who looks for it need not know who put it there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.trial import Premise

#: Makes what a scenario begins with; at the configuration, when a flow is under test.
PREMISE = pytest.StashKey[Callable[[], Premise]]()
#: What a scenario is about; at its test.
SUBJECT = pytest.StashKey[Subject]()
