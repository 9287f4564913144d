"""HTTP limits for the services of notices: caps on the size of an answer and on the time to read it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

#: Bytes of an unpacked answer; services answer with a few hundred.
LONGEST_ANSWER: Final = 1 << 20
#: Seconds for the body of an answer.
WITHIN: Final = 15.0
_AT_ONCE: Final = 1024  # bytes; after each chunk, the size is checked


def limit_requests() -> None:
    """Apply the limits to every answer that the library `requests` reads in this process.

    Apprise's services read whole answers, however long; there is no setting against it.
    """
    from requests import adapters, exceptions, sessions

    class Limited(adapters.HTTPAdapter):
        """Reads answers within the limits. A longer answer counts as a broken connection."""

        def build_response(self, req: Any, resp: Any) -> Any:
            stream = resp.stream

            def limited(amt: int = _AT_ONCE, decode_content: bool | None = None) -> Iterator[bytes]:
                late, read = time.monotonic() + WITHIN, 0
                for chunk in stream(min(amt, _AT_ONCE), decode_content=decode_content):
                    read += len(chunk)
                    if read > LONGEST_ANSWER or time.monotonic() > late:
                        resp.close()
                        raise exceptions.ConnectionError("the answer has no end")
                    yield chunk

            resp.stream = limited
            return super().build_response(req, resp)

    if vars(sessions)["HTTPAdapter"] is adapters.HTTPAdapter:
        vars(sessions)["HTTPAdapter"] = Limited
