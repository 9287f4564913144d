"""The actions that address the operator."""

from __future__ import annotations

from retake_flow.ports.actions import Call, Completion


async def tell(call: Call) -> Completion:
    """Tell the operator something: every listener of the journal hears it, the terminal among them."""
    call.note("notice", kind=str(call.inputs.get("kind", "told")), message=str(call.inputs["message"]))
    return Completion()
