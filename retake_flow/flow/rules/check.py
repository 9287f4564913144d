"""Checks a flow against its rules and reports those that it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.model import Flow
from retake_flow.flow.rules import load, messages, model_checker
from retake_flow.flow.rules.load import Read
from retake_flow.flow.rules.model import RuleSet
from retake_flow.flow.rules.model_checker import Breach


def find_breaches(flow: Flow, catalogue: Catalogue) -> tuple[Breach, ...]:
    """The rules that a flow can break, from the platform and from the files that it names.

    Args:
        flow: The flow, loaded without mistakes.
        catalogue: Its actions.
    """
    return model_checker.find_breaches(flow, catalogue, _readable(load.own(flow, catalogue), catalogue))


def problems(flow: Flow, catalogue: Catalogue) -> Iterator[Problem]:
    """The broken rules of a flow, and problems with its rules files; arguments as for `find_breaches`."""
    own = list(load.own(flow, catalogue))
    for read in own:
        yield from read.problems
    for breach in model_checker.find_breaches(flow, catalogue, _readable(own, catalogue)):
        yield messages.problem(breach)


def _readable(own: Iterable[Read], catalogue: Catalogue) -> Iterator[RuleSet]:
    """The platform's rules, and the flow's own that could be read."""
    yield load.platform(catalogue)
    yield from (read.rules for read in own if read.rules is not None)
