"""Port for notices to people who are not at the terminal."""

from __future__ import annotations

from typing import Literal, Protocol

from retake_flow.quick_dataclasses import dataclass

Kind = Literal["gate", "reminder", "escalation", "live", "told", "trouble", "recovered", "tip", "milestone", "warning",
               "shared", "ended"]  # fmt: skip

#: Who is told what is addressed to nobody else, or to somebody who has no channel.
OPERATOR = "operator"
#: Where the link of a stream is shared: communities, which hear nothing else.
SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody is to hear of a run.

    Attributes:
        kind: Why they hear of it.
        title: What it is about, on one line.
        text: The rest; plain text, free of secrets.
        audience: Whom it is for.
        about: The id of the gate that it asks to answer, "" when there is none.
    """

    kind: Kind
    title: str
    text: str
    audience: str = OPERATOR
    about: str = ""


class Notifier(Protocol):
    """One channel to somebody."""

    @property
    def channel(self) -> str:
        """What the channel is called in the journal; tells no secret."""
        ...

    @property
    def audience(self) -> str:
        """Who is reached by it."""
        ...

    async def send(self, notice: Notice) -> None:
        """Deliver a notice, in a time that is limited.

        Raises:
            NoticeFailed: It did not arrive, as far as one knows.
        """
        ...
