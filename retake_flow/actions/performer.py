"""Performs the actions of the catalogue by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from retake_flow.actions import operator
from retake_flow.actions.chat import ChatActions
from retake_flow.actions.retake import RetakeActions
from retake_flow.actions.studio import StudioActions
from retake_flow.errors import InDoubt
from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.services import Service

Task = Callable[[Call], Awaitable[Completion]]
Check = Callable[[Call], Awaitable[Completion | None]]
Start = Callable[[Call], AbstractAsyncContextManager[Service]]


class Performer:
    """The engine's `ActionRunner`: knows which method stands behind which name of the catalogue."""

    def __init__(self, retake: RetakeActions, studio: StudioActions, chat: ChatActions) -> None:
        self.tasks: Mapping[str, Task] = {
            "chat.respond": chat.respond,
            "chat.send": chat.send,
            "credentials.load": retake.load_credentials,
            "operator.tell": operator.tell,
            "retake.check_guide": retake.check_guide,
            "retake.prepare_verify": retake.prepare_verify,
            "retake.register": retake.register,
            "retake.start_stream": retake.start_stream,
            "retake.stop_stream": retake.stop_stream,
            "retake.stream_key": retake.stream_key,
            "retake.stream_status": retake.stream_status,
            "retake.verification_status": retake.verification_status,
            "retake.verify": retake.verify,
            "studio.show": studio.show,
            "studio.thumbnail": studio.thumbnail,
        }
        self.checks: Mapping[str, Check] = {
            "retake.register": retake.was_registered,
            "retake.verify": retake.was_verified,
        }
        self.services: Mapping[str, Start] = {
            "studio.content": studio.content,
            "studio.display": studio.display,
            "studio.encoder": studio.encoder,
            "studio.window_manager": studio.window_manager,
        }

    async def perform(self, call: Call) -> Completion:
        """Perform a task."""
        return await self.tasks[call.do](call)

    async def happened(self, call: Call) -> Completion | None:
        """Find out whether a task was done whose process died meanwhile."""
        if call.do not in self.checks:
            raise InDoubt(f"the process ended while {call.do} was under way; whether it was done is not known")
        return await self.checks[call.do](call)

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service."""
        return self.services[call.do](call)
