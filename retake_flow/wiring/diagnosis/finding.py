"""Finding: the result of one check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from retake_flow.errors import RetakeFlowError

#: `ok`; `warning`: a stream works without it; `missing`: it does not; `skipped`: it was not tried.
Status = Literal["ok", "warning", "missing", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        check: The name of the check, which stays the same.
        status: The result.
        message: The result in words for a person.
        hint: How to fix it, with the command if there is one.
    """

    check: str
    status: Status
    message: str
    hint: str = ""


def failure(check: str, error: RetakeFlowError, status: Status = "missing") -> Finding:
    """An error as a finding."""
    return Finding(check, status, error.message, error.hint)


async def attempt(check: str, trial: Callable[[], Awaitable[Finding]], status: Status = "missing") -> Finding:
    """The finding of a trial, or its error as a finding with this status."""
    try:
        return await trial()
    except RetakeFlowError as error:
        return failure(check, error, status)
    except Exception as error:  # one trial must not hide the others
        return Finding(check, status, f"the check failed: {type(error).__name__}: {error}")
