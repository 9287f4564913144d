"""Port for notices to people who are not at the terminal."""

from __future__ import annotations

from typing import Literal, Protocol

from retake_flow.quick_dataclasses import dataclass

Kind = Literal["gate", "reminder", "escalation", "live", "told", "trouble", "recovered", "tip", "milestone", "warning",
               "shared", "ended"]  # fmt: skip

#: The default audience, also for notices whose audience has no channel.
OPERATOR = "operator"
#: The communities to which a stream's link is shared; they get no other notices.
SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about a run for people.

    Attributes:
        kind: The reason for it.
        title: The subject, on one line.
        text: The rest; plain text, free of secrets.
        audience: The people it is for.
        about: The id of the gate that it asks to answer; "" when there is none.
    """

    kind: Kind
    title: str
    text: str
    audience: str = OPERATOR
    about: str = ""


class Notifier(Protocol):
    """One channel to one audience."""

    @property
    def channel(self) -> str:
        """The name of the channel in the journal; contains no secret."""

    @property
    def audience(self) -> str:
        """The audience that it reaches."""

    async def send(self, notice: Notice) -> None:
        """Deliver a notice within a limited time.

        Raises:
            NoticeFailed: It did not arrive, as far as is known.
        """
