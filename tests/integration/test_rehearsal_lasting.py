"""A rehearsal that goes on after its process has ended, with the real platform in a child and the real client."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from flow_processes import WITHIN
from run_programs import children

from retake_flow.addresses import RETAKE
from retake_flow.api import credentials
from retake_flow.api.client import RetakeClient
from retake_flow.api.credentials import Credentials
from retake_flow.errors import StudioError, Unreachable, UsageError
from retake_flow.redact import Secret
from retake_flow.settings import Settings, program_environment
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.wiring import rehearsing

pytestmark = pytest.mark.real

TWEET = "https://x.com/ada/status/1860000000000000001"
PICTURE = "-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i anullsrc -t 1 -c:v libx264 -preset ultrafast -c:a aac"
FORM = {
    "agent_name": "Day Owl",
    "agent_description": "watches",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}


@dataclass
class Part:
    """One part of a rehearsal, as a run has it."""

    settings: Settings
    launcher: Launcher
    client: RetakeClient | None

    @property
    def agent(self) -> RetakeClient:
        """The client of the agent whose credentials are there."""
        assert self.client is not None
        return self.client

    async def director(self, method: str, call: str, **arguments: Any) -> Any:
        """Call the platform without being anybody."""
        async with httpx.AsyncClient(trust_env=False, base_url=self.settings.origin, timeout=WITHIN) as client:
            return (await client.request(method, call, **arguments)).json()

    async def push(self, push_url: str) -> int:
        """Push a second of video; gives the exit status."""
        spec = ProcessSpec(argv=("ffmpeg", "-nostdin", "-re", *PICTURE.split(), "-f", "flv", push_url))
        return (await self.launcher.run(spec, timeout=WITHIN)).status

    async def stream(self) -> str:
        """A whole stream; gives the address that was pushed to."""
        target = await self.agent.rtmp()
        await self.agent.start_stream()
        assert await self.push(target.push_url.reveal()) == 0
        await self.agent.stop_stream()
        return target.push_url.reveal()

    async def die(self) -> None:
        """Kill the platform as a killed run takes it with it."""
        (platform,) = children(os.getpid(), word="retake_flow rehearsal")
        platform.kill()
        async with asyncio.timeout(WITHIN):
            while True:
                try:
                    await self.director("GET", "/skill.json")
                except httpx.TransportError:
                    return


Scene = Callable[[Part], Coroutine[Any, Any, Any]]


def play(folder: Path, *scenes: Scene, **options: Any) -> list[Any]:
    """Play a rehearsal in parts, one for each scene; gives what each scene gave."""

    async def main() -> list[Any]:
        settings = Settings.from_environment({"HOME": str(folder.parent)})
        launcher = Launcher(f"lasting-{folder.parent.name}", program_environment())
        given = []
        for number, scene in enumerate(scenes):
            async with rehearsing.rehearsal(launcher, settings, folder, options, resumed=number > 0) as own:
                known = credentials.load(own.credentials)
                if known is None:
                    given.append(await scene(Part(own, launcher, None)))
                    continue
                async with RetakeClient(own.origin, known.access_token, issued_by=known.issued_by) as client:
                    given.append(await scene(Part(own, launcher, client)))
        return given

    return asyncio.run(main())


def report_of(folder: Path) -> Any:
    """The report of the rehearsal that is over."""
    return asyncio.run(rehearsing.report(Launcher("report", program_environment()), folder))


def resume(folder: Path) -> None:
    """Try to go on with a rehearsal that cannot."""

    async def main() -> None:
        settings = Settings.from_environment({"HOME": str(folder.parent)})
        async with rehearsing.rehearsal(Launcher("none", program_environment()), settings, folder, {}, resumed=True):
            raise AssertionError("it began")

    asyncio.run(main())


@pytest.mark.parametrize("killed", [True, False])
def test_a_person_may_take_days_to_vouch(tmp_path: Path, killed: bool) -> None:
    """The message that was prepared before the process ended is still good when the post comes after it."""
    told: list[str] = []

    async def ask(part: Part) -> None:
        told.append(await part.agent.prepare_verify())
        if killed:
            await part.die()

    async def hand_in(part: Part) -> list[bool]:
        posted = await part.director("POST", "/_rehearsal/tweets", json={"url": TWEET, "text": told[0]})
        assert posted == {"posted": True}
        return [await part.agent.verification_status(), await part.agent.verify(TWEET)]

    async def look(part: Part) -> bool:
        return await part.agent.verification_status()

    assert play(tmp_path / "run", ask, hand_in, look, verified=False)[1:] == [[False, True], True]


def test_a_registration_outlasts_the_platform(tmp_path: Path) -> None:
    """A token that was issued before the platform was killed is good at its new address, and the name stays taken."""

    async def register(part: Part) -> Any:
        assert not part.settings.credentials.exists()
        account = await part.director("POST", "/api/v1/agent/register", json=FORM)
        saved = Credentials(
            Secret(account["access_token"]), "Day Owl", agent_id=account["agent_id"], issued_by=part.settings.origin
        )
        credentials.save(part.settings.credentials, saved)
        await part.die()
        return saved

    async def go_on(part: Part) -> Any:
        again = await part.director("POST", "/api/v1/agent/register", json=FORM)
        assert "already taken" in again["error"]
        await part.agent.verification_status()
        return credentials.load(part.settings.credentials), part.settings.origin

    before, (after, origin) = play(tmp_path / "run", register, go_on, agents=[])
    assert (after.access_token, after.agent_id) == (before.access_token, before.agent_id)
    assert after.issued_by == origin != RETAKE


def test_a_token_that_was_lost_stays_lost(tmp_path: Path) -> None:
    """A registration whose answer never came leaves a taken name and no credentials, as on the real platform."""

    async def register(part: Part) -> None:
        await part.director("POST", "/api/v1/agent/register", json=FORM)
        await part.die()

    async def look(part: Part) -> tuple[bool, bool]:
        async with RetakeClient(part.settings.origin) as client:
            return part.settings.credentials.exists(), await client.public.user_exists("day owl")

    assert play(tmp_path / "run", register, look, agents=[])[1] == (False, True)


def test_nothing_of_a_part_is_overwritten_or_used_again(tmp_path: Path) -> None:
    """Each part has keys, recordings and a report of its own; a key of an earlier part is a broken rule."""
    folder = tmp_path / "run"
    pushed: list[str] = []

    async def killed(part: Part) -> None:
        pushed.append(await part.stream())
        await part.die()

    async def stopped(part: Part) -> None:
        pushed.append(await part.stream())

    async def careless(part: Part) -> None:
        pushed.append(await part.stream())
        port = pushed[-1].split("/")[2]
        old = f"rtmp://{port}/app/{pushed[0].rpartition('/')[2]}"
        assert await part.push(old) != 0

    play(folder, killed, stopped, careless, seed=4)
    assert len({address.rpartition("/")[2] for address in pushed}) == 3
    names = sorted(file.name for file in (folder / "recordings").iterdir())
    assert names == ["part2-push-01.flv", "part3-push-01.flv", "push-01.flv"]
    first, second = (json.loads((folder / f"report-{number}.json").read_text()) for number in (1, 2))
    assert [first["ended"], second["ended"]] == [False, True]
    for told in (first, second):
        assert (told["keys"]["used"], told["agents"][0]["sessions"][0]["ended_by"]) == (1, "stop")
    last = report_of(folder)
    assert last["recordings"][0]["video"]["codec"] == "h264"
    assert [breach["rule"] for breach in last["broken_rules"]] == ["key-reused"]
    rehearsing.forget(folder)
    texts = [file.read_bytes().decode("latin-1") for file in folder.rglob("*") if file.is_file()]
    assert not any("rtk_" in text or "sk_" in text for text in texts)
    with pytest.raises(UsageError, match="nothing of it is left"):
        resume(folder)


def test_faults_that_have_happened_do_not_happen_again(tmp_path: Path) -> None:
    """A fault that ended one part leaves the next one alone."""

    async def fall(part: Part) -> bool:
        with pytest.raises(Unreachable):
            await part.agent.start_stream()
        await part.die()
        return True

    async def go_on(part: Part) -> Any:
        return await part.agent.start_stream()

    fault = {"call": "POST /agent/stream/start", "drop": True}
    assert play(tmp_path / "run", fall, go_on, faults=[fault])[1] is not None


def test_a_new_rehearsal_in_the_folder_is_a_new_one(tmp_path: Path) -> None:
    """What an earlier rehearsal that has ended has kept is not mixed into one that is not resumed."""

    async def tell(part: Part) -> Any:
        known = credentials.load(part.settings.credentials)
        assert known is not None
        return known.access_token, await part.agent.verification_status()

    before = play(tmp_path / "run", tell, verified=False)
    rehearsing.forget(tmp_path / "run")
    after = play(tmp_path / "run", tell)
    assert [before[0][1], after[0][1]] == [False, True]
    assert before[0][0] != after[0][0]
    assert not list((tmp_path / "run").glob("credentials.json.*"))
    assert report_of(tmp_path / "run")["calls"] == 1


def test_a_broken_kept_file_is_named(tmp_path: Path) -> None:
    """A kept file that somebody has edited wrongly ends in one sentence that names the field."""
    (tmp_path / ".rehearsal.json").write_text('{"agents": [{"name": "owl"}]}')
    with pytest.raises(StudioError, match=r"did not start: .*'token' is missing"):
        resume(tmp_path)
