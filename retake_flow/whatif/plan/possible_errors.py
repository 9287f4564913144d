"""The errors that actions may end with, as far as their kind tells."""

from __future__ import annotations

from dataclasses import dataclass

from retake_flow.errors import kinds


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of an action.

    Attributes:
        message: What it says to people.
        permanent: Trying again cannot help, or would be once too often.
    """

    kind: str
    message: str
    permanent: bool = False


def failure(kind: str, *, once: bool = False) -> Failure:
    """The error of a kind, in the words it has when nothing more is known.

    Args:
        kind: Which.
        once: Of an action that is not done again when nobody knows whether it was done.
    """
    known = kinds().get(kind)
    if known is None:
        return Failure(kind, kind)
    words = (known.__doc__ or kind).partition("\n")[0].rstrip(".")
    permanent = known.fault == "operator" or not known.passing or (once and known.doubtful)
    return Failure(kind, words, permanent)
