"""Durations: reads time spans on the command line."""

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
