"""Keys for data stored on pytest's own objects, so that its readers need not know the writer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.trial import Premise

#: Makes the premise of a scenario; stored in the configuration if a flow is under test.
PREMISE = pytest.StashKey[Callable[[], Premise]]()
#: The subject of a scenario; stored in its test.
SUBJECT = pytest.StashKey[Subject]()
