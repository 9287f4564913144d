"""What was found when something was tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from retake_flow.errors import RetakeFlowError

#: `ok`; `warning`: a stream goes on without; `missing`: it does not; `skipped`: it was not tried.
Status = Literal["ok", "warning", "missing", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        check: What was tried, in one word that stays the same.
        status: How it went.
        message: In words for a person.
        hint: What to do about it, with the command where there is one.
    """

    check: str
    status: Status
    message: str
    hint: str = ""


def failed(check: str, error: RetakeFlowError, status: Status = "missing") -> Finding:
    """An error as a finding."""
    return Finding(check, status, error.message, error.hint)


async def tried(check: str, trial: Callable[[], Awaitable[Finding]], status: Status = "missing") -> Finding:
    """What a trial finds, or why it failed.

    Args:
        check: What is tried.
        trial: Tries it.
        status: Of a failure.
    """
    try:
        return await trial()
    except RetakeFlowError as error:
        return failed(check, error, status)
    except Exception as error:  # one trial must not hide the others
        return Finding(check, status, f"it could not be tried: {type(error).__name__}: {error}")
