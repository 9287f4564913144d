"""What the tests of the client share: a clock that does not wait, and a platform made of a function."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx
import pytest

from retake_flow.addresses import RETAKE
from retake_flow.api.client import RetakeClient
from retake_flow.redact import Secret

T = TypeVar("T")
TOKEN = "rtk_owl-0123456789"


class _InstantSelector(selectors.SelectSelector):
    """Moves the clock on instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _InstantSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a clock that jumps from timer to timer."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(work)


class Platform:
    """A retake.tv that answers with what it is given, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []
        self.answers: list[httpx.Response | Exception] = []

    def answer(self, *answers: httpx.Response | Exception) -> None:
        """Give these answers, the last one again and again."""
        self.answers.extend(answers)

    def client(self, origin: str = RETAKE, token: str | None = TOKEN, issued_by: str = RETAKE) -> RetakeClient:
        """A client of this platform."""
        return RetakeClient(
            origin,
            Secret(token) if token else None,
            issued_by=issued_by,
            transport=httpx.MockTransport(self._handle),
        )

    def call(self, work: Callable[[RetakeClient], Coroutine[Any, Any, Any]], **options: Any) -> Any:
        """Do one thing with a client of this platform."""

        async def session() -> Any:
            async with self.client(**options) as client:
                return await work(client)

        return run_virtually(session())

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def platform() -> Platform:
    """A platform that was given no answers yet."""
    return Platform()
