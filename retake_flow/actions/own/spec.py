"""Specs of the flow's own actions."""

from __future__ import annotations

from typing import Any, Final

from retake_flow.actions.base import AGAIN, COUNT, FLAG, SERVICE, STARTED, TEXT, described
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.responders.schema import VARIABLE_NAME

#: The commonest headers that belong to the connection; a request refuses all of them.
_SET: Final = ("connection", "content-length", "host", "transfer-encoding")
_HEADER: Final[dict[str, Any]] = {
    "pattern": "^[A-Za-z0-9-]+$",
    "not": {"pattern": f"^({'|'.join(''.join(f'[{c.upper()}{c}]' for c in n) for n in _SET)})$"},
    "errorMessage": "a header consists of letters, digits and `-`; those of the connection, such as Host, are set",
}
_PROGRAM: Final[dict[str, Any]] = {
    "command": {
        "type": "array",
        "items": TEXT,
        "minItems": 1,
        "errorMessage": "write the program and its arguments as a list, such as [./health.sh, --quick]",
        "description": "A program and its arguments, without a shell; a path is relative to the flow's file.",
        "examples": [["./health.sh", "--quick"]],
    },
    "input": {
        "description": "The standard input, as JSON; a text is written as it is.",
        "examples": [{"seconds": 60}],
    },
    "env_from": {
        "type": "object",
        "propertyNames": {
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            "errorMessage": "the name of a variable consists of letters, digits and `_`",
        },
        "additionalProperties": VARIABLE_NAME,
        "default": {},
        "description": "Variables that it gets: the name in the program, and the name of your variable.",
        "examples": [{"API_KEY": "OWL_API_KEY"}],
    },
    "folder": described(TEXT, "The folder in which it runs, relative to the flow's file.", minLength=1, default="."),
}

SPECS: Final = (
    ActionSpec(
        "program.run",
        "Run a program of your own to its end. With `lines: true` it is the service `program.lines`.",
        inputs={
            **_PROGRAM,
            "lines": described(
                FLAG, "Whether it is the service `program.lines`: each line raises an event.", fixed=True
            ),
            "timeout": {
                "type": ["string", "number"],
                "format": "duration",
                "default": "30s",
                "description": "How long it may take; then it is ended.",
            },
        },
        optional=frozenset({"input", "lines"}),
        outcomes=("done", "failed"),
        result={
            "exit_code": described(COUNT, "Its exit status; negative for the signal that killed it."),
            "json": {"description": "Its standard output, if that is JSON; otherwise none."},
            "text": described(TEXT, "Its standard output."),
            "message": described(TEXT, "How it ended, with its last lines of standard error."),
        },
        errors=("missing_program", "host", "process_failed", "not_ready", "input", "settings", "secret"),
        idempotency=Idempotency.ONCE,
        public=frozenset({"command", "input", "folder"}),
        samples={"exit_code": 0, "json": None, "text": "", "message": "it ended with status 0"},
    ),
    ActionSpec(
        "program.lines",
        "Run a program of your own for as long as its state lasts; each line it writes raises an event of the flow.",
        inputs=_PROGRAM,
        optional=frozenset({"input"}),
        outcomes=SERVICE,
        errors=(*STARTED, "input", "settings", "secret"),
        service=True,
        public=frozenset({"command", "input", "folder"}),
    ),
    ActionSpec(
        "http.request",
        "Send an HTTP request of your own.",
        inputs={
            "method": {
                "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
                "default": "GET",
                "description": "The method.",
            },
            "url": described(
                TEXT,
                "The address, without a password in it.",
                pattern=r"^https?://\S+$",
                errorMessage="write an address that begins with https:// or http://",
                examples=["https://example.org/hooks/owl"],
            ),
            "json": {"description": "The body, sent as JSON.", "examples": [{"seconds": "{{ vars.seconds }}"}]},
            "form": {"type": "object", "description": "The body, sent like a form."},
            "text": described(TEXT, "The body, sent as it is."),
            "headers": {"type": "object", "additionalProperties": TEXT, "propertyNames": _HEADER, "default": {}},
            "headers_from": {
                "type": "object",
                "additionalProperties": VARIABLE_NAME,
                "propertyNames": _HEADER,
                "default": {},
                "description": "Headers whose values are read from the environment.",
                "examples": [{"Authorization": "OWL_AUTHORIZATION"}],
            },
            "secret_from": described(VARIABLE_NAME, "The variable with the key (whsec_…) that signs the request."),
            "idempotency_key": described(
                FLAG,
                "Whether every try has the same Idempotency-Key; the server must support that header.",
                default=False,
            ),
            "expect": {
                "type": "array",
                "items": {"type": "integer", "minimum": 100, "maximum": 599},
                "minItems": 1,
                "description": "The statuses that count as done; by default 200 to 299.",
                "examples": [[200, 404]],
            },
            "redirects": described(
                COUNT, "How many redirects are followed, of GET, HEAD and OPTIONS.", minimum=0, maximum=5, default=0
            ),
            "private": described(FLAG, "Whether it may go to this machine and its own network.", default=False),
            "timeout": {
                "type": ["string", "number"],
                "format": "duration",
                "default": "20s",
                "description": "How long it may take.",
            },
        },
        optional=frozenset({"json", "form", "text", "secret_from", "expect"}),
        exclusive=("json", "form", "text"),
        result={
            "status": COUNT,
            "json": {"description": "The body, if it is JSON; otherwise none."},
            "text": described(TEXT, "The body."),
            "headers": {"type": "object", "description": "The response's headers, by names in lower case."},
        },
        errors=("request_failed", "request_refused", "input", "settings", "secret"),
        idempotency=Idempotency.ONCE,
        retry=AGAIN,
        public=frozenset({"url", "json", "form", "text", "headers"}),
        samples={"status": 200, "json": None, "text": "", "headers": {}},
    ),
)
