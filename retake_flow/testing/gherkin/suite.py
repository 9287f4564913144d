"""Scenarios on a flow, as a plugin of pytest: what is collected, refused, played, and how it ended."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

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
from retake_flow.testing.gherkin.features import twice
from retake_flow.testing.gherkin.lint import Flaw, Flawed, place, shown
from retake_flow.testing.gherkin.phrases import Phrase, Phrases
from retake_flow.testing.gherkin.stash import PREMISE, SUBJECT
from retake_flow.testing.gherkin.verdict import Outcome, Played, Standing, Verdict, failure, last_lines
from retake_flow.testing.runs.trial import Premise
from retake_flow.whatif.simulate import mocks
from retake_flow.whatif.simulate.mocks import Mocks

#: The file with people's own wordings that is looked for beside their features.
PHRASES: Final = "phrases.yaml"
_STEPS: Final = "retake_flow.testing.steps"


@dataclass(slots=True)
class _Progress:
    """A scenario that is being played, and how many of its steps are done."""

    scenario: Scenario
    done: int = 0


_PROGRESS = pytest.StashKey[_Progress]()
_VERDICT = pytest.StashKey[Verdict]()


@dataclass(slots=True)
class UnderTest:
    """What scenarios are played on.

    Attributes:
        flow: The flow, checked.
        inputs: As on the command line.
        mock: A file with the answers of actions, and its content.
        phrases: Files with wordings.
    """

    flow: Flow
    inputs: Mapping[str, str] = field(default_factory=dict)
    mock: tuple[str, bytes] | None = None
    phrases: Sequence[Path] = ()

    def check(self) -> None:
        """Nothing, when scenarios can be played on it.

        Raises:
            InputError: The flow does not take the inputs as they are.
            UsageError: A file with wordings cannot be read.
        """
        # What is missing may still be said by each scenario.
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
        """The answers of the mock file, from the first one on.

        Raises:
            UsageError: It has mistakes.
        """
        if self.mock is None or flow.digest != self.flow.digest:
            return Mocks()
        file, content = self.mock
        return mocks.read(content, file, flow, CATALOGUE)


class Suite:
    """The plugin that is there when a flow is under test.

    Attributes:
        verdicts: How each scenario ended, in the order in which they were played.
        coverage: What of the flow they have reached.
        flaws: Why nothing is played.
        broken: What went wrong beside the scenarios; "" when nothing did.
        interrupted: Whether somebody has pressed Ctrl-C.
        unread: Each `conftest.py` beside the features that has no part in it.
    """

    def __init__(self, under_test: UnderTest) -> None:
        """Take the flow; nothing has been played.

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
        self._under_test = under_test
        self._files: list[FeatureFile] = []

    # --- what is played -----------------------------------------------------------------------------------

    def pytest_configure(self, config: pytest.Config) -> None:
        """Make the steps known, and what each scenario begins with."""
        config.pluginmanager.import_plugin(_STEPS)
        config.stash[PREMISE] = self._premise

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> FeatureFile | None:
        """Take feature files; of a folder not those that are empty: one is, while it is being written."""
        if file_path.suffix != ".feature":
            return None
        if not (file_path.stat().st_size or parent.session.isinitpath(file_path)):
            return None
        return FeatureFile.from_parent(parent, path=file_path)

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """Judge a feature file that is to be played, and not those that merely lie beside it."""
        if isinstance(collector, FeatureFile):
            self._files.append(collector)
            self.flaws += self._flaws(collector)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        """Refuse everything when something would not be played as it is written.

        Raises:
            UsageError: (Of pytest.) It says all that is wrong.
        """
        self.flaws += twice([file.feature for file in self._files if file.feature])
        if self.flaws:
            raise pytest.UsageError("\n" + str(Flawed(self.flaws)))

    def _premise(self) -> Premise:
        under_test = self._under_test
        return Premise(under_test.flow, dict(under_test.inputs), under_test.mocks, self.coverage.machine)

    def _flaws(self, file: FeatureFile) -> Iterator[Flaw]:
        known = collection.known(file)
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
        every = (each for file in files for each in phrases.of_file(Path(shown(file))))
        return [*phrases.of_flow(self._under_test.flow), *every]

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep what went wrong beside the scenarios."""
        self.broken = f"{type(excinfo.value).__name__}: {excinfo.value}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why a file could not be collected."""
        if report.failed:
            self.broken = self.broken or report.longreprtext

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C from what pytest calls an interruption too: files that it could not collect."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    # --- how it goes --------------------------------------------------------------------------------------

    def pytest_bdd_before_scenario(self, request: pytest.FixtureRequest, scenario: Scenario) -> None:
        """A scenario begins."""
        request.node.stash[_PROGRESS] = _Progress(scenario)

    def pytest_bdd_after_step(self, request: pytest.FixtureRequest) -> None:
        """One more of its steps is done."""
        request.node.stash[_PROGRESS].done += 1

    def pytest_bdd_after_scenario(self, request: pytest.FixtureRequest) -> None:
        """Count what it has reached."""
        subject = request.node.stash.get(SUBJECT, None)
        if subject is not None and subject.of is not None:
            self.coverage.see(subject.of)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say why a scenario failed in its own words, not in Python's."""
        report = yield
        if isinstance(item.parent, FeatureFile) and (call.when == "call" or not report.passed):
            verdict = _verdict(item, report, call.excinfo.value if call.excinfo and report.failed else None)
            if report.failed:
                report.longrepr = "\n".join(verdict.explained())
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
        file=shown(item.path),
        line=progress.scenario.line_number if progress else 1,
        outcome=outcome,
        steps=_joined(_steps(item.path, progress, outcome)) if progress else (),
        failure=failure(error) if error else None,
        journal=last_lines(journal) if error else (),
        output="\n".join(text for name, text in report.sections if "Captured" in name) if error else "",
    )


def _title(item: pytest.Item, scenario: Scenario) -> str:
    """The scenario's name; that of an outline's with the example."""
    return scenario.name + item.name[len(getattr(item, "originalname", item.name)) :]


def _steps(file: Path, progress: _Progress, outcome: Outcome) -> Iterator[Played]:
    lines = plain_file.read(file).decode("utf-8-sig").splitlines()
    for number, step in enumerate(progress.scenario.steps):
        standing: Standing = "passed" if number < progress.done else "not played"
        if number == progress.done and outcome == "failed":
            standing = "failed"
        yield _played(step, lines[step.line_number - 1].strip(), standing)


def _joined(steps: Iterator[Played]) -> tuple[Played, ...]:
    """The steps, those that one phrase stands for as one: the first of them that did not pass, or else the last."""
    found: dict[int, Played] = {}
    for step in steps:
        if step.line not in found or found[step.line].standing == "passed":
            found[step.line] = step
    return tuple(found.values())


def _played(step: Step, written: str, standing: Standing) -> Played:
    text = written[len(step.keyword) :].strip()
    raw = step.datatable.raw() if step.datatable else ()
    table = tuple(f"| {' | '.join(map(str, line))} |" for line in raw)
    # What stands in angle brackets is filled in from the examples.
    filled = ".*".join(map(re2.escape, re.split(r"<.+?>", text)))
    if re2.fullmatch(filled, step.name):
        return Played(step.line_number, f"{step.keyword} {step.name}", standing, "", table)
    return Played(step.line_number, written, standing, f"{step.type.capitalize()} {step.name}", table)
