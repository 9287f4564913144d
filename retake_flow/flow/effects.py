"""Effects of a state: the events that it raises and the notices that it sends to the operator."""

from __future__ import annotations

from collections.abc import Iterator

from retake_flow.flow.model import Effect, Raise, Route, State, Tell


def raised_events(state: State) -> Iterator[Raise]:
    """Every event that a state raises: on entering, on leaving, or on a transition."""
    effects: tuple[Effect, ...] = (*state.entry, *state.exit)
    for effect in effects:
        yield from effect.raises
    for routes in (state.always, *state.routes.values()):
        for route in routes:
            yield from route.raises


def notices(state: State) -> Iterator[Tell]:
    """Every notice that a state sends to the operator: on entering, on leaving, or on a transition."""
    said: list[Effect | Route] = [*state.entry, *state.exit]
    for routes in (state.always, *state.routes.values()):
        said += routes
    for each in said:
        if each.tell is not None:
            yield each.tell
