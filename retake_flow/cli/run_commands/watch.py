"""`retake-flow watch`: follows a run that another process drives."""

from __future__ import annotations

import argparse
import time
from contextlib import closing

from retake_flow import printable
from retake_flow.cli.session.views import View, view_for
from retake_flow.monitor.journal_text import lines
from retake_flow.monitor.run_text import not_driven
from retake_flow.ports.runs import Runs, Stored
from retake_flow.run import records
from retake_flow.run.records import Record, record_to_stored
from retake_flow.run.run import Phase
from retake_flow.run.vitals import Vitals
from retake_flow.settings import Settings
from retake_flow.wiring.storing import load_with_driver, open_store

_EVERY = 0.3
_FIRST = 10
#: When the report that the stream is off air is first repeated, in seconds; then whenever that time has doubled.
_OFF_AIR_AGAIN = 10.0


def watch(args: argparse.Namespace) -> int:
    """Follow a run. The exit code is 0 when it completes, 1 when it ends otherwise, and 4 when it is suspended."""
    with closing(open_store(Settings.from_environment())) as store:
        run = store.find(args.run)
        with view_for(args.json, printable.line(run), "Ctrl-C ends only `watch`") as view:
            last = _Watch(store, run, view).follow(whole=args.json)
    if not last.run.ended:
        return 4
    return 0 if last.run.succeeded else 1


class _Watch:
    """Shows the journal of a run as it grows."""

    def __init__(self, store: Runs, run: str, view: View) -> None:
        self._store = store
        self._run = run
        self._view = view
        self._number = 0

        self._told_of_death = False
        self._vitals = Vitals()
        self._ahead = 0.0  # by how many seconds the run's time is ahead of the wall clock
        self._off_air_told = 0.0

    def follow(self, *, whole: bool) -> Stored:
        """Show what happens until the run ends or is suspended, and return the run as it was then."""
        stored, driven = load_with_driver(self._store, self._run)
        self._before(whole)
        while not stored.run.ended and (driven or stored.run.phase is not Phase.SUSPENDED):
            self._note_death(stored, driven)
            self._note_off_air()
            time.sleep(_EVERY)
            # Before the journal, so that no record of an end is missed.
            stored, driven = load_with_driver(self._store, self._run)
            self._news()
        return stored

    def _before(self, whole: bool) -> None:
        journal = self._store.journal(self._run)
        telling = [number for number, record in journal if lines(record)][-_FIRST:]
        for number, record in journal:
            show = self._view.on_record if whole or number in telling else self._view.earlier
            show({"number": number, **record})
            self._take(number, record)

    def _news(self) -> None:
        for number, record in self._store.journal(self._run, self._number):
            self._view.on_record({"number": number, **record})
            self._take(number, record)

    def _take(self, number: int, record: Record) -> None:
        self._number = number
        self._vitals.note(record)
        self._ahead = record.get("ahead", 0.0)

    def _note_death(self, stored: Stored, driven: bool) -> None:
        """Report once that no process drives the run."""
        if not (driven or self._told_of_death):
            told = not_driven(self._run, stored.holder, submitted=stored.submitted)
            self._vitals.note(told)
            self._view.on_record(told)
        self._told_of_death = not driven

    def _note_off_air(self) -> None:
        """Report for how long the stream has been off air, at increasing intervals."""
        now = time.time() + self._ahead
        seconds = self._vitals.off_air(now)
        if seconds is None:
            self._off_air_told = 0.0
        elif seconds >= self._off_air_told:
            self._off_air_told = max(_OFF_AIR_AGAIN, 2 * seconds)
            told = records.record("off_air", now, seconds=round(seconds, 1), message=self._vitals.stream(now))
            self._view.on_record(record_to_stored(told, self._ahead))
