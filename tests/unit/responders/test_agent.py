"""The agent that answers chat itself."""

from __future__ import annotations

import asyncio

from responder_samples import BATCH, MESSAGE

from retake_flow.ports.responders import Answer
from retake_flow.responders.agent import Agent, Replies
from retake_flow.whatif.virtual_time import run


def test_an_answer_that_is_known_already_is_not_waited_for() -> None:
    """It may come while the responder is asked about something else; other messages would wait meanwhile."""

    async def main() -> tuple[Answer, float]:
        replies = Replies()
        replies.add([MESSAGE.id])
        began = asyncio.get_running_loop().time()
        answer = await Agent(replies, 8.0, None).respond(BATCH)
        return answer, asyncio.get_running_loop().time() - began

    assert run(main()) == (Answer(answered=(MESSAGE.id,)), 0.0)
