"""The network with one host."""

from __future__ import annotations

from random import Random

import httpx
import pytest

from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.options import Options
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.testing.fakes.network import Network
from retake_flow.whatif.virtual_time import VirtualClock, run


def get(url, *faults, **arguments):
    """One request, the network it went through, and how long it took."""

    async def main():
        clock = VirtualClock()
        network = Network(Platform(Options(faults=faults, seed=1), clock.now, Random(1)))
        async with httpx.AsyncClient(transport=network, timeout=httpx.Timeout(10.0)) as client:
            began = clock.now()
            try:
                answer = await client.get(url, **arguments)
            except httpx.HTTPError as error:
                answer = error
            return answer, network, clock.now() - began

    return run(main())


def test_the_platform_answers_for_retake_tv():
    """Requests to retake.tv reach the platform."""
    answer, network, _ = get("https://retake.tv/skill.json")
    assert answer.json()["version"]
    assert (network.strays, network.authorized) == ([], 0)


def test_nobody_else_answers():
    """A request to another host fails, and is remembered with what authorized it."""
    answer, network, _ = get("https://elsewhere.example/x", headers={"Authorization": "Bearer rtk_x"})
    assert isinstance(answer, httpx.ConnectError)
    assert network.strays == [("https://elsewhere.example/x", "Bearer rtk_x")]


def test_requests_with_a_token_are_counted():
    """How many came with a token is known."""
    _, network, _ = get("https://retake.tv/skill.json", headers={"Authorization": "Bearer rtk_x"})
    assert network.authorized == 1


def test_the_clients_patience_counts():
    """An answer that takes longer than the client waits is a read timeout, as on a socket."""
    answer, _, took = get("https://retake.tv/skill.json", Fault("GET /skill.json", delay=30.0))
    assert isinstance(answer, httpx.ReadTimeout)
    assert took == pytest.approx(10.0)


def test_a_dropped_connection_is_a_read_error():
    """The client sees what it would see on a socket."""
    answer, _, _ = get("https://retake.tv/skill.json", Fault("GET /skill.json", drop=True))
    assert isinstance(answer, httpx.ReadError)
