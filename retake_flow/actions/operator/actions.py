"""The actions that address the operator."""

from __future__ import annotations

from retake_flow.actions.base import Family
from retake_flow.ports.actions import Call, Completion


class OperatorActions(Family):
    """What the operator hears of."""

    def __init__(self) -> None:
        self.tasks = {"operator.tell": self.tell}

    async def tell(self, call: Call) -> Completion:
        """Tell the operator something: every listener of the journal hears it, the terminal among them."""
        call.note("notice", kind=str(call.inputs.get("kind", "told")), message=str(call.inputs["message"]))
        return Completion()
