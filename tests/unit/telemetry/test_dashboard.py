"""The dashboard, the alerts and the documentation name the metrics that exist, with the labels that they have."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML
from stored_runs import a_gate, stored

from retake_flow.run.records import record
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs
from retake_flow.telemetry import collector
from retake_flow.telemetry.readings import Durations, FleetFigures, Load, Reader, WorkerFigures

DOCS = Path(__file__).parents[3] / "docs"
HEALTH = {"bitrate": 1.0, "fps": 1.0, "frames": 1, "dropped": 0, "speed": 1.0, "seconds": 1.0, "slow_for": 0.0}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """All samples that there can be, with their labels."""
    runs = open_runs(str(tmp_path_factory.mktemp("store") / "runs.sqlite"))
    began = time.time()

    def result(at: float, **value: object) -> Any:
        return record("activity_result", began + at, activity="on:x", visit=1, outcome="done", result=value)

    start = record("action_started", began, action="retake.start_stream", state="s", visit=1, attempt=1, inputs={})
    live = [start, result(1, viewers=1, is_live=True, uptime_seconds=1), result(2, **HEALTH)]
    stored(runs, "live", a_gate(), holder=this_process(), records=live)
    stored(runs, "off", holder=this_process(), records=[*live, result(3, is_live=False)])
    figures = WorkerFigures(capacity=1)
    figures.count_start("submitted", 1)
    figures.count_exit(0)
    reader = Reader(runs, lambda *_: True, lambda: FleetFigures(1, 1, {"accepting": 1}))
    found = collector.FlowCollector(
        "h", figures, reader.read, lambda: (0.0, Durations()), lambda _: {"live": Load(1, 1.0)}
    )
    text = collector.exposition(found).decode()
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    assert len({(one.name, *sorted(one.labels.items())) for one in samples}) == len(samples)
    runs.close()
    return {one.name: set(one.labels) for one in samples}


def queries() -> Iterator[tuple[str, str, str]]:
    """The queries of the dashboard and the alerts: where each stands, itself, and the texts that use its labels."""
    board = json.loads((DOCS / "grafana" / "retake-flow.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]
    for note in board["annotations"]["list"]:
        yield note["name"], note["expr"], note["titleFormat"]
    for variable in board["templating"]["list"][1:]:
        yield variable["name"], variable["definition"], ""
    alerts = YAML(typ="safe").load((DOCS / "grafana" / "alerts.yaml").read_text(encoding="utf-8"))
    for rule in alerts["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"], " ".join(rule["annotations"].values()).replace("$labels", "")


@pytest.mark.parametrize(("where", "query", "legend"), [pytest.param(*each, id=each[0]) for each in queries()])
def test_each_query_names_only_what_exists(exposed: dict[str, set[str]], where: str, query: str, legend: str) -> None:
    """Every metric of it, every label that it selects or groups by, and every label of its legend."""
    names = re.findall(r"retake_flow_\w+", query)
    assert names
    assert set(names) <= exposed.keys()
    labels = set.intersection(*(exposed[name] for name in names))
    selected = re.findall(r"(\w+)=~", query) + re.findall(r"label_values\(\w+, (\w+)\)", query)
    grouped = [label for group in re.findall(r"(?:by|on) \(([^)]*)\)", query) for label in re.split(r",\s*", group)]
    assert {*selected, *grouped} <= labels
    kept = set(grouped) if re.match(r"(sum|max|count)\b", query) else labels
    assert set(re.findall(r"{{\s*\.?(\w+)", legend)) - {"humanizeDuration", "value"} <= kept


def test_the_documentation_lists_every_metric_and_no_other(exposed: dict[str, set[str]]) -> None:
    """A summary is listed by the name of both of its parts."""
    table = (DOCS / "metrics.md").read_text(encoding="utf-8").split("| metric |")[1].split("\n\n")[0]
    listed = {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    parts = re.compile(r"(?<=seconds)_(count|sum)$")
    assert listed == {parts.sub("", name.removeprefix("retake_flow_")) for name in exposed}
