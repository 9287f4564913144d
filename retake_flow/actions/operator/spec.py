"""Specs of the operator actions."""

from __future__ import annotations

from typing import Final

from retake_flow.actions.spec_schemas import TEXT
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.schema.builders import TOLD

SPECS: Final = (
    ActionSpec(
        "operator.tell",
        "Tell the operator something: in the terminal, in the journal, and by notices.",
        inputs={
            "message": {**TEXT, "minLength": 1},
            "kind": {
                "type": "string",
                "enum": ["live", *TOLD],
                "default": "told",
                "description": "What sort of notice it is; `shared` goes to the addresses of that audience alone.",
            },
        },
        says="message",
    ),
)
