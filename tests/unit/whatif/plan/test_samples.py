"""Values that could stand where nothing is known."""

from __future__ import annotations

from typing import Any

import pytest
from planned import flow_of

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.fields import mismatch
from retake_flow.redact import Secret
from retake_flow.whatif.plan import samples


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "‹x›"),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": "string", "enum": ["e", "f"]}, "e"),
        ({"type": "string", "examples": ["g"]}, "g"),
        ({"type": "string", "format": "duration"}, "1h"),
        ({"type": "string", "format": "post"}, "https://x.com/somebody/status/1860000000000000001"),
        ({"type": "boolean"}, True),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "number", "exclusiveMinimum": 3}, 3.5),
        ({"type": "number", "maximum": -2}, -2),
        ({"type": "number", "minimum": -5, "maximum": 5}, 0),
        ({"type": ["string", "null"]}, "‹x›"),
        ({"type": "array"}, []),
        ({"type": "object"}, {}),
        ({"const": 7}, 7),
    ],
)
def test_a_sample_fits_its_schema(schema: dict[str, Any], value: Any) -> None:
    """A text that is not known says what it stands for."""
    assert samples.sample("x", schema) == value
    assert mismatch(value, schema) == ""


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_action_has_a_result_that_fits_what_it_declares(name: str) -> None:
    """All its fields are there, with the declared types; the secret ones are wrapped."""
    spec = CATALOGUE[name]
    made = samples.result(spec, {})
    assert set(made) == set(spec.result)
    for field, value in made.items():
        assert isinstance(value, Secret) is (field in spec.secrets)
        assert mismatch(value.reveal() if isinstance(value, Secret) else value, spec.result[field]) == ""


def test_a_plan_needs_no_secrets() -> None:
    """Inputs that come from the environment or a file have a sample; what has to be given by hand does not."""
    flow = samples.with_samples(flow_of("a: {final: completed}", head="""\
inputs:
  key:   {type: string, secret: true, env: KEY}
  room:  {type: string, env: ROOM, secret: false}
  topic: {type: string}
  mood:  {type: string, env: MOOD, default: calm, secret: false}
"""))  # fmt: skip
    defaults = {name: declared.schema.get("default") for name, declared in flow.inputs.items()}
    assert defaults == {"key": Secret("‹key›"), "room": "‹room›", "topic": None, "mood": "calm"}
