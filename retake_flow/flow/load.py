"""Build the model of a flow from its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retake_flow.flow import duration
from retake_flow.flow.expressions import Expression, Template, is_template
from retake_flow.flow.model import SEPARATOR, Activity, Flow, Input, Poll, Retry, Route, State, Undo, Value
from retake_flow.flow.problems import Problem, Problems, did_you_mean
from retake_flow.flow.source import Path, Source, decode, parse


@dataclass(frozen=True, slots=True)
class Loaded:
    """A flow and what is wrong with it.

    Attributes:
        flow: The flow; parts that could not be understood are missing from it. None when nothing could be.
        problems: What the YAML, the schema and the resolution of names say.
        damaged: The paths of the states that lost parts, about which a check should be silent.
    """

    flow: Flow | None
    problems: tuple[Problem, ...]
    damaged: frozenset[str]


def read_bytes(content: bytes, file: str, *, known_good: bool = False) -> Loaded:
    """Build the model from the content of a flow file; see `load`."""
    text, problems = decode(content, file)
    return Loaded(None, tuple(problems), frozenset()) if problems else load(text, file, known_good=known_good)


def load(text: str, file: str, *, known_good: bool = False) -> Loaded:
    """Build the model from the text of a flow file.

    Args:
        text: The YAML.
        file: The name shown in messages.
        known_good: The very text has been found to fit the schema, so that need not be looked at again.
    """
    source = parse(text, file)
    if source.data is None:
        problems = source.problems or [Problem(source.value(()), "RF001", "the file holds nothing")]
        return Loaded(None, tuple(problems), frozenset())
    if known_good:
        data, problems, damaged = source.data, [], frozenset[Path]()
    else:
        # Imported here: the schema's validator is slow to import, and most runs know their flow.
        from retake_flow.flow import structure

        data, problems, damaged = structure.examine(source)
    if not data:
        return Loaded(None, tuple(source.problems + problems), frozenset())
    builder = _Builder(source)
    flow = builder.flow(data)
    lost = frozenset(map(_state_of, damaged)) | builder.damaged
    return Loaded(flow, tuple(source.problems + problems + builder.problems), lost)


def loaded(text: str, file: str) -> Flow:
    """The flow in a text.

    Raises:
        Problems: It has mistakes.
    """
    answer = load(text, file)
    if answer.flow is None or answer.problems:
        raise Problems(answer.problems)
    return answer.flow


def _state_of(path: Path) -> str:
    names = [str(path[i + 1]) for i in range(0, len(path) - 1, 2) if path[i] == "states"]
    return SEPARATOR.join(names)


class _Builder:
    """Builds the model out of data that fits the schema, and notes what cannot be resolved."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.paths: dict[str, Path] = {}
        self.damaged: set[str] = set()

    def flow(self, data: Mapping[str, Any]) -> Flow:
        self.paths = dict(_paths(data["states"], ("states",), ""))
        states = {path: self.state(path, _at(data, where) or {}, where) for path, where in self.paths.items()}
        return Flow(
            name=data["flow"],
            version=data.get("version", 1),
            guide=data.get("guide", ""),
            description=data.get("description", ""),
            inputs={n: Input(n, s, self.source.key(("inputs", n))) for n, s in data.get("inputs", {}).items()},
            initial=self.child("", data["initial"], ("initial",)),
            states=states,
            file=self.source.file,
            text=self.source.text,
            digest=self.source.digest,
        )

    def state(self, path: str, data: Mapping[str, Any], where: Path) -> State:
        kind = next((k for k in ("do", "states", "wait", "final") if k in data), "rest")
        value = {key: self.value(data[key], (*where, key)) for key in ("wait", "reason", "timeout") if key in data}
        return State(
            path=path,
            parent=path.rpartition(SEPARATOR)[0],
            kind=kind,
            position=self.source.key(where),
            description=data.get("description", ""),
            do=data.get("do", ""),
            inputs=self.value(data.get("with", {}), (*where, "with")),
            needs=data.get("needs"),
            retry=self.retry(data, where),
            poll=self.poll(data, where),
            undo=self.undo(data, where),
            initial=self.child(path, data["initial"], (*where, "initial")) if kind == "states" else "",
            children=tuple(path + SEPARATOR + name for name in data.get("states", ())),
            wait=value.get("wait"),
            final=data.get("final", ""),
            reason=value.get("reason"),
            routes=dict(self.routes(path, data.get("transitions", {}), (*where, "transitions"))),
            activities={
                name: self.activity(path, name, item, (*where, "activities", name))
                for name, item in data.get("activities", {}).items()
            },
            timeout=value.get("timeout"),
            set=self.value(data.get("set", {}), (*where, "set")),
        )

    def routes(self, path: str, data: Mapping[str, Any], where: Path) -> Iterator[tuple[str, tuple[Route, ...]]]:
        for event, written in data.items():
            listed = isinstance(written, list)
            items = written if listed else [written]
            made = [
                self.route(path, event, item, (*where, event, index) if listed else (*where, event))
                for index, item in enumerate(items)
            ]
            known = tuple(route for route in made if route is not None)
            if known:
                yield event, known

    def route(self, path: str, event: str, data: Any, where: Path) -> Route | None:
        full: Mapping[str, Any] = {"to": data} if isinstance(data, str) else data
        at = (*where, "to") if isinstance(data, dict) else where
        target = self.target(path, full["to"])
        if target is None:
            self.damaged.add(path)
            inside = [known for known in self.paths if known.endswith(SEPARATOR + full["to"])]
            near = (known.rpartition(SEPARATOR)[2] for known in self.paths)
            hint = f"write its path, {inside[0]!r}" if inside else did_you_mean(full["to"], near)
            self.problems.append(Problem(self.source.value(at), "RF020", f"there is no state {full['to']!r}", hint))
            return None
        when = self.condition(full["when"], (*where, "when")) if "when" in full else None
        return Route(event, target, when, self.value(full.get("set", {}), (*where, "set")), self.source.value(at))

    def target(self, path: str, written: str) -> str | None:
        """The path that a target means: its first name is sought beside the state, then further and further out."""
        scope = path
        while scope:
            scope = scope.rpartition(SEPARATOR)[0]
            candidate = scope + SEPARATOR + written if scope else written
            if candidate in self.paths:
                return candidate
        return None

    def child(self, path: str, name: str, where: Path) -> str:
        full = path + SEPARATOR + name if path else name
        if full not in self.paths:
            names = [p.rpartition(SEPARATOR)[2] for p in self.paths if p.rpartition(SEPARATOR)[0] == path]
            hint = did_you_mean(name, names)
            message = f"the initial state {name!r} is not inside {path or 'the flow'!r}"
            self.problems.append(Problem(self.source.value(where), "RF020", message, hint))
        return full

    def activity(self, scope: str, name: str, data: Mapping[str, Any], where: Path) -> Activity:
        value = {k: self.value(data[k], (*where, k)) for k in ("every", "quiet", "delay") if k in data}
        raises = data.get("raises", {})
        return Activity(
            name=name,
            scope=scope,
            do=data["do"],
            inputs=self.value(data.get("with", {}), (*where, "with")),
            needs=data.get("needs"),
            every=value.get("every"),
            quiet=value.get("quiet"),
            delay=value.get("delay", 0.0),
            raises=tuple((e, self.condition(raises[e], (*where, "raises", e))) for e in raises),
            retry=self.retry(data, where),
            position=self.source.key(where),
        )

    def retry(self, data: Mapping[str, Any], where: Path) -> Retry | None:
        if "retry" not in data:
            return None
        given = data["retry"]
        times = {
            key: self.fixed(given[key], (*where, "retry", key)) for key in ("interval", "cap", "within") if key in given
        }
        return Retry(max=given["max"], rate=float(given.get("rate", 2)), **times)

    def poll(self, data: Mapping[str, Any], where: Path) -> Poll | None:
        if "poll" not in data:
            return None
        given, at = data["poll"], (*where, "poll")
        return Poll(
            every=self.value(given["every"], (*at, "every")),
            until=self.condition(given["until"], (*at, "until")),
            delay=self.value(given.get("delay", 0.0), (*at, "delay")),
            timeout=self.value(given["timeout"], (*at, "timeout")) if "timeout" in given else None,
        )

    def undo(self, data: Mapping[str, Any], where: Path) -> Undo | None:
        given = data.get("undo")
        if given is None:
            return None
        if isinstance(given, str):
            return Undo(given, {})
        return Undo(given["do"], self.value(given.get("with", {}), (*where, "undo", "with")))

    def fixed(self, written: Any, where: Path) -> float:
        try:
            return duration.seconds(written)
        except ValueError as error:
            self.problems.append(Problem(self.source.value(where), "RF014", f"{error}"))
            return 1.0

    def condition(self, written: Any, where: Path) -> Expression:
        return Expression(str(written).lower() if isinstance(written, bool) else written, self.source.value(where))

    def value(self, written: Any, where: Path) -> Value:
        """Plain data with its templates made."""
        if isinstance(written, str) and is_template(written):
            return Template(written, self.source.value(where))
        if isinstance(written, dict):
            return {key: self.value(item, (*where, key)) for key, item in written.items()}
        if isinstance(written, list):
            return [self.value(item, (*where, index)) for index, item in enumerate(written)]
        return written


def _paths(states: Mapping[str, Any], where: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for name, data in states.items():
        yield prefix + name, (*where, name)
        if isinstance(data, dict) and "states" in data:
            yield from _paths(data["states"], (*where, name, "states"), prefix + name + SEPARATOR)


def _at(data: Any, where: Path) -> Any:
    for step in where:
        data = data[step]
    return data
