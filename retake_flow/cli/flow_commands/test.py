"""`retake-flow test`: runs a user's own scenarios on their own flow, in virtual time."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from retake_flow import printable
from retake_flow.cli import flow_file, terminal
from retake_flow.cli.arguments import pairs
from retake_flow.errors import UsageError
from retake_flow.flow.text import locate
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings
from retake_flow.testing.gherkin.coverage import Coverage, words
from retake_flow.testing.gherkin.lint import display_path
from retake_flow.testing.gherkin.suite import Suite, UnderTest
from retake_flow.testing.gherkin.verdict import Verdict


def test(args: argparse.Namespace) -> int:
    """Run scenarios. The exit code is 0 when all pass, and 1 when one fails."""
    if args.steps:
        return _steps(args.json)
    if args.flow is None:
        raise UsageError("say which flow", hint="retake-flow test my-flow.yaml features/")

    suite = Suite(_under_test(args))
    play(suite, find_features(args.flow, args.features), args.select, python=args.python)
    (_emit if args.json else _tell)(suite, args.coverage)
    return 1 if any(verdict.outcome == "failed" for verdict in suite.verdicts) else 0


def play(suite: Suite, features: Sequence[Path], select: str = "", *, python: bool) -> None:
    """Run features, and report Python files next to them that were not loaded."""
    from retake_flow.testing.gherkin.pytest_session import play

    try:
        play(suite, features, select, python=python)
    finally:
        if suite.unread:
            files = ", ".join(map(display_path, suite.unread))
            terminal.advise(printable.line(f"retake-flow: not run: {files}; --python takes the steps in it"))


def _under_test(args: argparse.Namespace) -> UnderTest:
    flow = flow_file.open_flow(args.flow, Settings.from_environment(), args.allow_outside)
    mock = None if args.mock is None else (args.mock, flow_file.content_of(args.mock))
    under_test = UnderTest(flow, pairs(args.set), mock, [Path(file) for file in args.phrases])
    under_test.mocks(flow)
    return under_test


def find_features(flow: str, given: Sequence[str]) -> list[Path]:
    """The features that the user named; without any, those next to the flow.

    Raises:
        UsageError: A feature does not exist, or is not a feature file.
    """
    features = [Path(name) for name in given] or [locate.find(flow).parent / "features"]
    if not given and not features[0].resolve().is_relative_to(features[0].parent.resolve()):
        raise UsageError(
            f"{one_line(str(features[0]))} leads out of the flow's folder", hint="name it on the command line to run it"
        )
    for path in features:
        if not path.exists():
            hint = "" if given else "say where your scenarios are: retake-flow test FLOW FEATURES"
            raise UsageError(f"there is no {one_line(str(path))}", hint=hint)
        if path.is_file() and path.suffix != ".feature":
            raise UsageError(f"{one_line(str(path))} is not a feature file", hint="scenarios are in files NAME.feature")
    return features


# --- reporting -------------------------------------------------------------------------------------------------


def _emit(suite: Suite, coverage: str) -> None:
    for verdict in suite.verdicts:
        terminal.emit(verdict.as_json())
    counted = _count_verdicts(suite.verdicts)
    covered = {} if coverage == "off" else {"coverage": suite.coverage.as_json()}
    terminal.emit({"summary": counted, **covered, "next": []})


def _tell(suite: Suite, coverage: str) -> None:
    file = ""
    for verdict in suite.verdicts:
        if verdict.file != file:
            file = verdict.file
            terminal.say(printable.line(f"{file}: {verdict.feature}"))
        mark = {"passed": "ok", "failed": "FAILED"}.get(verdict.outcome, verdict.outcome)
        terminal.say(f"{mark:>8}  {printable.line(verdict.scenario)}")
    for verdict in suite.verdicts:
        if verdict.outcome == "failed":
            terminal.say("")
            for line in verdict.explanation():
                terminal.say(printable.text(line))
    counted = _count_verdicts(suite.verdicts)
    terminal.say("")
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counted.items() if count)
    terminal.say(f"{terminal.counted(len(suite.verdicts), 'scenario')}: {outcomes}")
    if coverage != "off":
        for line in _coverage(suite.coverage, full=coverage == "full"):
            terminal.say(printable.text(line))


def _count_verdicts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    outcomes = [verdict.outcome for verdict in verdicts]
    return {name: outcomes.count(name) for name in ("passed", "failed", "skipped")}


def _coverage(coverage: Coverage, *, full: bool) -> Iterator[str]:
    states, routes = coverage.missed_states, coverage.missed_routes
    reached = f"{len(coverage.states) - len(states)} of {len(coverage.states)} states"
    taken = f"{len(coverage.routes) - len(routes)} of {len(coverage.routes)} transitions"
    more = "" if full or not (states or routes) else "  (--coverage full lists the others)"
    yield f"reached: {reached}, {taken}{more}"
    if full:
        yield from (f"  {state.position}: never in {state.path}" for state in states)
        yield from (f"  {route.position}: never taken {words(route)}" for route in routes)


def _steps(as_json: bool) -> int:
    from retake_flow.testing.phrasebook import steps

    topic = kind = ""
    for step in steps():
        if as_json:
            terminal.emit(asdict(step))
            continue
        if step.topic != topic:
            terminal.say(("\n" if topic else "") + step.topic)
        if (step.topic, step.kind) != (topic, kind):
            terminal.say(f"  {step.kind}")
        topic, kind = step.topic, step.kind
        for line in (f"  {step.wording}", f"      {step.meaning}", *(f"      {s}" for s in step.example.splitlines())):
            terminal.say(f"  {line}")
    return 0
