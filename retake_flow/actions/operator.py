"""Operator actions: notify the operator."""

from __future__ import annotations

from typing import Final

from retake_flow.actions.base import TEXT, WORDS, Family, described
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.schema.builders import TOLD
from retake_flow.ports.actions import Call, Completion

SPECS: Final = (
    ActionSpec(
        "operator.tell",
        "Send the operator a message: in the terminal, in the journal, and as a notice.",
        inputs={
            "message": WORDS,
            "kind": described(
                TEXT,
                "The kind of the notice; `shared` goes only to the addresses of that audience.",
                enum=["live", *TOLD],
                default="told",
            ),
        },
        says="message",
    ),
)


class OperatorActions(Family):
    """Notifies the operator."""

    def __init__(self) -> None:
        self.tasks = {"operator.tell": self.tell}

    async def tell(self, call: Call) -> Completion:
        """Notify the operator through a record, which reaches every listener of the journal, including the terminal."""
        call.note("notice", kind=str(call.inputs["kind"]), message=str(call.inputs["message"]))
        return Completion()
