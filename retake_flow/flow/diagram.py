"""A flow as a picture: Mermaid or Graphviz text, escaped."""

from __future__ import annotations

from collections.abc import Iterator

from retake_flow.flow.model import Flow, Route, State

_SHOWN_GUARD = 60


def mermaid(flow: Flow) -> str:
    """The flow as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {_id(flow.initial)}"]
    for path in (path for path, state in flow.states.items() if not state.parent):
        lines += [f"    {line}" for line in _mermaid_state(flow, flow.states[path])]
    for route in _routes(flow):
        source, target, label = route
        lines.append(f"    {_id(source)} --> {_id(target)}: {_mermaid_text(label)}")
    lines += [f"    {_id(state.path)} --> [*]" for state in flow.of("") if state.final]
    return "\n".join(lines) + "\n"


def dot(flow: Flow) -> str:
    """The flow as a Graphviz graph, laid out from top to bottom."""
    lines = [
        f"digraph {_quoted(flow.name)} {{",
        '  graph [compound=true, fontname="Helvetica", fontsize=11, rankdir=TB, nodesep=0.35, ranksep=0.45];',
        '  node [shape=box, style="rounded,filled", fillcolor="#f6f8fa", color="#57606a"];',
        '  node [fontname="Helvetica", fontsize=11];',
        '  edge [color="#57606a", fontname="Helvetica", fontsize=9, arrowsize=0.7];',
        '  "[*]" [shape=circle, label="", width=0.18, fillcolor="#24292f"];',
    ]
    for state in flow.states.values():
        if not state.parent:
            lines += [f"  {line}" for line in _dot_state(flow, state)]
    lines.append(f'  "[*]" -> {_quoted(_leaf(flow, flow.initial))}{_clipped(flow, "", flow.initial)};')
    for source, target, label in _routes(flow):
        ends = f"{_quoted(_leaf(flow, source))} -> {_quoted(_leaf(flow, target))}"
        lines.append(f"  {ends}{_clipped(flow, source, target, label)};")
    return "\n".join([*lines, "}"]) + "\n"


def _routes(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Source, target and label; routes of one state to one target share an arrow."""
    for state in flow.states.values():
        merged: dict[str, list[str]] = {}
        for routes in state.routes.values():
            for route in routes:
                merged.setdefault(route.to, []).append(_label(route))
        for target, labels in merged.items():
            yield state.path, target, "\n".join(labels)


def _label(route: Route) -> str:
    if route.when is None:
        return route.event
    guard = route.when.text if len(route.when.text) <= _SHOWN_GUARD else route.when.text[: _SHOWN_GUARD - 1] + "…"
    return f"{route.event} [{guard}]"


def _notes(state: State) -> list[str]:
    """What a state does, beyond its name."""
    notes = [state.do] if state.do else []
    notes += ["asks a person"] if state.ask else []
    notes += [f"flow {state.sub.name}"] if state.sub else []
    notes += [f"wait {state.wait}"] if isinstance(state.wait, str | int | float) else []
    notes += [f"undo: {state.undo.do}"] if state.undo else []
    for activity in state.activities.values():
        if activity.ask:
            notes.append(f"asks beside: {activity.name}")
            continue
        every = f" every {activity.every}" if isinstance(activity.every, str | int | float) else ""
        notes.append(f"activity {activity.name}: {activity.do}{every}")
    return notes


def _mermaid_state(flow: Flow, state: State) -> Iterator[str]:
    name = _id(state.path)
    if state.children:
        yield f'state "{_mermaid_text(state.name)}" as {name} {{'
        yield f"    [*] --> {_id(state.initial)}"
        for child in state.children:
            yield from (f"    {line}" for line in _mermaid_state(flow, flow.states[child]))
        if state.sub:
            yield from (f"    {_id(inside.path)} --> [*]" for inside in flow.of(state.path) if inside.final)
        yield "}"
    else:
        yield f'state "{_mermaid_text(state.name)}" as {name}'
    notes = _notes(state)
    if notes:
        yield f"note right of {name}"
        yield from (f"    {_mermaid_text(note)}" for note in notes)
        yield "end note"


def _id(path: str) -> str:
    return "s_" + path.replace("/", "_IN_")  # no name of a state has capital letters, so no two are alike


def _mermaid_text(text: str) -> str:
    # Mermaid reads #NAME; as a character reference, so every sign that means something to it can be written so.
    escaped = "".join(f"#{ord(sign)};" if sign in '#;:{}<>"\\`[]|%' else sign for sign in text)
    return escaped.replace("\n", "<br/>")


def _dot_state(flow: Flow, state: State) -> Iterator[str]:
    if state.children:
        yield f"subgraph {_quoted('cluster ' + state.path)} {{"
        label = "\n".join([state.name, *_notes(state)])
        yield f'  label={_quoted(label)}; labeljust=l; style=rounded; color="#8c959f"; fontcolor="#24292f";'
        for child in state.children:
            yield from (f"  {line}" for line in _dot_state(flow, flow.states[child]))
        yield "}"
    else:
        colour = {"": "#f6f8fa", "failed": "#ffebe9"}.get(state.final, "#dafbe1")
        label = "\n".join([state.name, *_notes(state)])
        shape = ", peripheries=2" if state.final else ""
        yield f'{_quoted(state.path)} [label={_quoted(label)}, fillcolor="{colour}"{shape}];'


def _leaf(flow: Flow, path: str) -> str:
    """Arrows end at leaves in Graphviz; those of a composite are clipped at its frame."""
    while flow.states[path].initial:
        path = flow.states[path].initial
    return path


def _clipped(flow: Flow, source: str, target: str, label: str = "") -> str:
    marks = [f"label={_quoted(label)}"] if label else []
    if source and flow.states[source].children:
        marks.append(f"ltail={_quoted('cluster ' + source)}")
    if flow.states[target].children:
        marks.append(f"lhead={_quoted('cluster ' + target)}")
    return f" [{', '.join(marks)}]" if marks else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
