"""Watches the inbox of a run: requests and answers from other processes become events."""

from __future__ import annotations

from collections.abc import Callable, Container

from retake_flow.errors import StoreError
from retake_flow.ports.clock import Clock
from retake_flow.ports.runs import Inbox, Request
from retake_flow.run.errors import Fenced
from retake_flow.run.events import GateAnswered

#: How often to look, in seconds.
LOOK_EVERY = 0.4


class InboxWatch:
    """Polls the inbox of a run.

    Args:
        inbox: The requests and answers of others.
        post: Takes the answers of people, urgently.
        stop: Called on a request to stop the run.
        kill: Called on a request to kill it.
        heed: Takes all other requests.
        tell: Takes messages about trouble with the store.

    Attributes:
        failure: The error, once another process has taken the run over.
    """

    def __init__(
        self,
        inbox: Inbox,
        post: Callable[[GateAnswered], None],
        stop: Callable[[str], None],
        kill: Callable[[], None],
        heed: Callable[[Request], None],
        tell: Callable[[str], None],
    ) -> None:
        self._inbox = inbox
        self._post = post
        self._stop = stop
        self._kill = kill
        self._heed = heed
        self._tell = tell
        self._taken: set[str] = set()
        self.failure: Fenced | None = None

    def look(self, gates: Container[str]) -> bool:
        """Pass on what is new; returns whether there were answers.

        Args:
            gates: The ids of the questions that are open.

        Raises:
            StoreError: It cannot be read.
            Fenced: Another process has taken the run over.
        """
        for request in self._inbox.requests():
            match request.what:
                case "stop":
                    self._stop("stopped from another process")
                case "kill":
                    self._kill()
                case _:
                    self._heed(request)
        for trouble in self._inbox.troubles():
            self._tell(trouble)
        return self.answers(gates)

    def answers(self, gates: Container[str]) -> bool:
        """Pass on new answers; returns whether there were any."""
        # A gate that was asked again after a crash has the same id as before; the old answer no longer counts.
        self._taken = {gate for gate in self._taken if gate in gates}
        new = {key: answer for key, answer in self._inbox.answers().items() if key in gates and key not in self._taken}
        for gate, answer in new.items():
            self._taken.add(gate)
            self._post(GateAnswered(gate, answer))
        return bool(new)

    async def watch(
        self,
        gates: Callable[[], Container[str]],
        clock: Clock,
        failed: Callable[[], None],
        also: Callable[[], None] = lambda: None,
    ) -> None:
        """Poll until another process takes the run over, and call `also` each time."""
        while True:
            try:
                also()
                self.look(gates())
            except Fenced as error:
                self.failure = error
                failed()
                return
            except StoreError:
                pass  # it may be temporary; if not, the run's next write reports it
            await clock.sleep_until(clock.now() + LOOK_EVERY)
