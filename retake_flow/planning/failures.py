"""The errors that actions may end with, as far as their kind tells."""

from __future__ import annotations

from dataclasses import dataclass

from retake_flow.errors import kinds


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of an action.

    Attributes:
        message: What it says to people.
        permanent: Trying again cannot help, a person has to act.
    """

    kind: str
    message: str
    permanent: bool = False


def failure(kind: str) -> Failure:
    """The error of a kind, in the words it has when nothing more is known."""
    known = kinds().get(kind)
    if known is None:
        return Failure(kind, kind)
    words = (known.__doc__ or kind).partition("\n")[0].rstrip(".")
    return Failure(kind, words, known.fault == "operator")
