"""What every store promises; held against memory, SQLite and PostgreSQL alike."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import pytest
from store_samples import CHOICE, THEM, TWEET, US, World, a_run, an_answer, asked, asking, created, said, whats

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Request, Runs, Stored
from retake_flow.redact import Secret
from retake_flow.run.errors import AlreadyAnswered, AnswerWaiting, Fenced, GateUnknown, RunHeld, RunUnknown
from retake_flow.run.run import Attempt, PendingUndo, Phase


class TestKeeping:
    def test_a_run_is_found_as_it_was_created(self, runs: Runs) -> None:
        """What belongs to a new run is kept with it."""
        run = a_run()
        assert created(runs, run).epoch == 1
        assert runs.load(run.id) == Stored(run, "owl", "/x/go-live.yaml", "flow: x", 1, US, 10.0, 10.0)

    def test_a_second_run_of_one_id_is_refused(self, runs: Runs) -> None:
        """An id is taken once; the first run stays as it was."""
        created(runs)
        with pytest.raises(StoreError, match="already a run go-live-1"):
            created(runs, a_run(state="other"))
        assert runs.load("go-live-1").run.state == "a"

    def test_a_write_keeps_the_run_and_appends_its_records(self, runs: Runs, world: World) -> None:
        """After a write the snapshot is the new one, and the records stand behind the older ones."""
        claim = created(runs)
        claim.write(a_run(), [said("one"), said("two")])
        world.time = 20.0
        later = a_run(
            state="a/b",
            visits={"a": 1, "a/b": 2},
            outputs={"a": {"viewers": 3}},
            undos=(PendingUndo("a", "a/b", "x.y", {"n": 1}),),
            timers={("a", "timeout"): 7.5},
            attempt=Attempt(1, 0, 2.0),
        )
        claim.write(later, [said("three")])
        stored = runs.load("go-live-1")
        assert (stored.run, stored.created, stored.updated) == (later, 10.0, 20.0)
        assert [(n, r["event"]) for n, r in runs.journal("go-live-1")] == [(1, "one"), (2, "two"), (3, "three")]

    def test_a_record_between_two_steps_leaves_the_run_as_it_is(self, runs: Runs) -> None:
        """The same run may be written again with more records."""
        claim, run = created(runs), a_run(state="b")
        claim.write(run, [said("one")])
        claim.write(run, [said("two")])
        claim.write(run, [])
        assert runs.load(run.id).run == run
        assert len(runs.journal(run.id)) == 2

    def test_a_journal_can_be_read_on_from_a_number(self, runs: Runs) -> None:
        """Who watches asks only for what is new."""
        claim = created(runs)
        claim.write(a_run(), [said("one"), said("two"), said("three")])
        assert [record["event"] for _, record in runs.journal("go-live-1", after=2)] == ["three"]
        assert runs.journal("go-live-1", after=3) == []

    def test_the_last_records_of_a_journal_can_be_read(self, runs: Runs) -> None:
        """In their order, with their numbers; fewer when there are no more."""
        created(runs).write(a_run(), [said("one"), said("two"), said("three")])
        for last, numbers in ((2, [2, 3]), (3, [1, 2, 3]), (9, [1, 2, 3]), (0, [])):
            assert [number for number, _ in runs.journal("go-live-1", last=last)] == numbers
        assert [record["event"] for _, record in runs.journal("go-live-1", after=1, last=1)] == ["three"]
        for before, numbers in ((1, []), (3, [1, 2]), (9, [1, 2, 3])):
            assert [number for number, _ in runs.journal("go-live-1", before=before)] == numbers
        assert [number for number, _ in runs.journal("go-live-1", 1, 3, last=5)] == [2]

    def test_the_records_of_some_events_can_be_read(self, runs: Runs) -> None:
        """With their numbers; a text that looks like one is none, and a name is taken as it is."""
        names = ("tip", "chat_message", "chatXmessage", 'a"b%', "tip")
        records = [*(said(name) for name in names), said("x", text='"event":"tip"', of={"event": "tip"})]
        created(runs).write(a_run(), records)
        for wanted, numbers in (
            (("tip",), [1, 5]),
            (("chat_message",), [2]),
            (('a"b%', "x"), [4, 6]),
            (("%",), []),
            ((), [1, 2, 3, 4, 5, 6]),
        ):
            assert [number for number, _ in runs.journal("go-live-1", events=wanted)] == numbers, wanted
        assert [number for number, _ in runs.journal("go-live-1", 1, last=1, events=("tip",))] == [5]

    def test_figures_are_kept_up_to_a_record(self, runs: Runs) -> None:
        """Whoever reads the run counts the rest of its journal, and comes to the same, also after the next claim."""
        claim = created(runs)
        for state in "abc":
            claim.write(a_run(state=state), [said("chat_message")])
        claim.release()
        runs.claim("go-live-1", US).write(a_run(state="d"), [said("chat_message")])
        stored = runs.load("go-live-1")
        stored.figures.count(runs.journal("go-live-1", stored.figures.number))
        assert (stored.figures.number, stored.figures.unanswered) == (4, 4)

    def test_no_secret_is_kept(self, runs: Runs) -> None:
        """A secret in a run is gone from its snapshot, and the reason that lists show has none."""
        key = Secret("sk_live_9f8e7d6c")
        claim = created(runs)
        claim.write(a_run(outputs={"key": {"key": key, "n": 1}}, reason=f"refused {key.reveal()}"), [])
        assert runs.load("go-live-1").run.outputs == {"key": {"n": 1}}
        assert runs.summaries()[0].reason == "refused •••"

    def test_any_text_is_kept(self, runs: Runs) -> None:
        """Lone surrogates, NULs and emoji, which a command line can bring in, break nothing."""
        odd = "a\udc80\0🦉'\"\\"
        claim = created(runs, agent=odd)
        run = a_run(inputs={odd: odd}, state=odd, reason=odd, outcome=odd)
        claim.write(run, [{**said("x"), "message": "🦉\0"}])
        assert runs.load("go-live-1").run == run
        assert runs.journal("go-live-1")[0][1]["message"] == "🦉\0"
        assert "🦉" in runs.summaries()[0].state

    def test_a_new_text_of_the_flow_is_kept_with_what_it_brought(self, runs: Runs) -> None:
        """An upgrade writes the text along with the run; another run with the old text keeps it."""
        claim = created(runs)
        created(runs, a_run("other"))
        claim.upgrade(a_run(digest="e" * 64), [said("upgraded")], "flow: y")
        stored = runs.load("go-live-1")
        assert (stored.flow_text, stored.run.digest) == ("flow: y", "e" * 64)
        assert runs.load("other").flow_text == "flow: x"
        assert runs.journal("go-live-1")[0][1]["event"] == "upgraded"

    def test_runs_that_are_not_there_are_unknown(self, runs: Runs) -> None:
        """Whatever is asked of a run that does not exist, the answer names it."""
        for ask in (
            lambda: runs.load("nobody"),
            lambda: runs.journal("nobody"),
            lambda: runs.claim("nobody", US),
            lambda: runs.request("nobody", "stop"),
        ):
            with pytest.raises(RunUnknown, match="nobody"):
                ask()


class TestClaiming:
    def test_a_living_holder_keeps_its_run(self, runs: Runs, world: World) -> None:
        """A second one is told which process has it, and the first writes on."""
        claim = created(runs)
        world.living.add(US)
        with pytest.raises(RunHeld, match="process 100 on here") as told:
            runs.claim("go-live-1", THEM)
        assert (told.value.host, told.value.pid) == ("here", 100)
        claim.write(a_run(state="b"), [])
        assert runs.load("go-live-1").epoch == 1

    def test_a_dead_holder_is_replaced(self, runs: Runs) -> None:
        """A run whose process died can be claimed, under a new epoch."""
        created(runs)
        claim = runs.claim("go-live-1", THEM)
        stored = runs.load("go-live-1")
        assert (claim.epoch, stored.epoch, stored.holder) == (2, 2, THEM)

    def test_a_living_holder_can_be_robbed(self, runs: Runs, world: World) -> None:
        """Force takes a run from whoever has it."""
        created(runs)
        world.living.add(US)
        assert runs.claim("go-live-1", THEM, force=True).epoch == 2

    def test_a_run_that_was_let_go_is_free(self, runs: Runs, world: World) -> None:
        """After a release anybody may claim the run, though who had it still lives."""
        claim = created(runs)
        world.living.add(US)
        claim.release()
        claim.release()
        assert runs.load("go-live-1").holder is None
        assert runs.claim("go-live-1", THEM).epoch == 2

    def test_a_fenced_writer_writes_nothing(self, runs: Runs) -> None:
        """Who lost a run can neither write to it nor let it go, and its reader's part ends too."""
        first = created(runs)
        first.write(a_run(), [said("first")])
        second = runs.claim("go-live-1", THEM)
        for attempt in (
            lambda: first.write(asking(TWEET), [said("late")]),
            lambda: first.upgrade(a_run(), [], "flow: late"),
            first.requests,
        ):
            with pytest.raises(Fenced, match="go-live-1"):
                attempt()
        first.release()
        second.write(a_run(state="c"), [said("second")])
        stored = runs.load("go-live-1")
        assert (stored.run.state, stored.holder, stored.flow_text) == ("c", THEM, "flow: x")
        assert [record["event"] for _, record in runs.journal("go-live-1")] == ["first", "second"]
        assert runs.open_gates() == []


class TestAsking:
    def test_an_open_gate_is_listed_until_it_is_closed(self, runs: Runs) -> None:
        """Gates of all runs are listed, the oldest first, as their runs last held them."""
        claim = asked(runs, TWEET, CHOICE)
        other = created(runs, a_run("other"))
        other.write(replace(a_run("other"), gates={"q.1": replace(TWEET, id="q.1", opened_at=45.0)}), [])
        assert [(each.run, each.gate.id) for each in runs.open_gates()] == [
            ("go-live-1", "trouble.1"),
            ("other", "q.1"),
            ("go-live-1", "prove.1"),
        ]
        assert runs.open_gates("go-live-1")[1].gate == TWEET
        assert runs.open_gates("go-live-1")[1].flow == "go-live"
        claim.write(asking(replace(TWEET, audience="boss")), [])
        assert [each.gate.audience for each in runs.open_gates("go-live-1")] == ["boss"]

    def test_the_first_answer_wins(self, runs: Runs) -> None:
        """The second one is told who was first, when and how, also when the run has gone on."""
        claim = asked(runs, TWEET)
        runs.answer("go-live-1", "prove.1", an_answer("ann", 100.0, url="u"))
        for _ in range(2):
            with pytest.raises(AlreadyAnswered, match="by ann on 1970-01-01 at 00:01:40 UTC") as told:
                runs.answer("go-live-1", "prove.1", an_answer("bob", 101.0, url="v"))
            assert (told.value.by, told.value.at, told.value.channel) == ("ann", 100.0, "command")
            assert claim.answers(fresh=True).get("prove.1", an_answer("ann", url="u")).fields == {"url": "u"}
            claim.write(a_run(), [])

    def test_an_answered_gate_no_longer_asks(self, runs: Runs) -> None:
        """It is counted and listed for nobody any more."""
        asked(runs, TWEET, CHOICE)
        assert runs.summaries()[0].gates == 2
        runs.answer("go-live-1", "trouble.1", an_answer(decision="retry", wait=3))
        assert [each.gate.id for each in runs.open_gates()] == ["prove.1"]
        assert runs.summaries()[0].gates == 1

    def test_what_is_not_asked_cannot_be_answered(self, runs: Runs) -> None:
        """Gates that were never asked, or are closed, take no answer."""
        claim = asked(runs, TWEET)
        for run, gate in (("go-live-1", "other.1"), ("nobody", "prove.1")):
            with pytest.raises(GateUnknown, match="does not ask"):
                runs.answer(run, gate, an_answer())
        claim.write(a_run(), [])
        with pytest.raises(GateUnknown, match="no longer open"):
            runs.answer("go-live-1", "prove.1", an_answer())

    def test_an_expired_gate_takes_no_answer(self, runs: Runs) -> None:
        """From the moment it is due an answer is too late, whether the run has noticed or not."""
        claim = asked(runs, TWEET)
        with pytest.raises(GateUnknown, match="has expired"):
            runs.answer("go-live-1", "prove.1", an_answer(at=500.0))
        runs.answer("go-live-1", "prove.1", an_answer(at=499.9))
        assert list(claim.answers(fresh=True)) == ["prove.1"]

    def test_an_answer_waits_until_it_is_taken(self, runs: Runs) -> None:
        """It is given again and again, also to the next process, until the run no longer holds the gate."""
        first = asked(runs, TWEET, CHOICE)
        assert first.answers(fresh=True) == {}
        runs.answer("go-live-1", "prove.1", an_answer(url="u"))
        assert list(first.answers(fresh=True)) == list(first.answers(fresh=True)) == ["prove.1"]
        second = runs.claim("go-live-1", THEM)
        assert second.answers(fresh=True)["prove.1"] == an_answer(url="u")
        second.write(asking(CHOICE), [])
        assert second.answers(fresh=True) == {}

    def test_an_answer_keeps_its_decision(self, runs: Runs) -> None:
        """Decision, fields, person, channel and time arrive as they were given."""
        claim = asked(runs, CHOICE)
        given = an_answer("ann", 77.25, "retry", wait=3)
        runs.answer("go-live-1", "trouble.1", given)
        assert claim.answers(fresh=True) == {"trouble.1": given}

    def test_a_gate_is_not_closed_over_an_answer_nobody_has_seen(self, runs: Runs) -> None:
        """An old timer does not wipe an answer: the write is refused as a whole, and goes through once it was seen."""
        claim = asked(runs, TWEET)
        runs.answer("go-live-1", "prove.1", an_answer(url="u"))
        for end in (a_run(state="expired"), a_run(state="x", outcome="failed", phase=Phase.FAULTED)):
            with pytest.raises(AnswerWaiting, match=r"prove\.1 of go-live-1"):
                claim.write(end, [said("expired")])
        assert runs.load("go-live-1").run == asking(TWEET)
        assert len(runs.journal("go-live-1")) == 1
        assert claim.answers(fresh=True)["prove.1"].fields == {"url": "u"}
        claim.write(a_run(state="verified"), [said("answered")])
        assert [n for n, _ in runs.journal("go-live-1")] == [1, 2]

    def test_a_killed_run_asks_nothing_more(self, runs: Runs) -> None:
        """A run that ends with a gate open is written, whatever was answered, and its gate is closed."""
        claim = asked(runs, TWEET, CHOICE)
        runs.answer("go-live-1", "prove.1", an_answer(url="u"))
        claim.write(asking(TWEET, CHOICE, outcome="killed"), [])
        assert runs.open_gates() == []
        with pytest.raises(GateUnknown):
            runs.answer("go-live-1", "trouble.1", an_answer())

    def test_a_gate_that_is_asked_again_is_a_new_question(self, runs: Runs) -> None:
        """Under the id of a closed one, a gate takes an answer of its own."""
        claim = asked(runs, TWEET)
        runs.answer("go-live-1", "prove.1", an_answer("ann", url="u"))
        claim.answers(fresh=True)
        claim.write(a_run(), [])
        claim.write(asking(TWEET), [])
        assert claim.answers(fresh=True) == {}
        runs.answer("go-live-1", "prove.1", an_answer("bob", url="v"))
        with pytest.raises(AnswerWaiting):
            claim.write(a_run(), [])
        assert claim.answers(fresh=True)["prove.1"].by == "bob"

    def test_secret_fields_reach_the_run_and_nobody_else(self, runs: Runs) -> None:
        """A secret field comes to the run wrapped, and to the next process too, as long as it was not taken."""
        claim = asked(runs, TWEET)
        runs.answer("go-live-1", "prove.1", an_answer(url="u", token="hunter-22"))
        kept = {"url": "u", "token": Secret("hunter-22")}
        assert claim.answers(fresh=True)["prove.1"].fields == kept
        assert runs.claim("go-live-1", THEM).answers(fresh=True)["prove.1"].fields == kept

    def test_a_secret_field_may_come_wrapped(self, runs: Runs) -> None:
        """Who asks a person wraps the secret at once; the run gets it all the same."""
        claim = asked(runs, TWEET)
        runs.answer("go-live-1", "prove.1", an_answer(token=Secret("hunter-22")))
        token = claim.answers(fresh=True)["prove.1"].fields["token"]
        assert token.reveal() == "hunter-22"


class TestRequests:
    def test_what_is_asked_of_a_run_arrives_once_and_in_order(self, runs: Runs) -> None:
        """Each request comes once in a claim, the oldest first; those of other runs do not."""
        claim = created(runs)
        created(runs, a_run("other"))
        assert claim.requests(fresh=True) == []
        runs.request("go-live-1", "stop")
        runs.request("other", "stop")
        runs.request("go-live-1", "kill")
        assert whats(claim) == ["stop", "kill"]
        assert claim.requests(fresh=True) == []
        runs.request("go-live-1", "stop")
        assert whats(claim) == ["stop"]

    def test_a_store_that_listens_tells_of_news(self, runs: Runs) -> None:
        """Of a request, of an answer, and of another process that takes the run; SQLite does not listen."""
        claim, news = asked(runs, TWEET), Event()
        for happens in (
            lambda: runs.request("go-live-1", "stop"),
            lambda: runs.answer("go-live-1", TWEET.id, an_answer()),
            lambda: runs.claim("go-live-1", THEM),
        ):
            if not claim.on_news(news.set):
                pytest.skip("nothing is listened for")
            happens()
            assert news.wait(60.0)
            news.clear()

    def test_what_a_dead_process_did_not_do_is_asked_of_the_next(self, runs: Runs) -> None:
        """A stop is not lost with the process that was told; the end of the run settles it."""
        first = created(runs)
        runs.request("go-live-1", "stop")
        assert whats(first) == ["stop"]
        second = runs.claim("go-live-1", THEM)
        assert whats(second) == ["stop"]
        second.write(a_run(outcome="stopped", phase=Phase.CANCELLED), [])
        assert runs.claim("go-live-1", US).requests(fresh=True) == []

    def test_a_stop_that_was_taken_is_not_asked_again(self, runs: Runs) -> None:
        """Once a run has written that it was stopped, its next process hears of later ones only."""
        claim = created(runs)
        runs.request("go-live-1", "stop")
        assert whats(claim) == ["stop"]
        runs.request("go-live-1", "kill")
        claim.write(a_run(state="asks"), [said("stop_requested")])
        assert whats(claim) == ["kill"]
        assert whats(runs.claim("go-live-1", THEM)) == ["kill"]

    def test_one_wish_to_stop_is_heard_once(self, runs: Runs) -> None:
        """Whoever asked for it by when it is recorded, also if that was not heard yet; a later stop is another one."""
        created(runs)
        runs.request("go-live-1", "stop")
        claim = runs.claim("go-live-1", THEM)
        runs.request("go-live-1", "say", {"text": "bye"})
        runs.request("go-live-1", "kill")
        claim.write(a_run(state="asks"), [said("stop_requested")])
        assert whats(claim) == ["say", "kill"]
        runs.request("go-live-1", "stop")
        claim.write(a_run(state="asks"), [said("y")])
        assert whats(claim) == ["stop"]
        runs.request("go-live-1", "stop")
        claim.write(a_run(state="late"), [said("stop_requested")])
        runs.request("go-live-1", "stop")
        assert whats(claim) == ["stop"]
        assert whats(runs.claim("go-live-1", US)) == ["say", "stop"]


class TestFinding:
    def test_a_run_is_found_by_what_is_enough_of_its_id(self, runs: Runs, world: World) -> None:
        """An id, a unique prefix and `last` mean one run; a whole id also when it begins another."""
        for name in ("a-1", "a-12", "b_1", "B_2"):
            world.time += 1
            created(runs, a_run(name))
        assert [runs.find(name) for name in ("a-1", "a-12", "b", "B", "last")] == ["a-1", "a-12", "b_1", "B_2", "B_2"]

    def test_a_name_means_the_newest_run_of_that_name(self, runs: Runs, world: World) -> None:
        """It is followed by the time at which the run began; a longer name is another one."""
        older, newer, longer = "show-20261129-201422-5b67", "show-20261130-080000-0a1b2c", "show-2-20261130-090000-ffff"
        for name in (older, newer, longer):
            world.time += 1
            created(runs, a_run(name))
        assert [runs.find(name) for name in ("show", "show-2", older)] == [newer, longer, older]
        with pytest.raises(RunUnknown, match="may be"):
            runs.find("sho")

    @pytest.mark.parametrize("name", ["a", "c", "%", "_", "b-1x", "A-1"])
    def test_what_does_not_mean_one_run_is_refused(self, runs: Runs, name: str) -> None:
        """No run, or several, are no answer; wildcards and the other case mean nothing."""
        for each in ("a-1", "a-2", "b-1"):
            created(runs, a_run(each))
        with pytest.raises(RunUnknown):
            runs.find(name)

    def test_several_runs_are_named(self, runs: Runs) -> None:
        """Who wrote too little is shown what it may be."""
        for number in range(7):
            created(runs, a_run(f"a-{number}"))
        with pytest.raises(RunUnknown, match="may be a-6, a-5, a-4, a-3, a-2, …"):
            runs.find("a")

    def test_there_is_no_last_run_in_an_empty_store(self, runs: Runs) -> None:
        """`last` of nothing says so."""
        with pytest.raises(RunUnknown, match="no run yet"):
            runs.find("last")


class TestListing:
    def test_runs_are_listed_newest_first(self, runs: Runs, world: World) -> None:
        """Each is told in one line: what it is, where it is, who drives it."""
        created(runs)
        world.time = 11.0
        second = created(runs, a_run("b", flow="other", state="x"), agent="cat")
        second.write(a_run("b", flow="other", state="y", phase=Phase.FAULTED, outcome="failed", reason="why"), [])
        second.release()
        newest, oldest = runs.summaries()
        assert (oldest.id, oldest.holder, oldest.phase, oldest.outcome) == ("go-live-1", US, Phase.RUNNING, None)
        assert (newest.id, newest.flow, newest.agent, newest.state) == ("b", "other", "cat", "y")
        assert (newest.phase, newest.outcome, newest.reason) == (Phase.FAULTED, "failed", "why")
        assert (newest.holder, newest.created, newest.updated, newest.gates) == (None, 11.0, 11.0, 0)

    def test_lists_can_be_narrowed(self, runs: Runs, world: World) -> None:
        """Phases, agent, flow and a limit each leave out the rest."""
        for number, (agent, flow, phase) in enumerate(
            [("owl", "x", Phase.RUNNING), ("cat", "x", Phase.COMPLETED), ("owl", "y", Phase.FAULTED)]
        ):
            world.time += 1
            created(runs, a_run(f"r{number}", flow=flow, phase=phase), agent=agent)
        assert [each.id for each in runs.summaries(agent="owl")] == ["r2", "r0"]
        assert [each.id for each in runs.summaries(flow="x")] == ["r1", "r0"]
        assert [each.id for each in runs.summaries(phases=[Phase.FAULTED, Phase.RUNNING])] == ["r2", "r0"]
        assert [each.id for each in runs.summaries(agent="owl", flow="y")] == ["r2"]
        assert [each.id for each in runs.summaries(limit=2)] == ["r2", "r1"]

    def test_old_runs_are_deleted_with_all_that_belongs_to_them(self, runs: Runs, world: World) -> None:
        """Only runs that have ended, and were not written since, are pruned; their ids are free again."""
        over = {"phase": Phase.COMPLETED, "outcome": "completed"}
        for name in ("old", "young", "open"):
            claim = created(runs, a_run(name))
            claim.write(replace(a_run(name), gates={TWEET.id: TWEET}), [said("x")])
            runs.request(name, "stop")
        for time, name in ((20.0, "old"), (30.0, "young")):
            world.time = time
            claim = runs.claim(name, THEM)
            claim.write(a_run(name, **over), [said("y")])
        assert runs.prune(30.0) == ["old"]
        assert sorted(each.id for each in runs.summaries()) == ["open", "young"]
        with pytest.raises(RunUnknown):
            runs.journal("old")
        created(runs, a_run("old"))
        assert runs.journal("old") == []
        assert runs.load("old").flow_text == "flow: x"

    def test_runs_that_a_process_still_drives_are_not_pruned(self, runs: Runs, world: World) -> None:
        """A run has ended before its undos are done: its process has to know whom it signs off."""
        ended = a_run(phase=Phase.COMPLETED, outcome="completed")
        claim = created(runs, ended)
        world.living.add(US)
        assert runs.prune(99.0) == []
        claim.release()
        assert runs.prune(99.0, dry_run=True) == ["go-live-1"]
        assert runs.prune(99.0) == ["go-live-1"]

    def test_ended_runs_that_still_owe_undos_are_not_pruned(self, runs: Runs) -> None:
        """What only looks like it, in a run's own data, does not count."""
        over = {"phase": Phase.COMPLETED, "outcome": "completed"}
        owed = [{"scope": "a", "state": "a", "do": "x.close", "inputs": {}}]
        created(runs, a_run("done", vars={"undoing": owed}, **over)).release()
        created(runs, a_run("owing", undoing=(PendingUndo("a", "a", "x.close", {}),), **over)).release()
        for dry_run in (True, False):
            assert runs.prune(99.0, dry_run=dry_run) == ["done"]
        assert [each.id for each in runs.summaries()] == ["owing"]

    def test_only_ended_runs_that_were_released_are_owing(self, runs: Runs, world: World) -> None:
        """Neither one that a process has, or had, nor one whose own data only looks like undos."""
        over = {"phase": Phase.COMPLETED, "outcome": "completed"}
        owed = {"undoing": (PendingUndo("a", "a", "x.close", {}),)}
        lookalike = {"undoing": [{"scope": "a", "state": "a", "do": "x.close", "inputs": {}}]}
        for run in (a_run("done", vars=lookalike, **over), a_run("owing", **owed, **over), a_run("on", **owed)):
            created(runs, run).release()
        created(runs, a_run("dead", **owed, **over))
        assert runs.owing() == ["owing"]

    def test_what_is_asked_comes_with_its_data_and_number(self, runs: Runs) -> None:
        """Whoever asks learns the number by which the journal will answer."""
        claim = created(runs)
        said_so = {"text": "Grüße \u2028 \x00", "ways": ["voice"], "by": "ann"}
        numbers = [runs.request("go-live-1", "say", said_so), runs.request("go-live-1", "stop")]
        assert claim.requests(fresh=True) == [Request("say", said_so, numbers[0]), Request("stop", {}, numbers[1])]

    def test_what_a_record_says_is_done_is_not_asked_again(self, runs: Runs) -> None:
        """A process that dies between two requests leaves the second to the next one, and a stop does not settle it."""
        claim = created(runs)
        first, second = (runs.request("go-live-1", "say", {"text": text}) for text in "ab")
        runs.request("go-live-1", "stop")
        assert whats(claim) == ["say", "say", "stop"]
        claim.write(a_run(), [{**said("say_requested"), "request": first}])
        assert [each.number for each in runs.claim("go-live-1", THEM).requests(fresh=True)] == [second, second + 1]
        last = runs.claim("go-live-1", US)
        last.requests(fresh=True)
        last.write(a_run(), [said("stop_requested")])
        assert [each.number for each in runs.claim("go-live-1", THEM).requests(fresh=True)] == [second]
