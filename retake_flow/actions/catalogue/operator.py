"""The declarations of the actions that address the operator."""

from __future__ import annotations

from typing import Final

from retake_flow.actions.catalogue.schemas import TEXT
from retake_flow.flow.catalogue import ActionSpec

SPECS: Final = (
    ActionSpec(
        "operator.tell",
        "Tell the operator something: in the terminal, in the journal, and by notices.",
        inputs={
            "message": {**TEXT, "minLength": 1},
            "kind": {"type": "string", "enum": ["told", "live", "trouble"], "default": "told"},
        },
        says="message",
    ),
)
