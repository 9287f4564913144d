"""The errors that actions may end with, by kind."""

from __future__ import annotations

from dataclasses import dataclass

from retake_flow.errors import kinds


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of an action.

    Attributes:
        message: The message for people.
        permanent: Whether a retry cannot help, or could do the action twice.
    """

    kind: str
    message: str
    permanent: bool = False


def failure(kind: str, *, once: bool = False) -> Failure:
    """The error of a kind, with its general message.

    Args:
        kind: The kind of the error.
        once: Whether the action is not repeated when it may already have been done.
    """
    known = kinds().get(kind)
    if known is None:
        return Failure(kind, kind)
    words = (known.__doc__ or kind).partition("\n")[0].rstrip(".")
    permanent = known.fault == "operator" or not known.passing or (once and known.doubtful)
    return Failure(kind, words, permanent)
