"""Variants of go-live.yaml as overlays: a state taken out, or two that change places."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from flow_samples import GO_LIVE

from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.flow.state_parts import Route
from retake_flow.flow.text.yaml_source import parse

#: The ten states on the way to air, in their order, each with the outcomes that lead on.
TEN = {
    "check_guide": ("unchanged", "changed"),
    "credentials": ("found",),
    "verification": ("done",),
    "prove_human": ("verified",),
    "broadcast/stream_key": ("done",),
    "broadcast/session": ("done",),
    "broadcast/pushing/confirm_live": ("done",),
    "broadcast/pushing/thumbnail": ("done",),
    "broadcast/pushing/open_chat": ("done",),
    "broadcast/pushing/on_air": ("timeout",),
}
PATHS = tuple(TEN)

Data = dict[str, Any]


def go_live() -> Data:
    """The data of go-live.yaml, every target as a path from the top."""
    return copy.deepcopy(_whole_flow())


@cache
def _whole_flow() -> Data:
    data = copy.deepcopy(_written())
    model = load_flow(GO_LIVE.read_text(encoding="utf-8"), str(GO_LIVE))
    for path, state in states(data):
        for event, listed in (state or {}).get("transitions", {}).items():
            known = model.states[path].routes[event]
            routes = listed if isinstance(listed, list) else [listed]
            state["transitions"][event] = [_whole(*each) for each in zip(routes, known, strict=True)]
        if "always" in (state or {}):
            routes = state["always"] if isinstance(state["always"], list) else [state["always"]]
            state["always"] = [_whole(*each) for each in zip(routes, model.states[path].always, strict=True)]
    return data


def _whole(written: Any, known: Route) -> Data:
    """A route with its target as a path from the top, when it has one."""
    given = written if isinstance(written, dict) else {}
    return {**given, "to": known.to} if known.to else given


def _routes(state: Data | None) -> list[list[Data]]:
    """The lists of routes of a state."""
    found = state or {}
    return [*found.get("transitions", {}).values(), *([found["always"]] if "always" in found else [])]


@cache
def without(removed: str) -> Flow:
    """go-live.yaml without a state: what led to it leads to where it led."""
    data = go_live()
    led_to = _ways_on(_at(data, removed), TEN[removed])
    for path, state in states(data):
        for routes in _routes(state):
            if path != removed:
                _redirect(routes, removed, led_to)
    around = _around(data, removed)
    del around["states"][_name(removed)]
    if around["initial"] == _name(removed):
        around["initial"] = _name(led_to[0]["to"])
    return _flow(_mended(data))


@cache
def swapped(first: str, second: str) -> Flow:
    """go-live.yaml with two states in each other's place: each leads on to where the other did."""
    data = go_live()
    places = {first: _beside(first, second), second: _beside(second, first)}
    bodies = {path: copy.deepcopy(_at(data, path)) for path in (first, second)}
    on = {path: _ways_on(bodies[path], TEN[path])[0]["to"] for path in (first, second)}
    for path, other in ((first, second), (second, first)):
        for outcome in TEN[other]:
            bodies[other]["transitions"][outcome][0]["to"] = on[path]
    begins = {place: _around(data, place)["initial"] == _name(place) for place in places}
    for place in places:
        del _around(data, place)["states"][_name(place)]
    for place, other in ((first, second), (second, first)):
        _around(data, place)["states"][_name(other)] = bodies[other]
        if begins[place]:
            _around(data, place)["initial"] = _name(other)
    for _, state in states(data):
        for routes in _routes(state):
            for route in routes:
                if "to" in route:
                    route["to"] = places.get(route["to"], route["to"])
    return _flow(_mended(data))


def states(data: Data, prefix: str = "") -> Iterator[tuple[str, Data]]:
    """Every state of the data, by its path."""
    for name, state in data["states"].items():
        yield prefix + name, state
        if "states" in (state or {}):
            yield from states(state, f"{prefix}{name}/")


def _ways_on(state: Data, outcomes: tuple[str, ...]) -> list[Data]:
    routes = list(state["transitions"][outcomes[0]])
    # What asks for the result of the state that is gone goes with it.
    return [{"to": routes[0]["to"]}] if any("result." in route.get("when", "") for route in routes) else routes


def _redirect(routes: list[Data], removed: str, led_to: list[Data]) -> None:
    """Put the ways on in the place of a route; its guard stays where it has one of its own."""
    for index, route in reversed(list(enumerate(routes))):
        if route.get("to") == removed:
            guarded = "when" in route
            routes[index : index + 1] = [{**route, "to": led_to[0]["to"]}] if guarded else copy.deepcopy(led_to)


def _mended(data: Data) -> Data:
    """The data without names and needs that are gone with a state, or are not there yet."""
    text = json.dumps(data)
    names = {path.rpartition("/")[2] for path, _ in states(data)}
    for name in set(re.findall(r"(?:outputs|visits)\.(\w+)", text)) - names:
        text = re.sub(rf"visits\.{name}\b", "visits.on_air", text)
        text = re.sub(rf'"\{{\{{ outputs\.{name} \}}\}}"', "{}", text)
        text = re.sub(rf'"\{{\{{ outputs\.{name}\.\w+ \}}\}}"', "0", text)
        text = re.sub(rf"\{{\{{ outputs\.{name}\.\w+ \}}\}}", "-", text)
    mended: Data = json.loads(text)
    for path, state in states(mended):
        if (state or {}).get("needs") and not path.startswith("broadcast/pushing"):
            del state["needs"]
    return mended


@cache
def _written() -> Data:
    data: Data = parse(GO_LIVE.read_text(encoding="utf-8"), "go-live.yaml").data
    return data


def _flow(data: Data) -> Flow:
    """The flow that an overlay makes of go-live.yaml."""
    overlay = {"extends": GO_LIVE.name, **_changes(_written(), data), "flow": "variant"}
    return load_flow(json.dumps(overlay), str(GO_LIVE.parent / "variant.yaml"))


def _changes(old: Data, new: Data) -> Data:
    """What an overlay says to make one mapping of another: null takes away, mappings are merged."""
    gone: Data = dict.fromkeys(old.keys() - new.keys())
    changed: Data = {}
    for key, value in new.items():
        was = old.get(key)
        if isinstance(was, dict) and isinstance(value, dict):
            inner = _changes(was, value)
            changed |= {key: inner} if inner else {}
        elif was != value:
            changed[key] = value
    return {**gone, **changed}


def _at(data: Data, path: str) -> Data:
    for name in path.split("/"):
        data = data["states"][name]
    return data


def _around(data: Data, path: str) -> Data:
    outside = _outside(path)
    return _at(data, outside) if outside else data


def _outside(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _beside(path: str, other: str) -> str:
    """The path that a state has in the place of another."""
    return f"{_outside(path)}/{_name(other)}".lstrip("/")
