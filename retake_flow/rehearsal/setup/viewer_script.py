"""The script of viewers as data: who does what, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.option_fields import Fields

CommentType = Literal["message", "tip", "trade", "jail", "unjail", "delete", "delete_all"]
CueType = Literal["join", "leave", "follow", CommentType]
Side = Literal["buy", "sell"]

COMMENT_TYPES: tuple[CommentType, ...] = get_args(CommentType)
CUE_TYPES: tuple[CueType, ...] = ("join", "leave", "follow", *COMMENT_TYPES)
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True, slots=True)
class Cue:
    """One act of a viewer.

    Attributes:
        at: Seconds after the stream went live.
        name: The viewer; an act implies that the viewer has joined.
        type: The kind of act; tips, trades and moderation events show only in the observed chat shape, and a follow
            in no chat at all.
        text: The text that is written.
        amount: The amount of a tip or trade.
        side: Whether a trade buys or sells.
        token: The address of the traded token; empty for the agent's own.
    """

    at: float
    name: str
    type: CueType = "message"
    text: str = ""
    amount: float = 0.0
    side: Side = "buy"
    token: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Cue:
        """Read a cue from JSON; with a text it is a message, without one the viewer just joins.

        Raises:
            UsageError: The JSON is not a cue.
        """
        text = fields.text("text", "")
        cue = cls(
            at=fields.number("at", 0.0),
            name=fields.text("name"),
            type=fields.choice("type", CUE_TYPES, "message" if text else "join"),
            text=text,
            amount=fields.number("amount", 0.0),
            side=fields.choice("side", SIDES, "buy"),
            token=fields.text("token", ""),
        )
        fields.end()
        if cue.type == "message" and not text:
            raise UsageError(f"{fields.where}: a message needs a text")
        return cue


# Four viewers in the first minute; the first comes soon, so that a greeter can greet at once.
DEFAULT_SCRIPT = (
    Cue(1.2, "mira", text="hi! just found this stream"),
    Cue(5.0, "kenji", "join"),
    Cue(8.5, "kenji", text="what are you working on today?"),
    Cue(17.0, "mira", text="the terminal look is great"),
    Cue(24.0, "zofia", text="hello from Warsaw"),
    Cue(33.0, "kenji", "tip", text="keep going", amount=5.0),
    Cue(41.0, "ade", text="hey, does the agent really answer?"),
    Cue(50.0, "zofia", text="have to run, see you!"),
    Cue(52.0, "zofia", "leave"),
    Cue(58.0, "mira", text="what comes next?"),
)
