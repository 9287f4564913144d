"""The errors of retake-flow: one tree, each with its message, its exit code and what a person can do.

All errors that flows route on are here; `run.errors` has those of requests to a run.

`kind` is the word a flow routes on: an action that raises an error of kind `unauthorized` yields the event
`error.unauthorized`. `fault` says who has to act: the `operator`, the `platform`, the `network` or we (`program`).
`passing` says whether a retry may help. An error of a `doubtful` kind leaves it open whether the work was done;
`unsure` says that this one does, and that the work must not be done a second time.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from typing import ClassVar, Self


class RetakeFlowError(Exception):
    """Something went wrong in retake-flow."""

    kind: ClassVar[str] = "internal"
    fault: ClassVar[str] = "program"
    exit_code: ClassVar[int] = 1
    passing: ClassVar[bool] = True
    doubtful: ClassVar[bool] = False
    hint: str = ""
    retry_after: float | None = None
    unsure: bool = False

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n", 1)[0])
        if hint:
            self.hint = hint

    def with_prefix(self, words: str) -> Self:
        """The same error, its message prefixed with what it means here."""
        self.args = (f"{words}: {self.message}",)
        return self

    @property
    def may_repeat(self) -> bool:
        """Whether a retry may help and cannot do anything twice."""
        return self.passing and self.fault != "operator" and not self.unsure

    @property
    def message(self) -> str:
        """The one sentence that says what happened."""
        return str(self.args[0])


def family(root: type[RetakeFlowError]) -> Iterator[type[RetakeFlowError]]:
    """An error class and all its subclasses."""
    yield root
    for each in root.__subclasses__():
        yield from family(each)


@cache
def kinds() -> Mapping[str, type[RetakeFlowError]]:
    """Every error class by kind; if several share a kind, the outermost."""
    found: dict[str, type[RetakeFlowError]] = {}
    for error in family(RetakeFlowError):
        found.setdefault(error.kind, error)
    return found


def fault_of(kind: str) -> str:
    """Who has to act on errors of a kind: `operator`, `platform`, `network` or `program`."""
    return kinds().get(kind, RetakeFlowError).fault


class LastingDefect(RetakeFlowError):
    """The program fails by the same defect again and again."""

    kind, fault = "defect", "operator"
    hint = "`retake-flow doctor` may find the cause; please report it with the output of RETAKE_FLOW_DEBUG=1"


class UsageError(RetakeFlowError):
    """The command was not understood."""

    kind, fault, exit_code = "usage", "operator", 2


class SettingsError(RetakeFlowError):
    """A setting in the environment cannot be used."""

    kind, fault, exit_code = "settings", "operator", 2


class InputError(RetakeFlowError):
    """An input of the flow is missing or not of its type."""

    kind, fault, exit_code = "input", "operator", 2


class FlowInvalid(RetakeFlowError):
    """The flow cannot be run as it is written."""

    kind, fault, exit_code = "flow", "operator", 3


class ExpressionError(RetakeFlowError):
    """An expression could not be evaluated."""

    kind, fault = "expression", "operator"


class SecretRefused(RetakeFlowError):
    """A text that was to be sent contains a secret."""

    kind, fault = "secret", "operator"
    hint = "keep it out of texts for people; an input from a variable or file is secret unless it says `secret: false`"


class OutputError(RetakeFlowError):
    """The output of the program cannot be written."""

    kind, fault, exit_code = "output", "operator", 6


class StoreError(RetakeFlowError):
    """The run could not be stored."""

    kind, fault, exit_code = "store", "operator", 6


class StoreAway(StoreError):
    """The store cannot be reached at present."""

    kind, fault = "store_away", "network"


class Damaged(StoreError):
    """Stored data cannot be read any more."""

    kind = "damaged"
    hint = "all other runs can still be used; an older copy of the store may contain this one"


class NewerForm(StoreError):
    """Stored data has a form that only a newer program knows."""

    kind = "newer_form"
    hint = "update retake-flow; until then it is not changed"


class CredentialsError(RetakeFlowError):
    """The credentials cannot be used."""

    kind, fault, exit_code = "credentials", "operator", 6


class WrongAccount(CredentialsError):
    """The credentials belong to another agent than the run."""

    kind = "wrong_account"


class AccountInUse(CredentialsError):
    """Another run on this machine streams as the same agent.

    Attributes:
        run: The id of that run; "" when it is not known.
        host: Where its process is.
        pid: Its process id there.
        store: Its store, if that is another one than ours; a run of the same id there is another one, or was moved.
    """

    kind, exit_code = "account_in_use", 5

    def __init__(self, label: str, *, run: str = "", host: str = "", pid: int = 0, store: str = "") -> None:
        holder, hint = "another run", ""
        if run:
            holder = f"{run} (process {pid} on {host})"
            command = f"RETAKE_FLOW_STORE={shlex.quote(store)} retake-flow" if store else "retake-flow"
            hint = f"end it with `{command} stop {run}`, or watch it with `{command} watch {run}`"
        super().__init__(f"{label} is in use by {holder}", hint=hint)
        self.run, self.host, self.pid, self.store = run, host, pid, store


# --- what actions are for -----------------------------------------------------------------------------------


class InDoubt(RetakeFlowError):
    """It is unknown whether the action was done before the process ended."""

    kind, fault = "in_doubt", "operator"


class TimedOut(RetakeFlowError):
    """The action took longer than one try may."""

    kind, fault, doubtful = "timed_out", "network", True
    hint = "give `per_try` more time if it is only slow"


class NoticeFailed(RetakeFlowError):
    """A notice could not be delivered."""

    kind, fault = "notice", "network"


class ShareFailed(RetakeFlowError):
    """A stream's link could not be shared."""

    kind, fault = "share", "network"


class GuideUnkept(RetakeFlowError):
    """The platform's guide cannot be kept on this machine."""

    kind, fault, exit_code = "guide", "operator", 6


class ResponderFailed(RetakeFlowError):
    """The responder gave no answer."""

    kind = "responder"


class ResponderMissing(ResponderFailed):
    """The responder cannot be found."""

    kind, fault, exit_code = "responder_missing", "operator", 6


class UnexpectedResult(RetakeFlowError):
    """An action of the flow's own answered otherwise than the flow declares."""

    kind, fault, passing = "unexpected_result", "operator", False


class RequestRefused(RetakeFlowError):
    """A service refuses a request of the flow's own."""

    kind, fault, passing = "request_refused", "operator", False


class RequestFailed(RetakeFlowError):
    """A request of the flow's own brought no usable response."""

    kind, fault, doubtful = "request_failed", "network", True


# --- retake.tv ----------------------------------------------------------------------------------------------


class PlatformError(RetakeFlowError):
    """retake.tv did not do what was asked.

    Attributes:
        status: That of the answer; 0 when none came.
        retry_after: Seconds that retake.tv asks to wait before the next try, when it says so.
    """

    kind, fault = "platform", "platform"
    status: int = 0


class Rejected(PlatformError):
    """retake.tv refused the request as wrong (400)."""

    kind, fault = "rejected", "operator"


class NotPrepared(Rejected):
    """No message has been prepared yet that a person could have posted."""

    kind = "not_prepared"


class PostRefused(Rejected):
    """retake.tv does not take this post as a proof of who runs the agent."""

    kind = "post_refused"
    hint = "post the exact text that was prepared, publicly, and give the address of that post"


class Unauthorized(PlatformError):
    """retake.tv does not accept the access token (401)."""

    kind, fault = "unauthorized", "operator"
    hint = "check RETAKE_ACCESS_TOKEN or the credentials file; a token is never issued twice"


class NotFound(PlatformError):
    """retake.tv does not know this id (404)."""

    kind, passing = "not_found", False


class NoSession(PlatformError):
    """No stream session is active (409)."""

    kind, passing = "no_session", False


class RateLimited(PlatformError):
    """retake.tv asks to slow down (429)."""

    kind = "rate_limited"


class Unavailable(PlatformError):
    """retake.tv fails on its own side (5xx)."""

    kind, doubtful = "unavailable", True


class UnexpectedAnswer(PlatformError):
    """The response of retake.tv has an undocumented form."""

    kind, doubtful = "unexpected_answer", True


class Intercepted(UnexpectedAnswer):
    """A firewall, a login page or the like answered instead of retake.tv's API."""

    kind, fault, doubtful = "intercepted", "network", False
    hint = "it is retried; if the error lasts, open the address in a browser on this network and see which page answers"


class Redirected(PlatformError):
    """The response is a redirect; redirects are not followed, so the token stays with retake.tv."""

    kind, doubtful = "redirected", True


class Unreachable(PlatformError):
    """retake.tv could not be reached."""

    kind, fault, doubtful = "unreachable", "network", True


class Blocked(Unreachable):
    """Something between this machine and retake.tv refuses the connection."""

    kind, fault, doubtful = "blocked", "operator", False


# --- the studio ---------------------------------------------------------------------------------------------


class StudioError(RetakeFlowError):
    """A program of the studio did not do its work."""

    kind = "studio"


class MissingProgram(StudioError):
    """A program that the stream needs is not installed."""

    kind, fault, exit_code = "missing_program", "operator", 6


class HostError(StudioError):
    """A program cannot do its work on this machine."""

    kind, fault, exit_code = "host", "operator", 6


class ProcessFailed(StudioError):
    """A program of the studio ended before it was ready."""

    kind = "process_failed"


class IngestUnreachable(StudioError):
    """The platform's ingest cannot be reached."""

    kind, fault = "ingest_unreachable", "network"


class PushRefused(StudioError):
    """The platform's ingest refuses the push."""

    kind, fault = "push_refused", "platform"
    hint = "it accepts only the newest stream key; check whether another program streams with the same account"


class PushClosed(StudioError):
    """The platform's ingest has closed a push that it had taken."""

    kind, fault = "push_closed", "platform"


class NotReady(StudioError):
    """A program of the studio did not become ready in time."""

    kind = "not_ready"


class Finished(StudioError):
    """A program of the studio has done its work, and is not started again."""

    kind, passing = "finished", False


class NoVoice(StudioError):
    """Nothing can be spoken on stream now."""

    kind = "no_voice"


class NoDisplay(StudioError):
    """There is no display to show or capture anything on."""

    kind = "no_display"
