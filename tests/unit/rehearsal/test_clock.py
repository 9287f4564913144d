"""A platform whose clock is not this machine's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state import report


def asked(platform, path="/skill.json"):
    """The answer to a call."""

    async def main():
        transport = httpx.ASGITransport(create_app(platform))
        async with httpx.AsyncClient(transport=transport, base_url="http://retake") as client:
            return await client.get(path)

    return asyncio.run(main())


@pytest.mark.parametrize("off", [0.0, 75.0, -600.0])
def test_all_it_dates_is_by_its_own_clock(make, clock, off):
    """Answers and what is written; only the report tells when it really began."""
    platform = make(clock=off, chat_shape="observed", comments_without_session=200)
    dated = parsedate_to_datetime(asked(platform).headers["date"])
    assert dated.timestamp() == int(clock.time + off)
    comment = platform.viewers.perform(platform.agents.by_id("user_owl"), Cue(0, "mira", text="hi"))
    assert comment.as_json()["timestamp"] == str(int((clock.time + off) * 1000))
    assert report.build(platform)["began"] == datetime.fromtimestamp(clock.time, UTC).isoformat(timespec="milliseconds")


def test_answers_may_tell_no_time(make):
    """As those of a proxy that strips headers."""
    assert "date" not in asked(make(date=False)).headers


def test_a_fault_may_tell_another_time(make):
    """As a cache does."""
    old = "Thu, 01 Jan 2015 00:00:00 GMT"
    platform = make(faults=(Fault("* /skill.json", status=503, headers={"Date": old}),))
    assert asked(platform).headers.get_list("date") == [old]
