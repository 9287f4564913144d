"""The responder that is there by default: it welcomes newcomers by their names."""

from __future__ import annotations

from collections.abc import Sequence

from retake_flow.ports.responders import Answer, Batch

_NAMED_AT_ONCE = 5


class Greeter:
    """Says one greeting to all newcomers of a batch.

    Args:
        greeting: What it says; `{names}` stands for their names.
    """

    def __init__(self, greeting: str) -> None:
        self._greeting = greeting

    async def respond(self, batch: Batch) -> Answer:
        """Greet those who never wrote before."""
        names = tuple(message.author for message in batch.messages if message.newcomer)
        # Replaced and not formatted: braces in a name are a name.
        greeting = self._greeting.replace("{names}", _joined(names))
        return Answer((greeting,), names, renewed=True) if names else Answer()


def _joined(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_ONCE
    shown = [*names[:_NAMED_AT_ONCE], f"{more} more"] if more > 0 else list(names)
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
