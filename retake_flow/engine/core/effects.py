"""Effects of a flow: set variables, raise events at once or after a delay, and notify the operator."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from retake_flow.engine.core.moment import Moment
from retake_flow.flow.transitions import Effect, Raise, Tell
from retake_flow.run.commands import Note
from retake_flow.run.run import Delayed

_RAISE = "raise."


def perform(moment: Moment, effects: Iterable[Effect], root: str, place: str) -> None:
    """Perform the effects of entering or leaving a state, in the order written.

    Args:
        moment: Changes the run.
        effects: The effects.
        root: The path of the sub-flow whose names they use; "" for the flow itself.
        place: The path of the state whose exit drops a delayed event; "" is the flow itself.
    """
    for effect in effects:
        moment.assign(moment.filled(effect.set, root), root)
        announce(moment, effect.raises, root, place)
        tell(moment, effect.tell, root)


def announce(moment: Moment, raises: Iterable[Raise], root: str, place: str) -> None:
    """Raise events; arguments as for `perform`."""
    for each in raises:
        data = moment.filled(each.data, root)
        if each.after is None:
            moment.signal(data, (each.event, ""))
            continue
        purpose = next(name for n in count(1) if (place, name := f"{_RAISE}{n}") not in moment.run.timers)
        moment.run.delayed = {**moment.run.delayed, (place, purpose): Delayed(each.event, data)}
        moment.timer(place, purpose, moment.seconds(each.after, root))


def tell(moment: Moment, said: Tell | None, root: str) -> None:
    """Notify the operator, if there is anything to say."""
    if said is not None:
        message = str(moment.filled(said.message, root))
        moment.commands.append(Note("notice", {"kind": said.kind, "message": message}))


def come_due(moment: Moment, place: str, purpose: str) -> bool:
    """Raise a delayed event that is due; returns whether the timer was for one."""
    delayed = moment.run.delayed.get((place, purpose))
    if delayed is None:
        return False
    moment.run.delayed = {at: other for at, other in moment.run.delayed.items() if at != (place, purpose)}
    moment.signal(delayed.data, (delayed.event, ""))
    return True
