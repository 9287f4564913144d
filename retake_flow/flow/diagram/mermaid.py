"""A flow as a Mermaid state diagram (`stateDiagram-v2`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retake_flow.flow.diagram.diagram import Box, Diagram, Style

_MEANING = '#;:{}<>"\\`[]|%&'
#: The shapes of boxes that are neither plain nor frames.
_CLASSES: Mapping[str, str] = {
    "asking": "fill:#fff8c5,stroke:#bf8700,color:#24292f",
    "completed": "fill:#dafbe1,stroke:#1a7f37,color:#24292f",
    "failed": "fill:#ffebe9,stroke:#cf222e,color:#24292f",
    "active": "fill:#ddf4ff,stroke:#0969da,color:#24292f,stroke-width:3px",
    "visited": "stroke:#0969da,color:#24292f",
    "unvisited": "fill:#ffffff,stroke:#a8b0ba,color:#a8b0ba",
}


def mermaid(diagram: Diagram) -> str:
    """The diagram as Mermaid text."""
    lines = ["stateDiagram-v2"]
    for comment in (diagram.said, *diagram.legend):
        if comment:
            lines.append(f"    %% {comment.replace('{', '(').replace('}', ')')}")
    lines.append(f"    [*] --> {_id(diagram.first)}")
    for box in diagram.boxes:
        lines += [f"    {line}" for line in _box(box)]
    for arrow in diagram.arrows:
        label = "<br/>".join(map(_text, arrow.labels))
        lines.append(f"    {_id(arrow.source)} --> {_id(arrow.target)}: {label}")
    lines += [f"    {_id(box.path)} --> [*]" for box in diagram.boxes if box.look.final]
    lines += [f"    {line}" for line in _classes(diagram)]
    return "\n".join(lines) + "\n"


def _box(box: Box) -> Iterator[str]:
    name = _id(box.path)
    if box.inside:
        yield f'state "{_text(box.title)}" as {name} {{'
        yield f"    [*] --> {_id(box.first)}"
        for inside in box.inside:
            yield from (f"    {line}" for line in _box(inside))
        if box.look is Style.SUB_FLOW:
            yield from (f"    {_id(inside.path)} --> [*]" for inside in box.inside if inside.look.final)
        yield "}"
    else:
        yield f'state "{_text(box.title)}" as {name}'
    if box.notes:
        yield f"note right of {name}"
        yield from (f"    {_text(note.text)}" for note in box.notes)
        yield "end note"


def _classes(diagram: Diagram) -> Iterator[str]:
    """The colours of boxes; frames keep Mermaid's own."""
    members: dict[str, list[str]] = {}
    for box in diagram.all():
        if found := "" if box.inside else _class(box):
            members.setdefault(found, []).append(_id(box.path))
    for name, boxes in members.items():
        yield f"classDef {name} {_CLASSES[name]}"
        yield f"class {','.join(boxes)} {name}"


def _class(box: Box) -> str:
    if box.visits is not None:
        return "active" if box.active else "visited" if box.visits else "unvisited"
    return box.look.value if box.look.value in _CLASSES else ""


def _id(path: str) -> str:
    return "s_" + path.replace("/", "_IN_")  # state names have no capital letters, so ids are unique


def _text(text: str) -> str:
    # Mermaid reads #NAME; as a character reference, so every character that is special to it can be written that way.
    return "".join(f"#{ord(sign)};" if sign in _MEANING else sign for sign in text)
