"""Two agents on one machine: each run stays its own agent's, and each agent streams once."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from first_version import leave_store
from flow_processes import Home, RetakeTv, Running, at_home, command, retake_tv, waited, write_credentials

pytestmark = pytest.mark.real

OWL, WREN = "rtk_accounts_owl_token", "rtk_accounts_wren_token"
AGENTS = [{"name": "owl", "token": OWL, "user_id": "user_owl"}, {"name": "wren", "token": WREN, "user_id": "user_wren"}]
STREAMING = """
flow: streaming
initial: verified
states:
  verified:
    do: retake.verification_status
    transitions:
      done: [{when: result.verified, to: broadcast}, {to: broken}]
      error: broken
  broadcast:
    initial: key
    transitions: {stop: over, error: broken}
    states:
      key: {do: retake.stream_key, transitions: {done: session}}
      session: {do: retake.start_stream, undo: retake.stop_stream, transitions: {done: status}}
      status: {do: retake.stream_status, transitions: {done: here}}
      here: {wait: 1h, transitions: {done: over}}
  over: {final: completed}
  broken: {final: failed, reason: "{{ event.message|default('not verified') }}"}
"""
ASKING = """
flow: asking
version: 1
initial: question
states:
  question:
    ask: {message: "Well?", answer: {word: {type: string}}}
    transitions: {answered: known}
  known:
    do: credentials.load
    transitions: {found: over, missing: over}
  over: {final: completed, reason: "{{ outputs.known.agent_name|default('nobody') }}"}
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RetakeTv]:
    """A retake.tv that knows an owl and a wren."""
    with retake_tv(tmp_path / "platform", {"agents": AGENTS, "viewers": []}) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, platform: RetakeTv) -> Iterator[Home]:
    """A home with the credentials of both, and two flows."""
    folder = tmp_path / "home"
    with at_home(folder, RETAKE_API_URL=platform.address) as made:
        write_credentials(folder / "owl.json", "owl", OWL, platform.address)
        write_credentials(folder / "wren.json", "wren", WREN, platform.address)
        (folder / "streaming.yaml").write_text(STREAMING)
        (folder / "asking.yaml").write_text(ASKING)
        yield made


def own(home: Home, agent: str) -> dict[str, str]:
    """The setting that makes a process an agent's."""
    return {"RETAKE_CREDENTIALS": str(home.folder / f"{agent}.json")}


def streaming(home: Home, **variables: str) -> Running:
    """A run that has a session."""
    running = home.start("run", str(home.folder / "streaming.yaml"), **variables)
    running.until("state_entered", state="broadcast/here")
    return running


def asked(home: Home, **variables: str) -> str:
    """A run that waits for an answer without a process; gives its id."""
    done = home.call("run", str(home.folder / "asking.yaml"), "--json", **variables)
    assert done.code == 4, done
    return str(done.records[-1]["run"])


def streams(platform: RetakeTv, agent: str) -> list[object]:
    """The sessions of an agent, as far as they came."""
    return [*platform.agent(agent)["sessions"]]


def test_a_run_goes_on_as_its_own_agent_alone(home: Home, platform: RetakeTv) -> None:
    """Under other credentials, none, another's token, or on another platform it is refused and stays as it was."""
    first = streaming(home, **own(home, "owl"))
    run = first.run
    first.kill()
    before = home.row(run), streams(platform, "owl"), platform.report()["keys"]
    file = home.folder / "owl.json"
    wrong = [
        (own(home, "wren"), f"{run} acts as owl, and the token in {home.folder}/wren.json is that of wren"),
        ({}, f"{run} acts as owl, and there are no credentials of that agent in {home.folder}/.config/retake/"),
        (own(home, "owl") | {"RETAKE_ACCESS_TOKEN": WREN}, "in RETAKE_ACCESS_TOKEN is that of the agent user_wren"),
        (own(home, "owl") | {"RETAKE_API_URL": "https://retake.tv"}, "and the platform here is https://retake.tv"),
    ]  # fmt: skip
    for variables, message in wrong:
        refused = home.call("resume", run, **variables)
        assert (refused.code, message in refused.err) == (6, True), refused
    for words in (("resume", run, "--force"), ("resume", run, "--upgrade"), ("stop", run)):
        refused = home.call(*words, **variables)
        assert (refused.code, message in refused.err) == (6, True), refused
    assert home.call("resume", "--all", **variables).code == 5
    assert f"set RETAKE_CREDENTIALS={file}" in home.call("resume", run, **own(home, "wren")).err
    assert (home.row(run), streams(platform, "owl"), platform.report()["keys"]) == before
    assert WREN not in refused.err + json.dumps(home.journal())
    second = home.start("resume", run, **own(home, "owl"))
    second.until("run_resumed")
    assert home.call("stop", run).code == 0
    assert second.finish() == 0
    assert [bool(session["ended"]) for session in platform.agent("owl")["sessions"]] == [True]
    assert streams(platform, "wren") == []


def test_all_runs_of_the_agent_that_is_here_go_on(home: Home) -> None:
    """Each of the others gets one line with both names and what to do; a moved file is no other agent."""
    runs = {agent: asked(home, **own(home, agent)) for agent in ("owl", "wren")}
    for run in runs.values():
        assert home.call("answer", run, "word=yes").code == 0
    moved = home.folder / "moved.json"
    (home.folder / "wren.json").rename(moved)
    done = home.call("resume", "--all", RETAKE_CREDENTIALS=str(moved))
    left = [line for line in done.out.splitlines() if "is skipped" in line]
    assert (done.code, len(left)) == (5, 1), done
    assert left[0].startswith(f"[{runs['owl']}] is skipped: {runs['owl']} acts as owl, and the token in {moved}")
    assert f"set RETAKE_CREDENTIALS={home.folder}/owl.json" in left[0]
    assert (home.row(runs["owl"])["phase"], home.row(runs["wren"])["reason"]) == ("suspended", "wren")


def test_an_answer_counts_and_the_run_waits_for_its_own_agent(home: Home) -> None:
    """An answer is nobody's credentials; going on with it is."""
    run = asked(home, **own(home, "owl"))
    refused = home.call("resume", run, "--answer", "word=yes", **own(home, "wren"))
    assert refused.code == 6, refused
    assert refused.err.startswith("answered question.1; the process that resumes the run takes it\n")
    assert "acts as owl" in refused.err
    done = home.call("resume", run, **own(home, "owl"))
    assert (done.code, home.row(run)["reason"]) == (0, "owl"), done


def test_a_run_that_waits_for_its_registration_is_nobody_elses(home: Home) -> None:
    """Only the file that will hold its token is known: with another agent's file it does not go on."""
    flow = home.folder / "asking.yaml"
    given = "agent_name: kite, agent_description: d, image_url: '', wallet_address: '', ticker: ''"  # so it is refused
    register = f"register: {{do: retake.register, with: {{{given}}}, transitions: {{done: over, error: over}}}}"
    flow.write_text(ASKING.replace("  over:", f"  {register}\n  over:").replace("missing: over", "missing: register"))
    run = asked(home, **own(home, "kite"))
    assert home.call("answer", run, "word=yes").code == 0
    for other in ("owl", "jay"):
        refused = home.call("resume", run, **own(home, other))
        assert (refused.code, f"set RETAKE_CREDENTIALS={home.folder}/kite.json" in refused.err) == (6, True), refused
    assert home.call("resume", "--all", **own(home, "owl")).code == 5
    assert home.call("resume", "--all", **own(home, "kite")).code == 0
    assert home.row(run)["outcome"] == "completed"
    assert not (home.folder / "jay.json").exists()


def test_a_token_without_a_name_guards_its_run(home: Home) -> None:
    """A run that was begun with a variable alone goes on with that token, from wherever it comes."""
    run = asked(home, RETAKE_ACCESS_TOKEN=OWL)
    assert home.call("answer", run, "word=yes").code == 0
    refused = home.call("resume", run, RETAKE_ACCESS_TOKEN=WREN)
    assert refused.code == 6, refused
    assert f"{run} acts as the agent of RETAKE_ACCESS_TOKEN" in refused.err
    assert "set RETAKE_ACCESS_TOKEN to the token that it began with" in refused.err
    assert OWL not in refused.err + json.dumps(home.journal(run))
    done = home.call("resume", run, **own(home, "owl"))
    assert (done.code, home.row(run)["agent"]) == (0, "owl"), done


def test_an_account_that_is_learnt_later_guards_its_run(home: Home, platform: RetakeTv) -> None:
    """A token alone has no name and no id; once the platform has sent the id, it is the run's."""
    alone = home.folder / "alone.json"
    alone.write_text(json.dumps({"access_token": OWL, "issued_by": platform.address}))
    alone.chmod(0o600)
    first = streaming(home, RETAKE_CREDENTIALS=str(alone))
    run = first.run
    first.kill()
    (learnt,) = [record for record in home.journal(run) if record["event"] == "account"]
    assert (learnt["user_db_id"], learnt["source"]) == ("user_owl", str(alone))
    refused = home.call("resume", run, **own(home, "wren"))
    assert (refused.code, f"{run} acts as the agent user_owl" in refused.err) == (6, True), refused
    (home.folder / "alone.json").rename(home.folder / "moved.json")
    second = home.start("resume", run, **own(home, "moved"))
    second.until("run_resumed")
    assert home.call("stop", run).code == 0
    assert second.finish() == 0
    assert streams(platform, "wren") == []


def test_an_account_that_is_made_later_guards_its_run(home: Home, platform: RetakeTv) -> None:
    """An account that a run registers is its agent from then on, also for what streams beside it."""
    given = (
        "agent_name: kite, agent_description: d, image_url: 'https://example.com/a.png', "
        f"wallet_address: {'7' * 32}, ticker: KITE"
    )
    register = f"made: {{do: retake.register, with: {{{given}}}, transitions: {{done: question, error: broken}}}}"
    ask = "question: {ask: {message: 'Well?'}, transitions: {answered: verified}}"
    flow = home.folder / "making.yaml"
    flow.write_text(STREAMING.replace("initial: verified\nstates:", f"initial: made\nstates:\n  {register}\n  {ask}"))
    done = home.call("run", str(flow), "--json", **own(home, "kite"))
    assert done.code == 4, done
    run = str(done.records[-1]["run"])
    (learnt,) = [record for record in home.journal(run) if record["event"] == "account"]
    assert learnt["agent"] == "kite"
    assert learnt["user_db_id"] == platform.agent("kite")["user_id"]
    refused = home.call("resume", run, **own(home, "owl"))
    assert (refused.code, f"{run} acts as kite, and the token in" in refused.err) == (6, True), refused


#: The runs in a store of version 0.1, by the names of their flows: who may not go on with each, and who may.
_FIRST_VERSION = {
    "loaded": (("none", "wren", "wren's token"), "owl"),
    "plain": (("none", "wren", "wren's token"), "owl"),
    "token": (("none", "wren", "owl"), "owl's token"),
    "register": (("wren",), "none"),
}


def test_a_run_of_the_first_version_is_its_own_agents(home: Home) -> None:
    """It kept no account: its name, and the credentials that it has loaded, show whose it is."""
    state = {"RETAKE_FLOW_STATE": str(home.folder / "state")}
    tokens = {"owl's token": OWL, "wren's token": WREN}
    runs = leave_store(home.folder, on_air=False)
    for flow in ("loaded", "plain", "token"):
        assert home.call("answer", runs[flow], "word=yes", **state).code == 0

    def given(which: str) -> dict[str, str]:
        return state | ({"RETAKE_ACCESS_TOKEN": tokens[which]} if which in tokens else own(home, which))

    for other in ("none", "wren"):
        left = home.call("resume", "--all", **given(other)).out
        # The one that registers waits for an answer, and so does not concern all.
        assert {flow for flow in runs if f"[{runs[flow]}] is skipped" in left} == {"loaded", "plain", "token"}, left
    for flow, (wrong, right) in _FIRST_VERSION.items():
        for other in wrong:
            refused = home.call("resume", runs[flow], **given(other))
            assert refused.code == 6, (other, refused)
            assert f"{runs[flow]} acts as " in refused.err or "it was not sent" in refused.err  # to ask whose it is
        done = home.call("resume", runs[flow], **given(right))
        assert done.code == (4 if flow == "register" else 0), done


def test_an_agent_streams_once_on_this_machine(home: Home, platform: RetakeTv) -> None:
    """A second run is refused with how to end the first, before it takes anything from it; another agent's goes on."""
    first = streaming(home, **own(home, "owl"))
    other = streaming(home, **own(home, "wren"))
    before = platform.report()["keys"]
    for variables in (
        own(home, "owl"),
        {"RETAKE_ACCESS_TOKEN": OWL},
        {**own(home, "wren"), "RETAKE_ACCESS_TOKEN": OWL},
    ):
        for state in ({}, {"RETAKE_FLOW_STATE": str(home.folder / "second"), "TMPDIR": str(home.folder)}):
            refused = home.call("run", str(home.folder / "streaming.yaml"), **variables, **state)
            assert refused.code == 5, refused
            assert f"is in use by {first.run} (process {first.pid} on " in refused.err
            store = f"RETAKE_FLOW_STORE={home.state}/runs.sqlite " if state else ""
            assert f"end it with `{store}retake-flow stop {first.run}`" in refused.err
    assert platform.report()["keys"] == before
    assert home.call("run", "discover.yaml", **own(home, "owl")).code == 0
    first.kill()
    third = streaming(home, **own(home, "owl"))
    for words in (("resume", first.run), ("stop", first.run)):
        refused = home.call(*words, **own(home, "owl"))
        assert (refused.code, f"owl is in use by {third.run}" in refused.err) == (5, True), refused
    left = home.call("resume", "--all", **own(home, "owl"))
    assert (left.code, f"[{first.run}] is skipped: owl is in use by {third.run}" in left.out) == (5, True), left
    for running in (third, other):
        assert home.call("stop", running.run).code == 0
        assert running.finish() == 0
    done = home.call("stop", first.run, **own(home, "owl"))
    assert done.code == 0, done
    assert not list(home.state.glob("locks/*"))


def test_a_run_that_is_taken_by_force_keeps_the_account(home: Home) -> None:
    """The process that had it lets go of the account, and the one that has it now holds it."""
    first = streaming(home, **own(home, "owl"))
    second = home.start("resume", first.run, "--force", **own(home, "owl"))
    second.until("run_resumed")
    assert first.finish() == 5
    refused = home.call("run", str(home.folder / "streaming.yaml"), **own(home, "owl"))
    assert (refused.code, f"(process {second.pid} on " in refused.err) == (5, True), refused
    assert home.call("stop", first.run).code == 0
    assert second.finish() == 0


def test_a_run_that_was_moved_is_not_taken_back_while_it_streams(home: Home) -> None:
    """By its id alone, the programs of the stream would be taken for those of a process that is gone, and be killed."""
    first = streaming(home, **own(home, "owl"))
    first.kill()
    new = f"{home.folder}/new.sqlite"
    assert home.call("store", "copy", f"{home.state}/runs.sqlite", new).code == 0
    second = home.start("resume", first.run, **own(home, "owl"), RETAKE_FLOW_STORE=new)
    second.until("run_resumed")
    refused = home.call("resume", first.run, "--force", **own(home, "owl"))
    assert (refused.code, f"is in use by {first.run} (process {second.pid} on " in refused.err) == (5, True), refused
    assert f"`RETAKE_FLOW_STORE={new} retake-flow stop {first.run}`" in refused.err
    assert home.call("stop", first.run, RETAKE_FLOW_STORE=new).code == 0
    assert second.finish() == 0


def test_two_runs_that_register_into_one_file_are_one_account(home: Home) -> None:
    """Before there is a token the file guards: a registration that is under way is not begun twice."""
    asks = "first: {ask: {message: Why, answer: {why: {type: string}}}, transitions: {answered: verified}}"
    text = STREAMING.replace("initial: verified", "initial: first").replace("states:\n", f"states:\n  {asks}\n", 1)
    flow = home.folder / "registering.yaml"
    flow.write_text(text)
    first = home.start("run", str(flow), "--wait", **own(home, "kite"))
    first.until("gate_opened")
    refused = home.call("run", str(flow), **own(home, "kite"))
    assert (refused.code, f"the agent of {home.folder}/kite.json is in use" in refused.err) == (5, True), refused
    assert home.call("stop", first.run).code == 0
    first.finish()


def test_a_rehearsal_is_another_account(home: Home, platform: RetakeTv) -> None:
    """It runs beside the real stream of an agent of that name, and its id, list and view say what it is."""
    real = streaming(home, **own(home, "owl"))
    options = home.folder / "options.json"
    options.write_text(json.dumps({"agents": AGENTS, "viewers": []}))
    words = ("--rehearse", "--rehearsal-options", str(options), "--folder", str(home.folder / "rehearsed"))
    rehearsed = home.start("run", str(home.folder / "streaming.yaml"), *words, **own(home, "owl"))
    rehearsed.until("state_entered", state="broadcast/here")
    assert rehearsed.run.startswith("streaming-owl-rehearsal-2")
    assert real.run.startswith("streaming-owl-2")
    listed = {record["run"]: record for record in home.call("runs", "--json").records}
    assert listed[real.run]["rehearsal"] is None
    assert listed[rehearsed.run]["rehearsal"] == str(home.folder / "rehearsed")
    assert {record["agent"] for record in listed.values()} == {"owl"}
    assert "streaming.yaml (rehearsal)" in home.call("runs").out
    shown = home.call("show", rehearsed.run).out.splitlines()[0]
    assert shown == f"{rehearsed.run} of streaming.yaml for owl, a rehearsal"
    account = home.call("show", real.run, "--json").records[0]["account"]
    assert account == {"user_db_id": "user_owl", "source": f"{home.folder}/owl.json", "platform": platform.address}
    rehearsed.kill()
    again = home.start("resume", rehearsed.run, **own(home, "wren"))  # its credentials are its own
    again.until("run_resumed")
    for running in (again, real):
        assert home.call("stop", running.run).code == 0
        assert running.finish() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")
def test_an_agent_streams_once_in_all_containers(home: Home) -> None:
    """A process in another PID namespace is not seen by its id, and holds the account all the same."""
    flow = str(home.folder / "streaming.yaml")
    contained = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    state = str(home.folder / "contained")
    process = subprocess.Popen(
        [*contained, *command("run", flow, "--json")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**home.environment, **own(home, "owl"), "RETAKE_FLOW_STATE": state},
    )
    home.started.append(Running(process))
    first = home.started[-1]
    first.until("state_entered", state="broadcast/here")
    refused = home.call("run", flow, **own(home, "owl"))
    assert (refused.code, f"owl is in use by {first.run}" in refused.err) == (5, True), refused
    first.kill()

    again = waited(lambda: _begun(home, flow), "a free account")
    assert home.call("stop", again.run).code == 0
    assert again.finish() == 0


def _begun(home: Home, flow: str) -> Running | None:
    """A run of the owl, once it is not refused."""
    running = home.start("run", flow, **own(home, "owl"))
    waited(lambda: running.records, "its first record, which a refused run prints too")
    return running if running.records[0]["event"] == "run_started" else None
