"""A flow as a Graphviz graph, laid out from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from retake_flow.flow.diagram.diagram import Arrow, Box, Diagram, Style
from retake_flow.flow.diagram.labels import Note, Topic
from retake_flow.flow.names import is_within

_FONT = "Helvetica,Arial,sans-serif"
_BEGIN = "[*]"
_INK, _GREY, _PALE, _BLUE = "#24292f", "#57606a", "#a8b0ba", "#0969da"
_INKED = f'fillcolor="{_INK}", color="{_INK}"'
_TOPICS: Mapping[Topic, str] = {
    Topic.ASKS: "#7d4e00",
    Topic.UNDO: "#8250df",
    Topic.BESIDE: "#0a5a8a",
    Topic.FAILS: "#b35900",
    Topic.RULE: "#1a7f37",
    Topic.RUN: _BLUE,
}
#: Shape, fill and frame of each kind of box.
_LOOKS: Mapping[Style, tuple[str, str, str]] = {
    Style.ACTION: ("box", "#f6f8fa", _GREY),
    Style.ASKING: ("octagon", "#fff8c5", "#bf8700"),
    Style.SUB_FLOW: ("box", "#f3eeff", "#8250df"),
    Style.WAITING: ("box", "#ffffff", _GREY),
    Style.RESTING: ("box", "#ffffff", _GREY),
    Style.HISTORY: ("circle", "#ffffff", _GREY),
    Style.COMPLETED: ("box", "#dafbe1", "#1a7f37"),
    Style.ENDED: ("box", "#f6f8fa", _GREY),
    Style.FAILED: ("box", "#ffebe9", "#cf222e"),
    Style.FRAME: ("box", "#fcfcfd", "#8c959f"),
}


def dot(diagram: Diagram) -> str:
    """The diagram as Graphviz text."""
    boxes = {box.path: box for box in diagram.all()}
    lines = [
        f"digraph {_quote(diagram.name)} {{",
        f'  graph [compound=true, bgcolor=white, fontname="{_FONT}", fontsize=12, nodesep=0.25, ranksep=0.3, pad=0.2];',
        f'  node [fontname="{_FONT}", fontsize=12, fontcolor="{_INK}", margin="0.12,0.06", height=0.3];',
        f'  edge [fontname="{_FONT}", fontsize=9, color="{_GREY}", fontcolor="{_GREY}", arrowsize=0.6];',
        f"  {_dot('')}",
    ]
    if diagram.said:
        lines.append(f"  label={_html([_font(diagram.said, 11, _BLUE)])}; labelloc=t;")
    if diagram.legend:
        rules = _html([_font(line, 9, _TOPICS[Topic.RULE]) for line in diagram.legend], ' align="left"')
        lines.append(f'  "[rules]" [shape=note, color="{_TOPICS[Topic.RULE]}", label={rules}];')
    for box in diagram.boxes:
        lines += [f"  {line}" for line in _box(box)]
    lines.append(f"  {_begin(boxes, '', diagram.first)}")
    lines += [f"  {_begin(boxes, box.path, box.first)}" for box in boxes.values() if box.first]
    for arrow in diagram.arrows:
        ends = f"{_quote(_end(boxes, arrow.tail or arrow.source))} -> {_quote(_start(boxes, arrow.target))}"
        marks = _ends(boxes, arrow.source, arrow.target) + _arrow(arrow, bool(diagram.said))
        lines.append(f"  {ends} [{marks}, {_name(arrow.source, arrow.target)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _box(box: Box) -> Iterator[str]:
    shape, fill, colour = _LOOKS[box.look]
    ink, width = _INK, 1.0
    if box.active:
        colour, width = _BLUE, 2.5
        fill = fill if box.inside or box.look is Style.ASKING or box.look.final else "#ddf4ff"
    elif box.visits == 0:
        fill, colour, ink = "#ffffff", _PALE, _PALE
    if box.inside:
        style = "rounded,filled,dashed" if box.look is Style.SUB_FLOW else "rounded,filled"
        yield f"subgraph {_quote('cluster ' + box.path)} {{"
        yield f"  label={_text(box, ink, ' align=' + _quote('left'))}; labeljust=l; margin=10;"
        yield f'  style="{style}"; fillcolor="{fill}"; color="{colour}"; penwidth={width:g};'
        yield f"  {_dot(box.path)}"
        for inside in box.inside:
            yield from (f"  {line}" for line in _box(inside))
        yield "}"
        return
    style = "filled" if shape in ("octagon", "circle") else "rounded,filled"
    marks = f'shape={shape}, style="{style}", fillcolor="{fill}", color="{colour}", penwidth={width:g}'
    more = ", peripheries=2" if box.look.final else ", width=0.36, fixedsize=true" if shape == "circle" else ""
    yield f"{_quote(box.path)} [label={_text(box, ink, '')}, {marks}{more}];"


def _dot(path: str) -> str:
    """The mark with an arrow to the initial state of a composite or of the whole flow."""
    size = 0.08 if path else 0.14
    marks = f'shape=circle, style=filled, label="", width={size}, height={size}, fixedsize=true, {_INKED}'
    return f"{_quote(path + _BEGIN)} [{marks}];"


def _begin(boxes: Mapping[str, Box], around: str, first: str) -> str:
    ends = f"{_quote(around + _BEGIN)} -> {_quote(_start(boxes, first))}"
    return f"{ends} [{_ends(boxes, around + _BEGIN, first)}weight=20, arrowsize=0.5, {_name(around, first)}];"


def arrow_name(source: str, target: str) -> str:
    """The id of the arrow from a state to another in an SVG; to an initial state, from the state around it or ""."""
    return f"{source}->{target}"


def _name(source: str, target: str) -> str:
    return f"id={_quote(arrow_name(source, target))}"


def _text(box: Box, ink: str, align: str) -> str:
    name = f'<font color="{ink}"><b>{_escape(box.title)}</b></font>'
    notes = [_note(note, ink) for note in box.notes]
    if box.inside and box.look is Style.SUB_FLOW:
        name, notes = f"{name} {notes[0]}", notes[1:]
    return _html([name, *notes], align)


def _note(note: Note, ink: str) -> str:
    colour = _TOPICS.get(note.topic, _GREY) if ink == _INK or note.topic is Topic.RUN else ink
    return _font(note.text, 9, colour)


def _font(text: str, size: int, colour: str) -> str:
    return f'<font point-size="{size}" color="{colour}">{_escape(text)}</font>'


def _arrow(arrow: Arrow, traced: bool) -> str:
    """The labels, line style and weight of an arrow; onward arrows keep the main path straight.

    If `traced`, the path of a run is highlighted instead of the main path.
    """
    marks = [f"label={_quote(_lines(arrow.labels))}"] if arrow.labels else []
    if arrow.taken:
        marks += [f'color="{_BLUE}"', f'fontcolor="{_BLUE}"', "penwidth=2.5"]
    elif arrow.quiet or traced:
        marks += [f'color="{_PALE}"', f'fontcolor="{_PALE}"']
    elif arrow.main:
        marks += ["penwidth=1.4"]
    marks += ["style=dashed"] if arrow.quiet else []
    weight = 0 if arrow.quiet or not arrow.onward else 12 if arrow.main else 2
    return ", ".join([*marks, f"weight={weight}"])


def _ends(boxes: Mapping[str, Box], source: str, target: str) -> str:
    """Where an arrow is clipped: at the frame of a composite, unless its other end is inside."""
    marks = ""
    if source in boxes and boxes[source].inside:
        marks += f"ltail={_quote('cluster ' + source)}, "
    if boxes[target].inside and not is_within(source, target):
        marks += f"lhead={_quote('cluster ' + target)}, "
    return marks


def _start(boxes: Mapping[str, Box], path: str) -> str:
    """Where arrows to a box end: Graphviz has none to a frame, but clips those to a mark inside it."""
    return path + _BEGIN if boxes[path].inside else path


def _end(boxes: Mapping[str, Box], path: str) -> str:
    """The innermost box at the bottom of a box, where its arrows begin."""
    while inside := boxes[path].inside:
        path = next((box.path for box in reversed(inside) if box.look is not Style.HISTORY), inside[-1].path)
    return path


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f" {line} " for line in lines).replace("&", "&amp;")


def _html(parts: Iterable[str], align: str = "") -> str:
    broken = f"<br{align}/>"
    return f"<{broken.join(parts)}{broken if align else ''}>"


def _escape(text: str) -> str:
    # Graphviz also replaces `\N` and the like in markup.
    signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "&#92;&#92;"}
    return "".join(signs.get(sign, sign) for sign in text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
