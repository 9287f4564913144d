"""A client of the Model Context Protocol takes a stream through: by today's protocol and by the one before."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import psutil
import pytest
from flow_processes import WITHIN, Home, at_home, encoder, gone, waited
from run_programs import children, lives

if TYPE_CHECKING:  # takes long to import, and each worker imports all tests
    from mcp import Client

pytestmark = pytest.mark.real

POST = "https://x.com/owl/status/1860000000000000001"
OPTIONS: dict[str, Any] = {
    "verified": False,
    "tweets": {POST: "{message}"},
    "viewers": [{"at": 2 * number, "name": f"viewer{number}", "text": f"question {number}"} for number in range(1, 6)],
}


def client(home: Home, mode: str, person: Any = None) -> Client:
    """A client of a server in a home, with or without a person at it."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    started = StdioServerParameters(command=sys.executable, args=["-m", "retake_flow", "mcp"], env=home.environment)
    return Client(stdio_client(started), mode=mode, elicitation_callback=person)


async def call(mcp: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Call a tool that succeeds."""
    found = await mcp.call_tool(tool, arguments)
    assert not found.is_error, found.content
    assert found.structured_content is not None
    return dict(found.structured_content)


async def until(mcp: Client, wanted: Callable[[Any], bool], tool: str = "stream_status") -> dict[str, Any]:
    """Call a tool, which starts a command, until its answer is as wanted; on a slow machine that takes several."""
    async with asyncio.timeout(WITHIN):
        while True:
            if wanted(found := await call(mcp, tool, run="show")):
                return found


def answering(asked: list[str]) -> Any:
    """A person at the client, who has posted."""
    from mcp.types import ElicitResult

    async def answer(_context: object, params: Any) -> ElicitResult:
        asked.append(params.message)
        assert set(params.requested_schema["properties"]) >= {"decision", "tweet_url"}
        return ElicitResult(action="accept", content={"decision": "posted", "tweet_url": POST})

    return answer


def rehearsed(home: Home) -> dict[str, str]:
    """A flow file that goes live like the shipped one, and the arguments that start its rehearsal."""
    file = home.folder / "options.json"
    file.write_text(json.dumps(OPTIONS))
    return {"rehearsal_options": str(file)}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_takes_a_stream_through(tmp_path: Path, mode: str) -> None:
    """Asked, answered by the person at the client, on air, five rounds of chat, directed, healed, stopped, figures."""
    asked: list[str] = []
    killed: list[psutil.Process] = []

    async def take_through() -> None:
        with at_home(tmp_path / "home") as home:
            async with client(home, mode, answering(asked)) as mcp:
                begun = await call(mcp, "start_stream", rehearse=True, name="show", **rehearsed(home))
                assert not begun["on_air"]
                assert len((await until(mcp, itemgetter("gates")))["gates"]) == 1
                live = (await call(mcp, "ask_person", run="show"))["resumed"]
                assert "Code: " in asked[0]
                await until(mcp, itemgetter("on_air"))
            # The client and its server are gone; the stream is not. Nor is it when kill -9 takes a server.
            with suppress(Exception):
                async with client(home, mode) as mcp:
                    await until(mcp, itemgetter("on_air"))
                    [server] = children(os.getpid(), word=" mcp")
                    server.kill()
                    killed.append(server)
            await asyncio.to_thread(waited, lambda: not lives(killed[0]), "the server's end")
            assert (status := home.call("status", "show", "--json").records[0])["on_air"], status
            assert psutil.Process(live["pid"]).is_running()
            async with client(home, mode) as mcp:
                read: list[str] = []
                last = ""
                while len(read) < len(OPTIONS["viewers"]):
                    chat = await call(mcp, "read_chat", run="show", wait=40, after=last)
                    read, last = read + [message["text"] for message in chat["messages"]], chat["last"]
                    said = await call(mcp, "reply", run="show", text="-- hello, all")
                    assert (said["effect"], said["how"]) == ("done", ["chat"])
                assert read == [viewer["text"] for viewer in OPTIONS["viewers"]]
                directed = await call(mcp, "send_event", run="show", event="direction", data={"to": "a quiz"})
                assert directed["taken"]
                assert (await call(mcp, "show", run="show", what="clear"))["effect"] == "done"
                refused = await call(mcp, "show", run="show", what="title", value="-- a quiz", lasts=9)
                assert (refused["effect"], "shows its log" in refused["reason"]) == ("none", True)
                wrong = await mcp.call_tool("send_event", {"run": "show", "event": "nonsense"})
                assert wrong.is_error
                assert '"kind": "event"' in wrong.content[0].text
                encoder(live["run"]).kill()
                await until(mcp, lambda status: status["on_air"] and status["stats"]["recoveries"])
                ended = await until(mcp, lambda stopped: stopped["effect"] == "done", "stop_stream")
                assert ended["outcome"] == "completed"
                assert ended["stats"]["messages"] == len(read)
                assert ended["stats"]["recoveries"] >= 1
            gone(live["run"], WITHIN)

    asyncio.run(take_through())


def test_a_question_is_passed_on_where_no_form_is(tmp_path: Path) -> None:
    """Without forms at the client nobody answers: the agent gets the words for the person and the command."""

    async def take_through() -> None:
        with at_home(tmp_path / "home") as home:
            async with client(home, "auto") as mcp:
                begun = await call(mcp, "start_stream", rehearse=True, **rehearsed(home))
                asked = await call(mcp, "ask_person", run=begun["run"])
                assert not asked["answered"]
                assert "Code: " in asked["message"]
                assert asked["answer_with"].startswith(f"retake-flow answer {begun['run']}")
                assert (await call(mcp, "stream_status", run=begun["run"]))["gates"]

    asyncio.run(take_through())


def test_http_wants_its_token(tmp_path: Path) -> None:
    """Streamable HTTP on loopback: nobody without the token, no other Host; with both it is the same server."""
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def list_tools(address: str, **headers: str) -> int:
        async with (
            httpx2.AsyncClient(headers=headers, trust_env=False, timeout=WITHIN) as http,
            Client(streamable_http_client(address, http_client=http)) as mcp,
        ):
            return len((await mcp.list_tools()).tools)

    with at_home(tmp_path / "home") as home:
        words = [sys.executable, "-m", "retake_flow", "mcp", "--http", "0"]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=home.environment) as server:
            try:
                assert server.stderr is not None
                address, token = (server.stderr.readline().strip() for _ in range(2))
                bearer = token.removeprefix("Authorization: ")
                assert asyncio.run(list_tools(address, Authorization=bearer)) == 14
                with httpx2.Client(trust_env=False, timeout=WITHIN) as http:
                    for headers in ({}, {"Authorization": "Bearer guessed"}):
                        assert http.post(address, json={}, headers=headers).status_code == 401
                    foreign = {"Authorization": bearer, "Host": "evil.example"}
                    assert http.post(address, json={}, headers=foreign).status_code in (403, 421)
            finally:
                server.terminate()


def test_the_tools_are_few_and_their_descriptions_short(tmp_path: Path) -> None:
    """An agent reads them in each conversation: under 2,500 tokens, of about four characters."""

    async def take_through() -> None:
        with at_home(tmp_path / "home") as home:
            async with client(home, "auto") as mcp:
                tools = (await mcp.list_tools()).tools
                listed = json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools])
                print(len(tools), "tools in", len(listed), "characters")
                assert len(listed) < 4 * 2500
                assert {tool.name for tool in tools if tool.annotations and tool.annotations.read_only_hint} == {
                    *("doctor", "list_flows", "check_flow", "plan_flow", "stream_status", "read_chat")
                }
                flows = (await call(mcp, "list_flows"))["flows"]
                assert {"go-live.yaml", "verify.yaml"} <= {flow["name"] for flow in flows}
                assert (await call(mcp, "check_flow"))["valid"]
                text = await mcp.read_resource("retake-flow://flows/go-live.yaml")
                assert "flow: go-live" in text.contents[0].text

    asyncio.run(take_through())
