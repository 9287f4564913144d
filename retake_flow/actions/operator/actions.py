"""Operator actions: notify the operator."""

from __future__ import annotations

from retake_flow.actions.base import Family
from retake_flow.ports.actions import Call, Completion


class OperatorActions(Family):
    """Notifies the operator."""

    def __init__(self) -> None:
        self.tasks = {"operator.tell": self.tell}

    async def tell(self, call: Call) -> Completion:
        """Notify the operator through a record, which reaches every listener of the journal, including the terminal."""
        call.note("notice", kind=str(call.inputs["kind"]), message=str(call.inputs["message"]))
        return Completion()
