"""Conversation: the agent's chat during an activity: inbox, responder and outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat import entries
from retake_flow.actions.chat.dedup import CLOCKS_DIFFER, Way
from retake_flow.actions.chat.inbox import Inbox
from retake_flow.actions.chat.outbox import Outbox
from retake_flow.actions.chat.reader import Reader
from retake_flow.actions.chat.turn import Turn
from retake_flow.api.chat import ChatMessage
from retake_flow.backoff import Backoff
from retake_flow.errors import NoSession, NotFound, PlatformError, RetakeFlowError, Unauthorized
from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.responders import Answer, Batch, Responder
from retake_flow.run import codec
from retake_flow.tasks import end

_QUIET_AFTER = 30.0  # seconds without a message after which chat counts as quiet
_PATIENCE = 0.25  # seconds that a reading waits for a responder; a slower one wakes the activity when it is done
_MOST_EVENTS = 20  # per answer of a responder
_MOST_BATCHES = 20  # per reading


class Conversation:
    """Reads a chat into the inbox, has it answered, and sends what is in the outbox."""

    def __init__(
        self,
        inbox: Inbox,
        outbox: Outbox,
        reader: Reader,
        responder: ResponderTask,
        choose: Callable[[Call], AbstractAsyncContextManager[Responder]],
        access: Access,
        now: Callable[[], float],
        show: Callable[[str], None],
    ) -> None:
        self.reader = reader
        self._inbox = inbox
        self.outbox = outbox
        self._responder = responder
        self._choose = choose
        self._access = access
        self._now = now
        self._show = show
        self._closed = False  # whether the latest response said that there is no session

    def snapshot(self) -> dict[str, Any]:
        """The state of the chat as plain data."""
        return {
            "version": VERSION,
            "inbox": self._inbox.snapshot(),
            "outbox": self.outbox.snapshot(),
            "responder": self._responder.snapshot(),
        }

    @property
    def unanswered_ids(self) -> list[str]:
        """The ids of the unanswered messages."""
        return [message.id for message in self._inbox.unanswered]

    async def advance(self, turn: Turn) -> None:
        """Read once; then send waiting messages, have new ones answered, and break a silence."""
        # Nothing is sent while the reader is behind: it would look like a reply to messages that were not read.
        if await self._read(turn) and not self.reader.behind:
            await self.outbox.flush(turn)
            await self._answer(turn)
            await self._break_silence(turn)

    def completion(self, turn: Turn) -> Completion:
        """How a performance ends."""
        lively = self._now() - self._inbox.last < _QUIET_AFTER and not self._closed
        value = {
            "messages": turn.fresh,
            "greeted": turn.greeted,
            "said": turn.said,
            "unanswered": len(self._inbox.unanswered),
        }
        due = self._inbox.take_due()
        return Completion("done" if lively or turn.fresh else "idle", value, self.snapshot(), turn.take_notes(), due)

    # --- reading --------------------------------------------------------------------------------------------

    async def _read(self, turn: Turn) -> bool:
        """Read new messages; returns whether there is a chat to speak in."""
        inbox, outbox = self._inbox, self.outbox
        found, error = await self.reader.read(fresh=bool(outbox.doubt) or self._is_silent(turn))
        for event, fields in self.reader.take_notes():
            turn.note(event, **fields)
        self._take_in(turn, found)
        if not self.reader.behind:
            outbox.requeue_lost(self.reader.polled_at)
        # A stream that has just begun is not quiet: its first viewer waits no longer than viewers of a lively chat.
        if turn.fresh or not inbox.last:
            inbox.last = self._now()
        if turn.fresh or not outbox.spoken:
            outbox.spoken = self._now()
        if found:
            turn.keep()
        return self._is_readable(turn, error)

    def _is_readable(self, turn: Turn, error: PlatformError | None) -> bool:
        """Handle a failed poll of the chat, if any; returns whether there is a chat to speak in."""
        was_closed, self._closed = self._closed, isinstance(error, NoSession | NotFound)
        if error is None:
            return True
        if self._closed:
            if not was_closed:
                turn.note("chat_closed", message=error.message)
            return turn.fresh > 0
        if isinstance(error, Unauthorized) or not self.reader.live:
            turn.fail()
            raise error
        turn.trouble(error)
        return True

    def _take_in(self, turn: Turn, found: Sequence[tuple[Way, ChatMessage]]) -> None:
        shown = [(way, entry) for way, entry in found if not entry.is_moderation]
        own = self.outbox.own.sift(shown, self.reader.ahead([entry for _, entry in found]))
        for name in self.outbox.own.take_learnt():
            turn.note("chat_oneself", name=name)
        for is_own, (_, entry) in zip(own, shown, strict=True):
            if not is_own:
                turn.fresh += entry.is_message
                for event, fields in entries.records(entry, self._inbox.add(entry)):
                    turn.note(event, **fields)
                self._show(entries.line(entry))
            elif entry.is_message:
                self._inbox.add_own(entry)
                self.outbox.find(entry.text, turn)
        dropped = self._inbox.drop_oldest()
        if dropped:
            turn.note("chat_unanswered", messages=dropped)

    # --- answering ------------------------------------------------------------------------------------------

    async def _answer(self, turn: Turn) -> None:
        for _ in range(_MOST_BATCHES):
            waits = self._inbox.unanswered or self._responder.thinks
            if not waits or self.outbox.doubt or self._now() < self.outbox.hold or not await self._ask(turn):
                return

    async def _ask(self, turn: Turn) -> bool:
        """Have one batch answered; returns whether the next batch can be."""
        alone = turn.call.scope is None
        await self._responder.open(lambda: self._choose(turn.call))
        try:
            answer = await self._responder.ask(self._batch(turn), None if alone else _PATIENCE)
        except RetakeFlowError as error:
            if alone:
                turn.fail()
                raise
            self._fail(turn, error)
            return False
        return answer is not None and await self._accept(turn, self._responder.batch, answer)

    async def _accept(self, turn: Turn, batch: Batch, answer: Answer) -> bool:
        """Send a responder's replies; returns whether it can get the next batch."""
        inbox, outbox = self._inbox, self.outbox
        if batch.occasion == "silence" and inbox.unanswered:
            turn.note("chat_unsaid", texts=list(answer.replies))  # somebody wrote first
            return True
        before = outbox.waiting
        replies, unsaid = turn.limits.apply(answer.replies)
        unsaid = [*outbox.queue(replies), *unsaid]
        if unsaid:
            turn.note("chat_unsaid", texts=unsaid)
        self._raise(turn, answer.events)
        inbox.settle(batch, answer.answered)
        self._responder.succeed()
        said = turn.said
        await outbox.flush(turn)
        if answer.renewed and replies and turn.said == said and not outbox.doubt:
            outbox.waiting = before
            inbox.reopen(batch)
            return False
        turn.greeted += answer.greeted
        return answer.answered is None

    def _raise(self, turn: Turn, raised: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Raise a responder's events that the flow declares; they are kept with the batch that they answer."""
        for name, data in raised[:_MOST_EVENTS]:
            try:
                self._inbox.add_due(name, turn.call.read_event(name, data))
            except RetakeFlowError as error:
                turn.note("event_refused", name=name, by=turn.call.place, kind=error.kind, message=error.message)
        if len(raised) > _MOST_EVENTS:
            more = f"an answer raises at most {_MOST_EVENTS} events; {len(raised) - _MOST_EVENTS} more are dropped"
            turn.note("event_refused", name=raised[_MOST_EVENTS][0], by=turn.call.place, kind="event", message=more)

    def _fail(self, turn: Turn, error: RetakeFlowError) -> None:
        self.outbox.hold, is_new = self._responder.fail(error, self._now())
        if is_new:
            turn.trouble(error)
        else:
            turn.note("responder_failed", kind=error.kind, message=error.message)
        given_up = self._inbox.fail(self._responder.batch)
        if given_up:
            turn.note("chat_unanswered", messages=given_up)

    def _batch(self, turn: Turn) -> Batch:
        direction = str(turn.call.inputs.get("direction") or "")
        occasion: Any = "messages" if self._inbox.unanswered else "silence"
        return self._inbox.batch(self._access.credentials.agent_name, self._access.audience, direction, occasion)

    async def _break_silence(self, turn: Turn) -> None:
        """Break a long silence, unless a message is about to be sent anyway."""
        outbox, thinks = self.outbox, self._responder.thinks
        busy = self._inbox.unanswered or outbox.pending or thinks or self.reader.polls
        if busy or self._now() < outbox.hold or not self._is_silent(turn):
            return
        outbox.spoken = self._now()
        assert turn.silence is not None
        if outbox.queue_for_silence(turn.silence.messages, turn.limits):
            await outbox.flush(turn)
        elif turn.call.inputs.get("responder") is not None:
            await self._ask(turn)

    def _is_silent(self, turn: Turn) -> bool:
        """Whether the chat has been silent for as long as the flow allows."""
        return turn.silence is not None and self._now() - self.outbox.spoken >= turn.silence.after


_AGAIN = Backoff(2.0, cap=60.0)  # between two requests to a failing responder
_REPORTED_AGAIN = 600.0  # seconds after which the same trouble is reported again


class ResponderTask:
    """Asks a responder about one batch at a time, and waits longer after each failure in a row.

    Args:
        kept: The result of `snapshot`; empty before the first request.
        scope: How long the responder is used.
        wake: Called when an answer arrives while nothing waits for it.

    Attributes:
        batch: The last batch that it was asked about.
    """

    def __init__(self, kept: Mapping[str, Any], scope: AsyncExitStack, wake: Callable[[], None] = lambda: None) -> None:
        self.batch = Batch(())
        self._failures: int = kept.get("failures", 0)
        self._trouble: str = kept.get("trouble", "")  # the last one reported; "" after an answer
        self._troubled: float = kept.get("troubled", 0.0)  # when that was reported
        self._scope = scope
        self._wake = wake
        self._responder: Responder | None = None
        self._thinking: asyncio.Task[Answer] | None = None

    def snapshot(self) -> dict[str, Any]:
        """How it fares, as plain data."""
        return {"failures": self._failures, "trouble": self._trouble, "troubled": self._troubled}

    @property
    def thinks(self) -> bool:
        """Whether the responder was asked and its answer was not yet taken."""
        return self._thinking is not None

    async def open(self, choose: Callable[[], AbstractAsyncContextManager[Responder]]) -> None:
        """Start the responder, unless it is started."""
        if self._responder is None:
            self._responder = await self._scope.enter_async_context(choose())
            self._scope.push_async_callback(self._close)

    async def ask(self, batch: Batch, within: float | None) -> Answer | None:
        """Ask about a batch, unless the responder still works on the last one.

        It waits `within` seconds for the answer; with None, until it arrives.

        Returns:
            The answer to the batch in `batch`; None while the responder works on it.

        Raises:
            RetakeFlowError: The responder failed to answer that batch.
        """
        if self._thinking is None:
            assert self._responder is not None
            self.batch = batch
            self._thinking = asyncio.create_task(self._responder.respond(batch), name="responder")
        await asyncio.wait({self._thinking}, timeout=within)
        if not self._thinking.done():
            self._thinking.remove_done_callback(self._on_answer)
            self._thinking.add_done_callback(self._on_answer)
            return None
        thought, self._thinking = self._thinking, None
        return thought.result()

    def succeed(self) -> None:
        """Note that an answer was taken."""
        self._failures, self._trouble = 0, ""

    def fail(self, error: RetakeFlowError, now: float) -> tuple[float, bool]:
        """Note that the responder failed.

        Returns:
            Until when it is not asked, in seconds since the epoch; and whether the trouble is new, or was last reported
            long ago.
        """
        self._failures += 1
        new = error.message != self._trouble or now - self._troubled >= _REPORTED_AGAIN
        if new:
            self._trouble, self._troubled = error.message, now
        return now + _AGAIN.wait(self._failures, error.retry_after), new

    async def _close(self) -> None:
        """Abandon any answer still to come."""
        if self._thinking is not None:
            self._thinking.remove_done_callback(self._on_answer)
            await end(self._thinking)

    def _on_answer(self, _: asyncio.Task[Answer]) -> None:
        self._wake()


#: The version of the snapshot, raised when older programs could not read it. The first had none.
VERSION = 2


def current_snapshot(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored state in the current form: `inbox`, `outbox` and `responder`; {} if nothing was stored.

    Raises:
        NewerForm: Its version is newer.
    """
    if not kept:
        return {}
    return _from_first(kept) if codec.version_of(kept, VERSION, "chat", otherwise=1) == 1 else kept


def _from_first(kept: Mapping[str, Any]) -> dict[str, Any]:
    dedup = kept.get("ledger") or kept  # before 0.1, all stood side by side
    speech = kept.get("speech") or kept
    since = kept.get("since")
    # Without a stored limit, everything dated before the stream was history.
    before = kept.get("before", None if since is None else since - CLOCKS_DIFFER)
    return {
        "inbox": {
            "dedup": {name: dedup[name] for name in ("seen", "polled", "single", "shared") if name in dedup},
            "authors": kept.get("known", ""),
            "before": before,
            **{name: kept[name] for name in ("recent", "unanswered", "due", "last", "tries", "since") if name in kept},
        },
        "outbox": {
            "waiting": speech.get("unsaid", []),
            "silences": speech.get("told", ""),
            **{name: speech[name] for name in ("doubt", "doubted", "times") if name in speech},
            **{name: kept[name] for name in ("hold", "spoken", "own") if name in kept},
        },
        "responder": {name: kept[name] for name in ("failures", "trouble", "troubled") if name in kept},
    }
