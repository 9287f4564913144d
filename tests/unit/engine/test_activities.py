"""What activities bring into a flow: events, and what they need and know when they are performed again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from talk import Talk, flow_of

from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.ports.actions import Call, Completion
from retake_flow.run import events
from retake_flow.run.commands import Note, StartActivity
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.whatif.virtual_time import VirtualClock, run

ON_AIR = """
a:
  activities: {chat: {do: a.work, every: 3s}}
  transitions:
    tip: {when: event.amount > 100, to: b}
    chat.follow: c
b: {transitions: {stop: c}}
c: {final: over}
"""


def brings(talk: Talk, *raised: tuple[str, dict[str, Any]]) -> Talk:
    """A round of the chat ends with these events."""
    return talk.tell(events.ActivityResulted("a:chat", 1, "done", {}, raised=raised))


def test_an_event_of_an_activity_takes_a_route_by_its_name_or_by_its_full_name() -> None:
    """`tip` and `chat.follow` are both good names for what the activity `chat` raises; guards see its fields."""
    assert brings(Talk(ON_AIR), ("tip", {"amount": 101})).run.state == "b"
    assert brings(Talk(ON_AIR), ("follow", {"author": "mira"})).run.state == "c"
    assert brings(Talk(ON_AIR), ("tip", {"amount": 100})).run.state == "a"


def test_events_of_one_round_are_taken_in_their_order_and_to_completion() -> None:
    """The second event meets the state that the first has led to."""
    talk = brings(Talk(ON_AIR), ("tip", {"amount": 500}), ("follow", {}))
    assert (talk.run.state, talk.run.has_ended) == ("b", False)
    assert [note.event for note in talk.wishes if isinstance(note, Note)] == ["ignored"]


def test_an_event_that_no_state_has_a_route_for_makes_no_noise() -> None:
    """What a flow has no word for at all is passed over without a record."""
    talk = brings(Talk("a:\n  activities: {chat: {do: a.work, every: 3s}}\n"), ("trade", {}))
    assert (talk.run.state, talk.wishes) == ("a", ())


def test_an_activity_starts_when_all_that_it_needs_is_ready() -> None:
    """With two needs the second to be ready starts it, whichever that is."""
    states = "a:\n  activities: {one: {do: s.x}, two: {do: s.y}, both: {do: a.work, needs: [one, two]}}\n"
    for first, second in (("one", "two"), ("two", "one")):
        talk = Talk(states)
        talk.tell(events.ActivityReady(f"a:{first}", 1, {}))
        assert not [wish for wish in talk.wishes if isinstance(wish, StartActivity)]
        talk.tell(events.ActivityReady(f"a:{second}", 1, {}))
        assert [wish.activity for wish in talk.wishes if isinstance(wish, StartActivity)] == ["a:both"]


def test_expressions_know_the_time() -> None:
    """`now` is the moment of the event that is being taken."""
    talk = Talk(
        "a: {set: {began: '{{ now }}'}, wait: 5s, transitions: {done: b}}\nb: {set: {took: '{{ now - vars.began }}'}}\n"
    )
    talk.fire("wait", later=7.5)
    assert talk.run.vars == {"began": 1000.0, "took": 7.5}


def test_inputs_are_filled_in_anew_as_far_as_they_can_be() -> None:
    """A repetition sees variables as they are by then; what belonged to the start alone stays as it was."""
    flow = flow_of(
        "a: {transitions: {go: b}}\n"
        "b:\n  set: {topic: owls}\n"
        "  activities: {chat: {do: a.say, every: 3s, with: {text: '{{ vars.topic }}', who: '{{ event.who }}'}}}\n"
    )
    machine = Machine(flow)
    later = Run("r", "talk", "", {}, state="b", visits={"b": 1}, vars={"topic": "stars"})
    assert machine.refill_inputs(later, "b:chat", {"text": "owls", "who": "ada"}, 1.0) == {
        "text": "stars",
        "who": "ada",
    }


# --- as the runner drives them --------------------------------------------------------------------------------

CATALOGUE: Catalogue = {
    spec.name: spec for spec in (ActionSpec("a.read", "", events={"tip": {"amount": {"type": "number"}}}),)
}
READS = """
a:
  activities: {chat: {do: a.read, every: 3s, with: {heard: "{{ vars.heard|default(0) }}"}}}
  transitions: {tip: {set: {heard: "{{ event.amount }}"}}}
  timeout: 8s
"""


class Journal:
    """A store that keeps each write: what is remembered by then, and the names of its records."""

    def __init__(self) -> None:
        self.writes: list[tuple[Any, list[str]]] = []

    def write(self, run: Run, records: Sequence[Record]) -> None:
        self.writes.append((run.memory.get("a", {}).get("last"), [record["event"] for record in records]))


def driven(perform: Any) -> list[tuple[Any, list[str]]]:
    """What is written while the flow above is driven to its end."""

    class Actions:
        async def perform(self, call: Call) -> Completion:
            return await perform(call)  # type: ignore[no-any-return]

    async def scene() -> list[tuple[Any, list[str]]]:
        journal = Journal()
        flow = flow_of(READS.replace("timeout: 8s", "timeout: 8s\n  entry: {raise: {event: stop, after: 8s}}"))
        actions: Any = Actions()
        runner = Runner(
            Machine(flow, CATALOGUE), Run("r", "talk", "", {}), catalogue=CATALOGUE, actions=actions, store=journal,
            clock=VirtualClock(),
        )  # fmt: skip
        await runner.drive()
        return journal.writes

    return run(scene())


def test_records_and_memory_of_a_round_are_one_write() -> None:
    """After a crash a message is remembered as read exactly if its record is there."""

    async def perform(call: Call) -> Completion:
        last = call.memory.get("last", 0) + 1
        return Completion(memory={"last": last}, notes=[("read", {"n": last})])

    writes = driven(perform)
    assert [memory for memory, names in writes if "read" in names] == [1, 2, 3]


def test_what_is_kept_in_the_middle_of_a_round_is_written_at_once_with_its_records() -> None:
    """A checkpoint goes before whatever the action does next."""
    seen: list[int] = []

    async def perform(call: Call) -> Completion:
        last = call.memory.get("last", 0) + 1
        call.keep({"last": last}, [("kept", {"n": last})])
        seen.append(last)
        return Completion()

    writes = driven(perform)
    assert [memory for memory, names in writes if names == ["kept"]] == seen == [1, 2, 3]


def test_a_round_that_is_hurried_sees_what_the_last_one_has_changed() -> None:
    """The next round begins once the flow has taken what came of the last one."""
    heard: list[Any] = []

    async def perform(call: Call) -> Completion:
        heard.append(call.inputs["heard"])
        if len(heard) == 1:
            call.hurry()
        return Completion(raised=[("tip", {"amount": len(heard)})])

    driven(perform)
    assert heard == [0, 1, 2, 3]


def test_an_event_of_an_activity_is_in_the_journal() -> None:
    """What was raised, and by whom, is written down."""
    written: list[Record] = []

    async def scene() -> None:
        class Actions:
            async def perform(self, call: Call) -> Completion:
                return Completion(raised=[("tip", {"amount": 7})])

        class Store:
            def write(self, run: Run, records: Sequence[Record]) -> None:
                written.extend(records)

        actions: Any = Actions()
        runner = Runner(
            Machine(flow_of(READS), CATALOGUE), Run("r", "talk", "", {}), catalogue=CATALOGUE, actions=actions,
            store=Store(), clock=VirtualClock(),
        )  # fmt: skip
        asyncio.get_running_loop().call_at(asyncio.get_running_loop().time() + 1, runner.stop)
        await runner.drive()

    run(scene())
    raised = [record for record in written if record["event"] == "event_raised"]
    assert [(record["name"], record["data"], record["by"]) for record in raised] == [("tip", {"amount": 7}, "a:chat")]
