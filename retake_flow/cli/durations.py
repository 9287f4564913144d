"""Durations: reads time spans and moments on the command line."""

from __future__ import annotations

import argparse


def span(text: str) -> float:
    """The seconds in an argument such as `30d` or `2m`.

    Raises:
        ArgumentTypeError: The text is not a duration.
    """
    from retake_flow.flow.duration import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def moment(text: str) -> float:
    """The moment in an argument such as `18:00`, `2026-12-24T18:00` or `2h`, in seconds since the epoch.

    Without a zone it is in local time; a time of day is the next one.

    Raises:
        ArgumentTypeError: The text is no moment.
    """
    from datetime import datetime, time, timedelta

    from retake_flow.flow.duration import seconds

    now = datetime.now().astimezone()
    try:
        return now.timestamp() + seconds(text)
    except ValueError:
        pass
    try:
        if len(text) <= len("18:00:00"):
            at = datetime.combine(now.date(), time.fromisoformat(text)).astimezone()
            return (at if at > now else datetime.combine(now.date() + timedelta(1), at.time()).astimezone()).timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        said = f"{text!r} is no moment: write 18:00, 2026-12-24T18:00, 2026-12-24T18:00+01:00, or a time from now as 2h"
        raise argparse.ArgumentTypeError(said) from None
