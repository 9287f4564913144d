"""Collector: the figures of a host as metric families of Prometheus. The only module that imports prometheus-client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from retake_flow import __version__
from retake_flow.telemetry.readings import Durations, Load, Reading, RunReading, WorkerFigures

#: What every metric's name begins with.
PREFIX: Final = "retake_flow"
#: The labels of a run's metrics.
RUN_LABELS: Final = ("agent", "flow", "host", "run")
_LONGEST_LABEL = 120  # characters

_Value = Callable[[RunReading], float | None]


def _health(name: str) -> _Value:
    return lambda run: run.health.get(name)


def _stat(name: str) -> _Value:
    return lambda run: run.stats[name]


def _on_air(run: RunReading) -> float | None:
    on_air = run.health.get("on_air")
    return None if on_air is None else float(on_air)


def _gate_age(run: RunReading) -> float | None:
    return None if run.asked is None else max(0.0, time.time() - run.asked)


#: The gauges of a run: their names, their help, and their value; a run without a value has no series.
_GAUGES: Final[tuple[tuple[str, str, _Value], ...]] = (
    ("on_air", "Whether the stream is live; 0 when it is off air although it should be live.", _on_air),
    ("off_air_seconds", "For how long the stream has been off air although it should be.", _health("off_air_seconds")),
    ("seconds_to_air", "How long the stream last took to go live.", lambda run: run.figures.vitals.seconds_to_air),
    ("viewers", "Viewers, as the platform counts them.", _health("viewers")),
    ("encoder_fps", "Frames per second that the encoder sends.", _health("fps")),
    ("encoder_speed", "Media seconds per second; below 1 the host is too slow.", _health("speed")),
    ("bitrate_kbps", "What the encoder sends, in kbit/s.", _health("bitrate")),
    ("last_frame_age_seconds", "Seconds since the encoder was last seen to send.", _health("age_seconds")),
    ("gates_open", "Questions that wait for a person.", lambda run: run.summary.gates),
    ("gate_open_seconds", "For how long the oldest question has waited for a person.", _gate_age),
    ("unread_messages", "Messages in chat since the agent last wrote.", lambda run: run.figures.unanswered),
)
_COUNTERS: Final[tuple[tuple[str, str, _Value], ...]] = (
    ("dropped_frames", "Frames that the present encoder has dropped.", _health("dropped")),
    ("chat_messages", "Messages of viewers.", _stat("messages")),
    ("tips", "Tips of viewers.", _stat("tips")),
    ("seconds_on_air", "For how long the run has been on air.", _stat("seconds_on_air")),
)
_STORE_DURATIONS: Final = ("store_call_seconds", "How long a reading of the store for these metrics took.")


class FlowCollector(Collector):
    """Yields the families of one scrape; of runs only while there is a reading that is new enough."""

    def __init__(
        self,
        host: str,
        figures: WorkerFigures,
        reading: Callable[[], Reading | None],
        store: Callable[[], tuple[float, Durations]],
        load: Callable[[Reading], Mapping[str, Load]],
    ) -> None:
        self._host = host
        self._figures = figures
        self._reading = reading
        self._store = store
        self._load = load

    def collect(self) -> Iterator[Metric]:
        """All families."""
        reading = self._reading()
        yield from self._of_process()
        yield from self._of_store()
        if reading is not None:
            yield from self._of_runs(reading)
            yield from _of_fleet(reading)

    def _of_process(self) -> Iterator[Metric]:
        mine, host = self._figures, self._host
        info = {"version": __version__, "host": host}
        yield InfoMetricFamily(_metric("build"), "The version of retake-flow.", value=info)
        if mine.capacity is not None:
            yield self._gauge("capacity_cores", "Cores that this worker may give to runs.", mine.capacity)
            yield self._gauge("used_cores", "Cores that its runs take.", mine.used)
            accepting = mine.accepting and not (mine.draining or mine.full)
            yield self._gauge("accepting", "Whether it takes another run.", float(accepting))
            yield self._gauge("draining", "Whether it hands its runs over and takes nothing new.", float(mine.draining))
        with mine.lock:
            starts, exits, start = dict(mine.starts), dict(mine.exits), Durations(mine.start.count, mine.start.seconds)
            fenced, self_fences = mine.fenced, mine.self_fences
        for name, help, label, counts in (
            ("starts", "Runs that were started, by why.", "why", starts),
            ("driver_exits", "Drivers that have ended, by exit code.", "code", exits),
        ):
            family = CounterMetricFamily(_metric(name), help, labels=("host", label))
            for what, count in sorted(counts.items()):
                family.add_metric((host, what), count)
            yield family
        yield self._summary("start_seconds", "How long runs waited for their driver.", start)
        for name, help, number in (
            ("fenced", "Drivers whose run another process has taken.", fenced),
            ("self_fences", "Drivers that gave a run up because they could not renew its lease.", self_fences),
        ):
            family = CounterMetricFamily(_metric(name), help, labels=("host",))
            family.add_metric((host,), number)
            yield family

    def _of_store(self) -> Iterator[Metric]:
        unsure, calls = self._store()
        yield self._gauge("store_up", "Whether the last reading of the store succeeded.", float(unsure == 0))
        yield self._gauge("store_unsure_seconds", "For how long the store could not be read.", unsure)
        yield self._summary(*_STORE_DURATIONS, calls)

    def _of_runs(self, reading: Reading) -> Iterator[Metric]:
        phases = GaugeMetricFamily(_metric("runs"), "Runs that are driven here, by phase.", labels=("host", "phase"))
        counted: dict[str, int] = {}
        for run in reading.runs:
            counted[run.summary.phase.value] = counted.get(run.summary.phase.value, 0) + 1
        for phase, count in sorted(counted.items()):
            phases.add_metric((self._host, phase), count)
        yield phases
        labels = {run.summary.id: self._labels(run) for run in reading.runs}
        for kind, table in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
            for name, help, value_of in table:
                yield _per_run(kind(_metric(name), help, labels=RUN_LABELS), reading, labels, value_of)
        back = CounterMetricFamily(
            _metric("recoveries"),
            "How often the stream was brought back, by what had taken it off air.",
            labels=(*RUN_LABELS, "reason"),
        )
        for run in reading.runs:
            for reason, times in run.figures.vitals.recoveries.items():
                back.add_metric((*labels[run.summary.id], reason), times)
        yield back
        chat = SummaryMetricFamily(
            _metric("chat_reaction_seconds"), "From a message in chat to what the agent wrote next.", labels=RUN_LABELS
        )
        for run in reading.runs:
            times, seconds = run.figures.reactions
            chat.add_metric(labels[run.summary.id], times, seconds)
        yield chat
        yield from self._of_load(self._load(reading), labels)

    def _of_load(self, loads: Mapping[str, Load], labels: Mapping[str, tuple[str, ...]]) -> Iterator[Metric]:
        memory = GaugeMetricFamily(_metric("rss_bytes"), "Memory of the run's processes.", labels=RUN_LABELS)
        cpu = CounterMetricFamily(_metric("cpu_seconds"), "Time that they have computed.", labels=RUN_LABELS)
        for run, load in loads.items():
            if run in labels:
                memory.add_metric(labels[run], load.rss)
                cpu.add_metric(labels[run], load.cpu)
        yield memory
        yield cpu

    def _labels(self, run: RunReading) -> tuple[str, ...]:
        given = (run.summary.agent, run.summary.flow, self._host, run.summary.id)
        return tuple(text[:_LONGEST_LABEL] for text in given)

    def _gauge(self, name: str, help: str, value: float) -> Metric:
        family = GaugeMetricFamily(_metric(name), help, labels=("host",))
        family.add_metric((self._host,), value)
        return family

    def _summary(self, name: str, help: str, durations: Durations) -> Metric:
        family = SummaryMetricFamily(_metric(name), help, labels=("host",))
        family.add_metric((self._host,), durations.count, durations.seconds)
        return family


def exposition(collector: FlowCollector) -> bytes:
    """All metrics in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)


def _metric(name: str) -> str:
    return f"{PREFIX}_{name}"


def _per_run(family: Any, reading: Reading, labels: Mapping[str, tuple[str, ...]], value_of: _Value) -> Metric:
    for run in reading.runs:
        value = value_of(run)
        if value is not None:
            family.add_metric(labels[run.summary.id], value)
    found: Metric = family
    return found


def _of_fleet(reading: Reading) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        _metric("leases_expired"),
        "Runs that have not ended although the lease of their process has.",
        value=reading.leases_expired,
    )
    if reading.fleet is None:
        return
    waiting, oldest = reading.fleet.waiting, reading.fleet.oldest_waiting
    yield GaugeMetricFamily(_metric("waiting_runs"), "Runs that wait for a host.", value=waiting)
    yield GaugeMetricFamily(_metric("oldest_waiting_seconds"), "How long the oldest of them has waited.", value=oldest)
    hosts = GaugeMetricFamily(_metric("hosts"), "Hosts by state.", labels=("state",))
    for state, count in sorted(reading.fleet.hosts.items()):
        hosts.add_metric((state,), count)
    yield hosts
