"""A flow to be extended, and what is wrong with overlays of it."""

from __future__ import annotations

from flow_samples import CATALOGUE, shelf

from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.load.load import load

BASE = """\
flow: base
version: 3
description: To be extended.
inputs:
  word: {type: string, default: hello}
  note: {type: string, optional: true}
initial: a
states:
  a: {do: a.work, retry: {max: 3, cap: 30s}, transitions: {done: b, error: bad}}
  b:
    initial: c
    transitions: {stop: good, error: bad}
    activities:
      beat: {do: a.say, every: 3s, with: {text: tick, times: 2}}
    states:
      c: {do: a.say, with: {text: "{{ inputs.word }}", times: 3}, transitions: {done: d}}
      d: {timeout: 1h, transitions: {timeout: good}}
  good: {final: completed}
  bad: {final: failed, reason: oh no}
"""


def checked(overlay: str, base: str = BASE) -> list[Problem]:
    """All that is wrong with an overlay of the base."""
    return list(check(load(f"extends: base.yaml\n{overlay}", "over.yaml", find=shelf(base=base)), CATALOGUE))


def said(overlay: str, base: str = BASE) -> list[tuple[str, str, int, int]]:
    """The code and the place of all that is wrong with an overlay."""
    at = [(problem.code, problem.position) for problem in checked(overlay, base)]
    return [(code, place.file, place.line, place.column) for code, place in at]
