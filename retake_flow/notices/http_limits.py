"""Limits to the HTTP of the services that notices go to: of an answer only so much is read, and only for so long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

#: Bytes of an answer, unpacked; services answer with a few hundred.
LONGEST_ANSWER: Final = 1 << 20
#: Seconds for the body of an answer.
WITHIN: Final = 15.0
_AT_ONCE: Final = 1024  # bytes; after so many it is seen whether there are too many


def limit_requests() -> None:
    """Have every answer that the library `requests` reads in this process be within the limits.

    The services of apprise read whole answers, however long these are; there is no setting for it.
    """
    from requests import adapters, exceptions, sessions

    class Limited(adapters.HTTPAdapter):
        """Reads answers within the limits; a longer one counts as a connection that broke."""

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
