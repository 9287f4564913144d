"""Where a run goes, and why one waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retake_flow.fleet.placement import choose, left_over, reason
from retake_flow.ports.fleet import Demand, Host, Job

A = Host("a", "", 1, 0.0, "1", 4.0, ("nvenc",), ("owl",))
B = Host("b", "", 1, 0.0, "1", 2.0, (), None)
OWL = Job("r", Demand("owl", 0.5))


def _name(job: Job, *hosts: Host) -> str:
    found = choose(job, hosts)
    return "" if found is None else found.id


def test_the_host_with_the_largest_free_share_is_chosen() -> None:
    """Not the one with the most cores, so that all fill alike."""
    assert _name(OWL, replace(A, used=2.0), B) == "b"
    assert _name(OWL, A, replace(B, used=0.5)) == "a"


def test_a_host_must_have_the_labels_the_credentials_and_the_room() -> None:
    """Costs that add up to the capacity fit exactly, however they are rounded."""
    assert _name(Job("r", Demand("owl", 0.5, ("nvenc",))), A, B) == "a"
    assert _name(Job("r", Demand("lark", 0.5)), A) == ""
    assert _name(Job("r", Demand("", 0.5)), A) == "a"
    assert _name(Job("r", Demand("owl", 0.1)), replace(B, capacity=0.3, used=0.1 + 0.1)) == "b"
    assert _name(Job("r", Demand("owl", 0.6)), replace(B, used=1.5)) == ""


def test_hosts_on_which_it_failed_are_chosen_last() -> None:
    """They may lack a program that another one has; each is tried before one of them is tried again."""
    failed = replace(OWL, failed_on=("a",))
    assert (_name(failed, A, replace(B, used=1.0)), _name(failed, A)) == ("b", "a")
    third = replace(B, id="c", used=1.5)
    assert _name(replace(OWL, failed_on=("b", "a")), A, B, third) == "c"
    assert _name(replace(OWL, failed_on=("b", "", "a", "b", "c")), A, B, third) == "a"


def test_runs_that_no_other_host_can_take_are_left_over() -> None:
    """Each with why; a run that another host takes fills that one."""
    jobs = [Job(name, Demand("owl", 0.5), host="a") for name in ("r1", "r2")]
    jobs += [Job("r3", Demand("owl", 0.1, ("nvenc",)), host="a"), Job("r4", Demand("owl", 9.0), host="b")]
    left = left_over("a", jobs, [A, replace(B, used=1.5)], 0.0)
    assert left == {"r2": "no host has 0.5 cores free", "r3": "no host fits: b has no label nvenc"}
    assert left_over("a", jobs[:1], [A], 0.0) == {"r1": "no worker runs"}
    assert left_over("a", jobs, [A, replace(B, capacity=9.0), replace(A, id="c")], 0.0) == {}


@pytest.mark.parametrize(
    ("job", "hosts", "said"),
    [
        (OWL, [], "no worker runs"),
        (OWL, [replace(A, away=True)], "no worker runs"),
        (OWL, [replace(A, draining="end")], "no host takes runs"),
        (Job("r", Demand("lark", 9, ("gpu",))), [A, B], "a has no label gpu; b has no label gpu"),
        (Job("r", Demand("lark")), [A], "no host fits: a has no credentials of lark"),
        (Job("r", Demand("owl", 9)), [A], "a has a capacity of 4"),
        (OWL, [replace(A, used=4.0), replace(B, used=2.0)], "no host has 0.5 cores free"),
        (replace(OWL, host="b"), [A, B], "starts on b"),
        (Job("r", Demand("owl", not_before=160.0)), [A], "starts in 1m00s"),
        (Job("r", Demand("owl", not_before=104.0), trouble="no ffmpeg"), [A], "tried again in 4s: no ffmpeg"),
        (replace(OWL, held=1.0, failures=(1, 2, 3, 4, 5), trouble="no ffmpeg"), [A], "held after 5 failures: no ff"),
        (
            replace(OWL, held=1.0, failures=(1, 2, 3, 4), failed_on=("b", "a", "", "a"), trouble="no ffmpeg"),
            [A],
            "no ffmpeg (see logs/r.log in the state folder on a, b)",
        ),
    ],
)
def test_the_reason_why_a_run_waits(job: Job, hosts: list[Host], said: str) -> None:
    """It names what is missing, host by host."""
    assert said in reason(job, hosts, 100.0)
