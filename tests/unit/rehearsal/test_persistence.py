"""What a rehearsal keeps while it goes on, and the part that comes after."""

import asyncio
import json
import shutil

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.errors import Rejected
from retake_flow.redact import Secret
from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.persistence import StateFile, next_part
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state import report
from retake_flow.rehearsal.state.platform import Platform

AUTH = {"Authorization": "Bearer rtk_unit_nightowl_0123456789"}
FORM = {
    "agent_name": "Day Owl",
    "agent_description": "watches",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}
TWEET = "https://x.com/ada/status/5000"


@pytest.fixture
def resume(clock):
    """Makes the platform of the next part, by way of the options as they are written."""

    def resume(platform):
        options = Options.from_json(json.dumps(next_part(platform).as_json()))
        return Platform(options, clock, options.dice)

    return resume


class Kept:
    """A platform that is kept, called over HTTP; `reports` are those that were written."""

    def __init__(self, platform, folder):
        self.platform, self.file, self.reports = platform, folder / "kept.json", []
        self.keeper = StateFile(platform, self.file, lambda: self.reports.append(report.build(platform)))
        self.app = self.keeper.wrap(create_app(platform, dropped=lambda: httpx.ReadError("dropped")))

    def call(self, call, **arguments):
        """Make one call."""

        async def main():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://platform", headers=AUTH) as client:
                method, path = call.split(" ")
                base = "" if path.startswith("/_rehearsal") else "/api/v1"
                return (await client.request(method, base + path, **arguments)).json()

        return asyncio.run(main())

    @property
    def options(self):
        """What is in the file."""
        return Options.from_json(self.file.read_text())


@pytest.fixture
def kept(make, tmp_path):
    """A platform with an agent that nobody has vouched for yet."""
    return Kept(make(verified=False), tmp_path)


# --- the next part ------------------------------------------------------------------------------------------


def test_agents_stay_who_they_are(make, resume):
    """Whoever was there or has registered is there again: token, ids, profile, verification, code and token address."""
    first = make(verified=False)
    owl = first.agents.by_name("night owl")
    day = first.agents.register(FORM, first.options)
    first.verification.prepare(owl)
    day.verified, day.token_address = True, "So1"
    second = resume(first)
    for agent in (owl, day):
        again = second.agents.by_token(agent.token.reveal())
        for what in ("name", "user_id", "agent_id", "token", "profile", "verified", "code", "token_address"):
            assert getattr(again, what) == getattr(agent, what), what
    assert len(second.agents) == 2


def test_a_message_stays_good(make, resume):
    """A person who posts days later still proves who runs the agent, and what was posted before can be found."""
    first = make(verified=False, tweets={TWEET: "{message}"})
    first.verification.prepare(first.agents.by_name("Night Owl"))
    second = resume(resume(first))
    owl = second.agents.by_name("Night Owl")
    second.verify(owl, TWEET)
    assert owl.verified


def test_parts_with_one_seed_give_out_other_secrets(make, resume):
    """Keys, ids and codes of a later part differ from those before, and are the same in each rehearsal of the seed."""

    def drawn(platform):
        owl = platform.agents.by_name("Night Owl")
        platform.verification.prepare(owl)
        return [platform.issue_key(owl).value.reveal(), platform.start(owl).id, owl.code]

    def parts():
        first = make()
        second = resume(first)
        return [drawn(platform) for platform in (first, second, resume(second))]

    assert parts() == parts()
    assert len({text for part in parts() for text in part}) == 9


def test_comments_have_ids_of_their_own_in_each_part(make, resume):
    """Who remembers the comments of an earlier part takes none of the new ones for an old one."""
    first = make()
    second = resume(first)
    ids = [
        platform.viewers.perform(platform.agents.by_name("Night Owl"), Cue(0, "mira", text="hi")).id
        for platform in (first, second, resume(second))
    ]
    assert len(set(ids)) == 3


def test_history_is_written_once(make, resume):
    """What stood in a chat before the rehearsal does not turn up as news in its next part; newcomers have theirs."""
    second = resume(make(history=(Cue(0, "ade", text="earlier"),)))
    assert not second.agents.by_name("Night Owl").chat.comments
    assert [comment.text for comment in second.agents.register(FORM, second.options).chat.comments] == ["earlier"]


def test_a_used_key_stays_used(make, resume):
    """A push with a key of an earlier part is refused, and a broken rule when that key had been used."""
    first = make()
    owl = first.agents.by_name("Night Owl")
    used = first.issue_key(owl)
    first.publish(used.value.reveal())
    unused = first.issue_key(owl)
    third = resume(resume(first))
    for key, rules in ((unused, []), (used, ["key-reused"])):
        with pytest.raises(Rejected):
            third.publish(key.value.reveal())
        assert [breach.rule for breach in third.breaches] == rules
    assert third.refused_pushes == 2


def test_faults_are_used_up_over_all_parts(make, resume):
    """A fault that has happened does not happen again; what is left of the others is left."""
    first = make(
        faults=(
            Fault("POST /agent/rtmp", status=503),
            Fault("POST /agent/verify", drop=True, times=3, after=1),
            Fault("GET /skill.json", body={"a": [1]}, headers={"x": "y"}, times=None),
        )
    )
    for call in ("rtmp", "verify", "verify"):
        first.faults.take("POST", f"/agent/{call}")
    second = resume(first)
    assert second.faults.remaining == (
        Fault("POST /agent/verify", drop=True, times=2),
        Fault("GET /skill.json", body={"a": [1]}, headers={"x": "y"}, times=None),
    )


def test_other_options_stay(make, resume):
    """How the platform behaves is the same in the next part, but for its number."""
    first = make(latency=0.5, chat_shape="mixed", viewers=(Cue(1, "mira", "tip", "for you", 2.5),), skill_version="3")
    second = resume(first)
    for name in ("verified", "latency", "lag", "chat_shape", "viewers", "skill_version", "seed"):
        assert getattr(second.options, name) == getattr(first.options, name)
    assert (first.options.part, second.options.part) == (1, 2)


TEXTS = st.text(max_size=5)
AGENTS = st.builds(
    PreparedAgent,
    name=TEXTS,
    token=TEXTS.map(Secret),
    user_id=TEXTS,
    verified=st.none() | st.booleans(),
    agent_id=TEXTS,
    ticker=TEXTS,
    code=TEXTS,
    spent_keys=st.lists(TEXTS.map(Secret), max_size=2).map(tuple),
)


@given(
    st.builds(
        Options,
        verified=st.booleans(),
        latency=st.floats(0, 9),
        seed=st.none() | st.integers(0, 10**18),
        tweets=st.dictionaries(st.just(TWEET), TEXTS),
        agents=st.lists(AGENTS, max_size=2).map(tuple),
        history=st.lists(st.builds(Cue, st.floats(0, 9), TEXTS, st.just("join"), TEXTS), max_size=2).map(tuple),
        faults=st.lists(st.builds(Fault, st.just("* *"), status=st.integers(200, 599)), max_size=2).map(tuple),
        part=st.integers(1, 99),
    )
)
def test_options_are_read_as_they_are_written(options):
    """What options are written as is read as the same options."""
    assert Options.from_json(json.dumps(options.as_json())) == options


# --- keeping ------------------------------------------------------------------------------------------------


def test_a_registration_is_kept_before_it_is_answered(kept):
    """By the time a client knows its token, the file knows it too, and only its owner may read it."""
    seen = []

    async def send(message):
        if message["type"] == "http.response.start":
            seen.extend(agent.name for agent in kept.options.agents)

    async def receive():
        return {"type": "http.request", "body": json.dumps(FORM).encode(), "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/api/v1/agent/register", "query_string": b"", "headers": []}
    asyncio.run(kept.app(scope, receive, send))
    assert seen == ["Night Owl", "Day Owl"]
    assert kept.file.stat().st_mode & 0o777 == 0o600


def test_each_step_of_a_verification_is_kept(kept):
    """The code, the post and the outcome are in the file after the calls that made them."""
    message = kept.call("POST /agent/prepare-verify")["verification_message"]
    (owl,) = kept.options.agents
    assert message.endswith(owl.code)
    kept.call("POST /_rehearsal/tweets", json={"url": TWEET, "text": message})
    assert list(kept.options.tweets.values()) == [message]
    kept.call("POST /agent/verify", json={"tweet_url": TWEET})
    assert kept.options.agents[0].verified


def test_what_a_director_changes_is_kept(kept):
    """Options and faults that came while it was going on are those of the next part."""
    kept.call("POST /_rehearsal/options", json={"latency": 0.0, "skill_version": "3.0", "verified": True})
    kept.call("POST /_rehearsal/faults", json={"call": "POST /agent/rtmp", "status": 503, "times": 2})
    assert kept.options.skill_version == "3.0"
    assert kept.options.agents[0].verified
    assert [fault.times for fault in kept.options.faults] == [2]


def test_a_call_without_an_answer_is_kept(kept):
    """What a dropped call has done is done in the next part too."""
    kept.platform.faults.add(Fault("POST /agent/register", drop=True, effect=True))
    with pytest.raises(httpx.ReadError):
        kept.call("POST /agent/register", json=FORM)
    assert [agent.name for agent in kept.options.agents] == ["Night Owl", "Day Owl"]
    assert kept.options.faults == ()


def test_nothing_is_written_without_a_change(kept):
    """Calls that change nothing write nothing, so that polling costs no disk."""
    kept.call("GET /agent/verification-status")
    before = kept.file.stat().st_ino, len(kept.reports)
    for _ in range(3):
        kept.call("GET /agent/verification-status")
    assert (kept.file.stat().st_ino, len(kept.reports)) == before


def test_the_report_is_written_at_each_milestone(kept):
    """Keys, sessions and their ends are in a report as soon as they are answered."""
    kept.call("POST /agent/rtmp")
    kept.call("POST /agent/stream/start")
    kept.call("GET /agent/verification-status")
    kept.call("POST /agent/stream/stop")
    told = [(found["keys"]["issued"], len(found["agents"][0]["sessions"])) for found in kept.reports]
    assert told == [(1, 0), (1, 1), (1, 1)]
    assert kept.reports[-1]["agents"][0]["sessions"][0]["ended_by"] == "stop"


# --- a folder that vanishes, or cannot be written ------------------------------------------------------------


def test_a_folder_that_was_removed_is_made_again(kept):
    """The next call writes what is to be kept, as before."""
    kept.call("POST /agent/register", json=FORM)
    shutil.rmtree(kept.file.parent)
    kept.call("POST /agent/rtmp", json={})
    assert [agent.name for agent in kept.options.agents][-1] == "Day Owl"


def test_what_cannot_be_kept_is_told_once_and_stops_nobody(kept, caplog):
    """A rehearsal whose disk is full answers all the same."""
    kept.file.mkdir()
    assert "access_token" in kept.call("POST /agent/register", json=FORM)
    assert "url" in kept.call("POST /agent/rtmp", json={})
    assert len(caplog.records) == 1
    assert "cannot be kept" in caplog.text
    kept.file.rmdir()
    kept.call("POST /agent/rtmp", json={})
    assert kept.options.agents
