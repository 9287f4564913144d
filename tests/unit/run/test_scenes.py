"""The scene that is on, by the records of a run."""

import json
from typing import Any

import pytest

from retake_flow.run.figures import Figures
from retake_flow.run.records import record
from retake_flow.run.scenes import LINGERS, LONGEST, OPENS, UNASKED, Scenes

T = 1_796_000_000.0
LIVE = {"is_live": True, "viewers": 3}


class Told:
    """Scenes that hear records, and the time."""

    def __init__(self) -> None:
        self.scenes = Scenes()
        self.now = T

    def hear(self, event: str, after: float = 0.0, **fields: object) -> str:
        self.now += after
        self.scenes.note(record(event, self.now, **fields), self.now)
        return self.scenes.at(self.now)

    def wait(self, seconds: float) -> str:
        self.now += seconds
        return self.scenes.at(self.now)

    def start(self, action: str) -> None:
        self.hear("activity_started", activity=f"on:{action}", visit=1, action=action, inputs={})

    def ready(self, action: str, after: float = 0.0) -> str:
        return self.hear("activity_ready", after, activity=f"on:{action}", visit=1, value={})

    def fails(self, action: str, event: str = "activity_failed") -> str:
        return self.hear(event, activity=f"on:{action}", visit=1, outcome="error.exited")

    def status(self, live: bool = True, after: float = 0.0) -> str:
        return self.hear("action_finished", after, state="s", visit=1, outcome="done", result={**LIVE, "is_live": live})


def on_air() -> Told:
    """Scenes of a stream that is live."""
    told = Told()
    for action in ("studio.display", "studio.encoder", "studio.stage"):
        told.start(action)
        assert told.ready(action) == "starting"
    assert told.status(after=3) == "live"
    return told


def test_from_starting_to_thank_you():
    """From starting to thank you."""
    told = on_air()
    assert told.scenes.on_air_since == T + 3
    assert told.scenes.due(told.now) is None
    assert told.hear("stop_requested", reason="stopped") == "ended"


def test_the_start_is_over_shortly_after_the_first_frames():
    """The live scene comes before the platform shows the stream, but never without a picture that is sent."""
    told = Told()
    told.start("studio.encoder")
    assert told.wait(60) == "starting"
    assert told.ready("studio.encoder") == "starting"
    assert told.scenes.due(told.now) == told.now + OPENS
    assert told.wait(OPENS) == "live"
    assert told.status(live=False) == "live"


def test_a_stream_that_nobody_asks_about_counts_as_live():
    """A stream that nobody asks about counts as live."""
    told = Told()
    told.start("studio.encoder")
    told.ready("studio.encoder")
    assert told.wait(OPENS) == "live"
    assert told.scenes.on_air_since is None
    assert told.scenes.due(told.now) == T + UNASKED
    assert told.wait(UNASKED - OPENS) == "live"
    assert told.scenes.on_air_since == T


def test_a_dead_encoder_is_brb_until_the_platform_sees_the_stream_again():
    """A dead encoder is brb until the platform sees the stream again."""
    told = on_air()
    assert told.fails("studio.encoder", "activity_ended") == "brb"
    assert told.ready("studio.encoder", after=2) == "brb"
    assert told.status(after=3) == "live"
    assert told.scenes.on_air_since == T + 3


def test_without_an_answer_it_is_back_after_a_while():
    """Without an answer it is back after a while."""
    told = on_air()
    told.fails("studio.encoder", "activity_ended")
    told.ready("studio.encoder", after=2)
    assert told.scenes.due(told.now) == told.now + UNASKED
    assert told.wait(UNASKED) == "live"


def test_a_crashed_page_is_brb_long_enough_to_be_read():
    """A crashed page is brb long enough to be read."""
    told = on_air()
    told.fails("studio.stage")
    assert told.ready("studio.stage", after=0.2) == "brb"
    assert told.wait(LINGERS) == "live"


def test_brb_ends_even_when_nothing_comes_back():
    """Brb ends even when nothing comes back."""
    told = on_air()
    told.fails("studio.display", "activity_ended")
    assert told.scenes.due(told.now) == told.now + LONGEST
    assert told.wait(LONGEST) == "live"


def test_the_platform_says_offline_and_live_again():
    """The platform says offline and live again."""
    told = on_air()
    assert told.status(live=False) == "brb"
    assert told.status(live=True, after=4) == "live"


def test_a_resumed_run_is_brb_until_it_is_live():
    """A resumed run is brb until it is live."""
    told = on_air()
    assert told.hear("run_resumed", run="r", state="on", died=True) == "brb"
    assert told.status(after=4) == "live"


def test_a_failed_task_heals_nothing():
    """A failed task heals nothing."""
    told = on_air()
    told.start("studio.thumbnail")
    assert told.fails("studio.thumbnail") == "live"
    assert told.fails("chat.respond") == "live"


def test_before_the_air_nothing_is_brb():
    """Before the air nothing is brb."""
    told = Told()
    told.start("studio.stage")
    told.ready("studio.stage")
    assert told.fails("studio.stage") == "starting"


def test_healing_and_the_end_come_before_a_chosen_scene():
    """Healing and the end come before a chosen scene."""
    told = on_air()
    assert told.hear("scene_set", to="starting") == "starting"
    assert told.fails("studio.encoder", "activity_ended") == "brb"
    told.ready("studio.encoder")
    assert told.status(after=3) == "starting"
    assert told.hear("stop_requested", reason="") == "ended"


def test_an_operators_scene_covers_the_flows_for_its_time():
    """An operator's scene covers the flow's for its time, or until it is cleared."""
    told = on_air()
    assert told.hear("scene_set", to="brb", request=1, **{"for": 60}) == "brb"
    assert told.hear("scene_set", to="desk") == "brb"
    assert told.scenes.due(told.now) == told.now + 60
    assert told.wait(60) == "desk"
    assert told.hear("scene_set", to="live", request=2) == "live"
    assert told.hear("scene_set", data={"title": "x"}, request=3) == "live"
    assert told.hear("scene_set", clear=True, request=4) == "desk"


GONE = [
    ("activity_ended", {"activity": "on:screen", "visit": 1, "outcome": "done"}),
    ("state_left", {"state": "on", "visit": 1}),
    ("run_resumed", {"run": "r", "state": "on"}),
    ("run_ended", {"outcome": "completed"}),
]


@pytest.mark.parametrize(("event", "fields"), GONE)
def test_viewers_see_a_scene_while_the_stage_is_there(event: str, fields: dict[str, Any]):
    """Viewers see a scene while the stage is there, also one that crashes and comes back."""
    told = on_air()
    assert told.scenes.visible(told.now) == ""
    told.hear("activity_started", activity="on:screen", visit=1, action="studio.content", inputs={})
    told.hear("activity_ready", activity="on:screen", visit=1, value={"shows": "stage"})
    assert told.scenes.visible(told.now) == "live"
    told.hear("activity_failed", activity="on:screen", visit=1, outcome="error.exited")
    assert told.scenes.visible(told.now) == "brb"
    told.hear(event, **fields)
    assert told.scenes.visible(told.now) == ""


def test_the_log_shows_the_scenes_of_a_flow_alone():
    """The log shows the scenes of a flow, and none of the stage's."""
    told = on_air()
    told.hear("activity_started", activity="on:screen", visit=1, action="studio.content", inputs={})
    told.hear("activity_ready", activity="on:screen", visit=1, value={"shows": "log"})
    told.hear("scene_set", to="brb")
    assert told.scenes.visible(told.now) == ""
    told.hear("scene_set", to="desk")
    assert told.scenes.visible(told.now) == "desk"


@pytest.mark.parametrize(
    "fields",
    [{"to": ["x"], "for": "soon", "request": 1}, {"activity": ["x"]}, {"activity": 3, "value": []}, {"state": None}],
)
@pytest.mark.parametrize("event", ["scene_set", "activity_started", "activity_ready", "activity_ended", "state_left"])
def test_damaged_records_change_no_scene(event: str, fields: dict[str, Any]):
    """Damaged records neither fail nor change whether the stream is live."""
    told = on_air()
    told.hear(event, **fields)
    told.hear("scene_set", clear=True)
    told.hear("scene_set", to="")
    assert told.scenes.at(told.now) == "live"


def test_stored_scenes_go_on():
    """Figures that are stored and loaded go on with the scene that was on."""
    told = on_air()
    figures = Figures()
    figures.scenes = told.scenes
    told.hear("scene_set", to="brb", request=1, **{"for": 60})
    again = Figures.load(json.loads(json.dumps(figures.dump())))
    assert again.scenes.at(told.now) == "brb"
    assert again.scenes.at(told.now + 60) == "live"


def test_a_stream_that_starts_again_is_not_over():
    """A stream that starts again is not over."""
    told = on_air()
    assert told.hear("undo_started", state="on", action="retake.stop_stream") == "ended"
    assert told.hear("action_started", state="on", action="retake.start_stream") == "live"
    told.hear("stop_requested", reason="")
    assert told.hear("action_started", state="on", action="retake.start_stream") == "ended"
