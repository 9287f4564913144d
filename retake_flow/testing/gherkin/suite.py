"""A pytest plugin that collects, checks and plays the scenarios of a flow, and keeps their verdicts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import re2
from pytest_bdd.parser import Scenario, Step
from pytest_bdd.steps import StepFunctionContext

from retake_flow import plain_file
from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import UsageError
from retake_flow.flow.load.inputs import resolve
from retake_flow.flow.model import Flow
from retake_flow.sanitize import one_line
from retake_flow.testing.gherkin import collection, phrases
from retake_flow.testing.gherkin.collection import FeatureFile
from retake_flow.testing.gherkin.coverage import Coverage
from retake_flow.testing.gherkin.features import duplicates
from retake_flow.testing.gherkin.lint import Flaw, Flawed, display_path, place
from retake_flow.testing.gherkin.phrases import Phrase, Phrases
from retake_flow.testing.gherkin.verdict import Outcome, PlayedStep, Standing, Verdict, failure, last_lines
from retake_flow.testing.gherkin.vocabulary import require_playable
from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.trial import Premise
from retake_flow.whatif.simulate import mocks
from retake_flow.whatif.simulate.mocks import Mocks

#: The file with users' phrases next to their features.
PHRASES: Final = "phrases.yaml"
_STEPS: Final = "retake_flow.testing.steps"


@dataclass(slots=True)
class _Progress:
    """A scenario that is being played, and how many of its steps are done."""

    scenario: Scenario
    done: int = 0


_PROGRESS = pytest.StashKey[_Progress]()


@dataclass(slots=True)
class UnderTest:
    """The flow under test and its settings.

    Attributes:
        flow: The checked flow.
        inputs: As on the command line.
        mock: A file with the results of actions, and its content.
        phrases: Files with phrases.
    """

    flow: Flow
    inputs: Mapping[str, str] = field(default_factory=dict)
    mock: tuple[str, bytes] | None = None
    phrases: Sequence[Path] = ()

    def check(self) -> None:
        """Check that scenarios can be played on it.

        Raises:
            InputError: The flow does not take the inputs as they are.
            UsageError: A file with wordings cannot be read.
        """
        # Each scenario may still set missing inputs.
        declared = {
            name: each if name in self.inputs else replace(each, schema={**each.schema, "optional": True})
            for name, each in self.flow.inputs.items()
        }
        resolve(replace(self.flow, inputs=declared), self.inputs)
        for file in self.phrases:
            try:
                plain_file.read(file)
            except OSError as error:
                raise UsageError(f"{one_line(str(file))} cannot be read: {error.strerror}") from None

    def mocks(self, flow: Flow) -> Mocks:
        """The results in the mock file, beginning with the first.

        Raises:
            UsageError: The file has mistakes.
        """
        if self.mock is None or flow.digest != self.flow.digest:
            return Mocks()
        file, content = self.mock
        return mocks.read(content, file, flow, CATALOGUE)


class Suite:
    """The plugin for a flow under test.

    Attributes:
        verdicts: The verdict of each scenario, in the order of play.
        coverage: The coverage of the flow.
        flaws: The mistakes because of which nothing is played.
        broken: The error outside the scenarios; "" if there was none.
        interrupted: Whether Ctrl-C was pressed.
        unread: Each `conftest.py` beside the features that was not loaded.
        python: Whether Python of the flow and of the features may run.
    """

    def __init__(self, under_test: UnderTest) -> None:
        """Take the flow under test.

        Raises:
            InputError: The flow does not take the inputs as they are.
            UsageError: A file with wordings cannot be read.
        """
        under_test.check()
        self.verdicts: list[Verdict] = []
        self.coverage = Coverage(under_test.flow)
        self.flaws: list[Flaw] = []
        self.broken = ""
        self.interrupted = False
        self.unread: list[Path] = []
        self.python = False
        self._under_test = under_test
        self._files: list[FeatureFile] = []

    # --- collection -----------------------------------------------------------------------------------

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the steps, and the premise of each scenario."""
        config.pluginmanager.import_plugin(_STEPS)
        config.stash[PREMISE] = self._premise

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> FeatureFile | None:
        """Collect feature files; in a folder, skip empty ones, as files are while they are being written."""
        if file_path.suffix != ".feature":
            return None
        if not (file_path.stat().st_size or parent.session.isinitpath(file_path)):
            return None
        return FeatureFile.from_parent(parent, path=file_path)

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """Check a feature file that is to be played, but none that only happens to be in its folder."""
        if isinstance(collector, FeatureFile):
            self._files.append(collector)
            self.flaws += self._flaws(collector)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        """Refuse everything if anything would not be played as written.

        Raises:
            UsageError: (Of pytest.) It lists all mistakes.
        """
        self.flaws += duplicates([file.feature for file in self._files if file.feature])
        if self.flaws:
            raise pytest.UsageError("\n" + str(Flawed(self.flaws)))

    def _premise(self) -> Premise:
        under_test = self._under_test
        return Premise(under_test.flow, dict(under_test.inputs), under_test.mocks, self.coverage.machine, self.python)

    def _flaws(self, file: FeatureFile) -> Iterator[Flaw]:
        known = collection.available_steps(file)
        try:
            spoken = Phrases(self._phrases(file.path.parent))
        except Flawed as error:
            yield from error.flaws
            return
        flaws = list(spoken.flaws(partial(collection.is_step, contexts=known), partial(_near, known)))
        yield from flaws
        if not flaws:
            yield from file.flaws(spoken)

    def _phrases(self, folder: Path) -> list[Phrase]:
        files = dict.fromkeys(file.resolve() for file in self._under_test.phrases)
        beside = folder / PHRASES
        if beside.resolve() not in files and os.path.lexists(beside):
            if not beside.resolve().is_relative_to(folder.resolve()):
                hint = "name the file that it leads to with --phrases, if you want it"
                raise Flawed([Flaw(place(beside, 1), f"{PHRASES} leads out of its folder", hint)])
            files[beside] = None
        every = (each for file in files for each in phrases.of_file(Path(display_path(file))))
        return [*phrases.of_flow(self._under_test.flow), *every]

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep an error outside the scenarios."""
        self.broken = f"{type(excinfo.value).__name__}: {excinfo.value}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the reason why a file could not be collected."""
        if report.failed:
            self.broken = self.broken or report.longreprtext

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Distinguish Ctrl-C from files that pytest could not collect, which it also calls an interruption."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    # --- execution --------------------------------------------------------------------------------------

    def pytest_bdd_before_scenario(self, request: pytest.FixtureRequest, scenario: Scenario) -> None:
        """Note that a scenario begins."""
        request.node.stash[_PROGRESS] = _Progress(scenario)

    def pytest_bdd_before_step_call(self, step_func_args: Mapping[str, Any]) -> None:
        """Refuse steps with numbers that are too large to play."""
        require_playable(step_func_args)

    def pytest_bdd_after_step(self, request: pytest.FixtureRequest) -> None:
        """Note that one more of its steps is done."""
        request.node.stash[_PROGRESS].done += 1

    def pytest_bdd_after_scenario(self, request: pytest.FixtureRequest) -> None:
        """Count the states and transitions that it has reached."""
        subject = request.node.stash.get(SUBJECT, None)
        if subject is not None and subject.of is not None:
            self.coverage.see(subject.of)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Report why a scenario failed in the scenario's words, not in Python's."""
        report = yield
        if isinstance(item.parent, FeatureFile) and (call.when == "call" or not report.passed):
            verdict = _verdict(item, report, call.excinfo.value if call.excinfo and report.failed else None)
            if report.failed:
                report.longrepr = "\n".join(verdict.explanation())
            self.verdicts.append(verdict)
        return report


def _near(known: Sequence[StepFunctionContext], text: str) -> str:
    return collection.near(text, "given", known)


def _verdict(item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> Verdict:
    progress = item.stash.get(_PROGRESS, None)
    feature = item.parent.feature if isinstance(item.parent, FeatureFile) else None
    outcome: Outcome = report.outcome
    subject = item.stash.get(SUBJECT, None)
    journal = subject.of.journal if subject is not None and subject.of is not None else ()
    return Verdict(
        scenario=item.name if progress is None else _title(item, progress.scenario),
        feature=feature.name if feature else "",
        file=display_path(item.path),
        line=progress.scenario.line_number if progress else 1,
        outcome=outcome,
        steps=_join_phrases(_steps(item.path, progress, outcome)) if progress else (),
        failure=failure(error) if error else None,
        journal=last_lines(journal) if error else (),
        output="\n".join(text for name, text in report.sections if "Captured" in name) if error else "",
    )


def _title(item: pytest.Item, scenario: Scenario) -> str:
    """The scenario's name; for an outline, with the example."""
    return scenario.name + item.name[len(getattr(item, "originalname", item.name)) :]


def _steps(file: Path, progress: _Progress, outcome: Outcome) -> Iterator[PlayedStep]:
    lines = plain_file.read(file).decode("utf-8-sig").splitlines()
    for number, step in enumerate(progress.scenario.steps):
        standing: Standing = "passed" if number < progress.done else "not played"
        if number == progress.done and outcome == "failed":
            standing = "failed"
        yield _played_step(step, lines[step.line_number - 1].strip(), standing)


def _join_phrases(steps: Iterator[PlayedStep]) -> tuple[PlayedStep, ...]:
    """The steps, with the steps of a phrase as one: the first that did not pass, or else the last."""
    found: dict[int, PlayedStep] = {}
    for step in steps:
        if step.line not in found or found[step.line].standing == "passed":
            found[step.line] = step
    return tuple(found.values())


def _played_step(step: Step, written: str, standing: Standing) -> PlayedStep:
    text = written[len(step.keyword) :].strip()
    raw = step.datatable.raw() if step.datatable else ()
    table = tuple(f"| {' | '.join(map(str, line))} |" for line in raw)
    # Names in angle brackets are filled in from the examples.
    filled = ".*".join(map(re2.escape, re.split(r"<.+?>", text)))
    if re2.fullmatch(filled, step.name):
        return PlayedStep(step.line_number, f"{step.keyword} {step.name}", standing, "", table)
    return PlayedStep(step.line_number, written, standing, f"{step.type.capitalize()} {step.name}", table)


#: Makes the premise of a scenario; stored in the configuration if a flow is under test.
PREMISE = pytest.StashKey[Callable[[], Premise]]()
#: The subject of a scenario; stored in its test.
SUBJECT = pytest.StashKey[Subject]()
