"""`retake-flow watch`: follows a run that another process drives."""

from __future__ import annotations

import argparse
import time

from retake_flow import printable
from retake_flow.cli.session.views import View, view_for
from retake_flow.monitor.following import Following
from retake_flow.monitor.journal_text import lines
from retake_flow.ports.runs import Runs
from retake_flow.run import records
from retake_flow.run.records import record_to_stored
from retake_flow.run.run import Phase, Run
from retake_flow.wiring.storing import named_run

_EVERY = 0.3
_FIRST = 10
#: When the report that the stream is off air is first repeated, in seconds; then whenever that time has doubled.
_OFF_AIR_AGAIN = 10.0


def watch(args: argparse.Namespace) -> int:
    """Follow a run. The exit code is 0 when it completes, 1 when it ends otherwise, and 4 when it is suspended."""
    hint = "Ctrl-C ends only `watch`"
    with named_run(args.run) as (store, run), view_for(args.json, printable.line(run), hint) as view:
        last = _Watch(store, run, view).follow(whole=args.json)
    if not last.has_ended:
        return 4
    return 0 if last.has_succeeded else 1


class _Watch:
    """Shows the journal of a run as it grows."""

    def __init__(self, store: Runs, run: str, view: View) -> None:
        self._followed = Following(store, run, after=0)
        self._view = view
        self._told_of_death = False
        self._off_air_told = 0.0

    def follow(self, *, whole: bool) -> Run:
        """Show what happens until the run ends or is suspended, and return the run as it was then."""
        followed = self._followed
        self._show_past(whole)
        while not (run := followed.stored.run).has_ended and (followed.driven or run.phase is not Phase.SUSPENDED):
            self._note_death()
            self._note_off_air()
            time.sleep(_EVERY)
            followed.look()
            for number, record in followed.records.items():
                self._view.on_record({"number": number, **record})
        return run

    def _show_past(self, whole: bool) -> None:
        journal = self._followed.records
        telling = [number for number, record in journal.items() if lines(record)][-_FIRST:]
        for number, record in journal.items():
            show = self._view.on_record if whole or number in telling else self._view.earlier
            show({"number": number, **record})

    def _note_death(self) -> None:
        """Report once that no process drives the run."""
        if not (self._followed.driven or self._told_of_death):
            told = self._followed.undriven
            self._followed.figures.vitals.note(told)
            self._view.on_record(told)
        self._told_of_death = not self._followed.driven

    def _note_off_air(self) -> None:
        """Report for how long the stream has been off air, at increasing intervals."""
        now, vitals = self._followed.now, self._followed.figures.vitals
        seconds = vitals.off_air(now)
        if seconds is None:
            self._off_air_told = 0.0
        elif seconds >= self._off_air_told:
            self._off_air_told = max(_OFF_AIR_AGAIN, 2 * seconds)
            told = records.record("off_air", now, seconds=round(seconds, 1), message=vitals.stream(now))
            self._view.on_record(record_to_stored(told, self._followed.stored.run.ahead))
