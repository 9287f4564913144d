"""Answers that nobody should give, made by chance: the same seed and number give the same one."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Final

LONG: Final = "x" * 65_536
#: What may stand where something else is documented.
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1e308, -0.0, float("nan"), float("inf"), 10**39, 10**4000, 2**63),
    *("", " ", "nan", "1e400", "\x00", "\ud83d", "\x1b]52;c;x\x07", "\u202e", "💀" * 20_000, LONG, "9" * 5_000),
    *("<think>" * 8_000, "```" * 20_000, "```" + " " * 60_000, "{" * 60_000, "\ufdfa" * 20_000, "&" * 60_000),
    *("{{ inputs }}", "<!here>", "../../etc/passwd", "javascript:0", "2025-02-30T99:99:99Z", "99999999999999999999"),
    *([], [[]], [None], [LONG], [{}] * 500, {}, {"": {}}, {"$date": LONG}, {LONG: 1}, {"message": {"message": {}}}),
)
_PERSON: Final = {"user_id": "u1", "username": "mira", "ticker": "MIRA", "token_address": "T1", "is_live": True}
#: A good answer for each path, by how the path ends.
GOOD: Final[dict[str, Any]] = {
    "/register": {"access_token": "rtk_fuzz_1", "agent_id": "a1", "userDbId": "user_owl", "wallet_address": "W"},
    "/verification-status": {"verified": True},
    "/prepare-verify": {"verification_message": "Claiming my Livestreaming Agent. Code: 1"},
    "/verify": {"verified": True},
    "/rtmp": {"url": "rtmps://live.example:443/app", "key": "sk_fuzz_key_1"},
    "/stream/start": {"success": True, "token": {"name": "Owl", "ticker": "OWL", "tokenAddress": "T9"}},
    "/stream/status": {"is_live": True, "viewers": 3, "uptime_seconds": 60, "userDbId": "user_owl"},
    "/update-thumbnail": {"message": "ok", "thumbnail_url": "https://retake.tv/t.jpg"},
    "/stream/stop": {"status": "stopped", "duration_seconds": 5, "viewers": 1},
    "/chat/send": {"message": {"id": "m1"}},
    "/skill.json": {"name": "retake", "version": "2.1.2"},
    "/live/": [_PERSON, _PERSON],
    "/newest/": {"users": [_PERSON]},
    "/stats": {"current_price": 1.5, "growth": {"24h": 3}, "holders": 7},
    "/top/": [{"address": "T1", "name": "Mira", "current_market_cap": 5}],
    "/recent/": {"trades": [{"token_address": "T1", "is_buy": True, "amount_in_usd": 5, "timestamp": 1}]},
    "/top-tippers": [{"user_id": "u1", "username": "mira", "total_amount": "5", "tip_count": 2}],
    "/active/": [{"session_id": "s1", "streamer": _PERSON, "title": "owl", "started_at": "2025-02-01T14:20:00Z"}],
    "/posts": {"success": True, "post": {"id": "p1", "url": "/post/p1"}},
    "/hook": {"replies": ["Hello!"]},
    "/completions": {
        "choices": [{"message": {"role": "assistant", "content": '{"replies": ["Hello!"]}'}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3},
    },
}


@dataclass(frozen=True, slots=True)
class Hostile:
    """One answer.

    Attributes:
        name: What is odd about it.
        pieces: What is sent, one after the other; a number is a pause in seconds.
        endless: Whether the last piece is sent again and again, until the other side has enough.
    """

    name: str
    pieces: list[bytes | float] = field(repr=False)
    endless: bool = False


def answer(seed: int, number: int, path: str, at: float) -> Hostile:
    """The answer to a call.

    Args:
        seed: Where chance begins.
        number: Which one it is.
        path: What was asked for.
        at: When, in seconds since the epoch: chat is of now.
    """
    dice = Random(f"{seed}/{number}")
    make = dice.choices(_KINDS, _WEIGHTS)[0]
    return make(dice, good(dice, path, number, at))


def good(dice: Random, path: str, number: int, at: float) -> Any:
    """A good answer, as a value."""
    if path.endswith(("/comments", "/chat/")):
        return [comment(dice, number * 100 + place, at) for place in range(dice.choice((0, 1, 3, 20)), 0, -1)]
    return next((json.loads(json.dumps(value)) for end, value in GOOD.items() if path.endswith(end)), _PERSON)


def comment(dice: Random, key: int, at: float) -> dict[str, Any]:
    """A good entry of a chat, in either shape."""
    who, kind = f"viewer{dice.randrange(30)}", dice.choice(("message", "message", "tip", "trade"))
    if dice.random() < 0.3:
        author = {"walletAddress": f"W{who}", "fusername": who}
        return {"_id": f"c{key}", "text": f"hello {key}", "timestamp": int(at * 1000), "author": author}
    told = {} if kind == "message" else {f"{kind}_data": {"amount": dice.randrange(9), "side": "buy", "id": key}}
    about = {"sender_user_id": who, "sender_username": who, "timestamp": str(int(at * 1000)), "type": kind, **told}
    return {"chat_event_id": f"c{key}", "text": f"hello {key}", **about}


def mutated(dice: Random, value: Any, times: int) -> Any:
    """A value with odd ones in some of its places."""
    for _ in range(times):
        value = _mutated_once(dice, value)
    return value


def _mutated_once(dice: Random, value: Any) -> Any:
    inner = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not inner or dice.random() < 0.15:
        return dice.choice(ODD)
    place = dice.choice(inner)
    changed = value.copy()
    if isinstance(value, dict) and dice.random() < 0.1:
        changed[f"{place}{dice.choice(ODD)!r:.20}"] = changed.pop(place)
    else:
        changed[place] = _mutated_once(dice, value[place])
    return changed


def dumped(value: Any) -> bytes:
    """JSON as lax as Python writes it: with NaN, halves of characters, and numbers of thousands of digits."""
    return json.dumps(value).encode()


def http(
    body: bytes, status: object = 200, headers: list[tuple[str, str]] | None = None, length: object = None
) -> bytes:
    """An answer as it goes over the wire."""
    given = [("Content-Type", "application/json"), ("Content-Length", str(len(body) if length is None else length))]
    lines = [f"HTTP/1.1 {status} OK", *(f"{name}: {text}" for name, text in [*given, *(headers or [])])]
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body


# --- kinds --------------------------------------------------------------------------------------------------


def _good(dice: Random, value: Any) -> Hostile:
    return Hostile("good", [http(dumped(value))])


def _fields(dice: Random, value: Any) -> Hostile:
    times = dice.choice((1, 1, 2, 5))
    return Hostile(f"{times} odd fields", [http(dumped(mutated(dice, value, times)))])


@cache
def _bomb(*layers: Callable[[bytes], bytes]) -> bytes:
    body = b"[" + b"0," * (16 << 20) + b"0]"
    for pack in layers:
        body = pack(body)
    return body


def _packed(dice: Random, value: Any) -> Hostile:
    body, plain = dumped(value), dumped(value)
    ways: dict[str, tuple[bytes, str]] = {
        "gzip": (gzip.compress(body), "gzip"),
        "gzip bomb": (_bomb(gzip.compress), "gzip"),
        "nested gzip bomb": (_bomb(gzip.compress, gzip.compress), "gzip, gzip"),
        "deflate": (zlib.compress(body), "deflate"),
        "deflate bomb": (_bomb(zlib.compress), "deflate"),
        "raw deflate": (zlib.compress(body)[2:-4], "deflate"),
        "br": (b"\x8b\x02\x80" + body, "br"),
        "zstd": (b"\x28\xb5\x2f\xfd\x04\x00" + body, "zstd"),
        "cut gzip": (gzip.compress(body)[:-5], "gzip"),
        "no gzip": (plain, "gzip"),
        "gzip nobody tells": (gzip.compress(body), "identity"),
        "many layers": (body, ", ".join(["gzip"] * 1_000)),
        "an encoding of nobody": (body, dice.choice(("x-none", "\x01", "gzip;q=0", "aws-chunked", "*"))),
    }
    name = dice.choice(list(ways))
    packed, encoding = ways[name]
    return Hostile(name, [http(packed, headers=[("Content-Encoding", encoding)])])


def _deep(dice: Random, value: Any) -> Hostile:
    depth = dice.choice((50, 900, 5_000, 200_000))
    inner = [b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth]
    body = dice.choice(inner)
    if dice.random() < 0.5:
        body = b'{"comments": ' + body + b', "is_live": true, "error": ' + body + b"}"
    return Hostile(f"{depth} levels", [http(body)])


def _body(dice: Random, value: Any) -> Hostile:
    body = dumped(value)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    ways: dict[str, Hostile] = {
        "endless": Hostile("endless", [http(b"[", length=10**12), b"0," * 32_768], endless=True),
        "endless chunks": Hostile("endless chunks", [chunked, b"8000\r\n" + b" " * 0x8000 + b"\r\n"], endless=True),
        "endless headers": Hostile("endless headers", [b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 999], endless=True),
        "too short": Hostile("too short", [http(body, length=len(body) + 100)]),
        "too long": Hostile("too long", [http(body + b"]" * 99, length=len(body))]),
        "negative": Hostile("negative", [http(body, length=-1)]),
        "no number": Hostile("no number", [http(body, length="many")]),
        "two lengths": Hostile("two lengths", [http(body, headers=[("Content-Length", "3")])]),
        "bad chunks": Hostile("bad chunks", [chunked + b"zz\r\n" + body]),
        "a huge chunk": Hostile("a huge chunk", [chunked + b"f" * 200 + b"\r\n" + body]),
        "a broken one": Hostile("a broken one", [http(body)[: -len(body) // 2 or None]]),
        "trickles": Hostile("trickles", [http(body), *([b" ", 0.05] * 20)]),
        "half the header": Hostile("half the header", [b"HTTP/1.1 200 OK\r\nContent-Le"]),
        "nothing": Hostile("nothing", []),
    }
    return ways[dice.choice(list(ways))]


def _status(dice: Random, value: Any) -> Hostile:
    status = dice.choice((99, 100, 101, 204, 206, 226, 300, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408))
    status = dice.choice(
        (status, 409, 410, 413, 418, 425, 429, 451, 460, 499, 500, 502, 503, 504, 511, 520, 530, 599, 600)
    )
    body = dice.choice((b"", dumped(value), dumped({"error": dice.choice(ODD)}), b"<html><h1>no</h1>", b"\xff\xfe"))
    after = dice.choice(
        ("0", "1", "-5", "nan", "1e400", "9" * 400, "Mon, 99 Foo 2025", "Wed, 21 Oct 2099 07:28:00 GMT")
    )
    where = dice.choice(("http://169.254.169.254/", "//evil.example", "x" * 9_000, "file:///etc/passwd", "http://[::1"))
    headers = [("Retry-After", after), ("Location", where)]
    return Hostile(f"status {status}", [http(body, status, headers)])


def _headers(dice: Random, value: Any) -> Hostile:
    body = dumped(value)
    ways: dict[str, bytes] = {
        "a header of 1 MB": http(body, headers=[("X-Long", "x" * (1 << 20))]),
        "10,000 headers": http(body, headers=[(f"X-{n}", "y") for n in range(10_000)]),
        "a header that is none": http(body, headers=[("a b\x00c", "\x01\x7f")]),
        "no status": http(body, "OK"),
        "a status of letters": http(body, "\ud83d"),
        "HTTP/9": b"HTTP/9.9 200 OK\r\n\r\n" + body,
        "no HTTP": body,
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        "odd dates": http(
            body, headers=[("Date", dice.choice(("", "0", "x" * 999, "Fri, 31 Dec 9999 23:59:59 +9999")))]
        ),
        "odd types": http(
            body, headers=[("Content-Type", dice.choice(("text/html", "", "\xff", "a/b;charset=utf-7")))]
        ),
        "cookies": http(body, headers=[("Set-Cookie", f"a{n}={LONG[:500]}; Domain=.example") for n in range(50)]),
        "mitigated": http(body, headers=[("cf-mitigated", "challenge")]),
    }
    name = dice.choice(list(ways))
    return Hostile(name, [ways[name]])


def _text(dice: Random, value: Any) -> Hostile:
    ways: dict[str, bytes] = {
        "a page": b"<!doctype html><title>Just a moment</title>" + b"<script>" * 5_000,
        "a page of tags": b"<" * 500_000,
        "empty": b"",
        "blanks": b" \n" * 1_000,
        "binary": dice.randbytes(5_000),
        "a byte-order mark": b"\xef\xbb\xbf" + dumped(value),
        "UTF-16": dumped(value).decode().encode("utf-16"),
        "no UTF-8": b'{"is_live": true, "text": "\xff\xc0\x80"}',
        "half a character": b'{"error": "\\ud800", "comments": [{"_id": "\\udfff", "text": "\\ud83d"}]}',
        "a name twice": b'{"is_live": true, "is_live": 5, "comments": [], "comments": 7}',
        "NaN": b'{"is_live": true, "viewers": NaN, "uptime_seconds": -Infinity, "amount": 1e9999}',
        "a number": b"5",
        "a text": json.dumps(LONG).encode(),
        "digits": b"9" * 900_000,
        "something behind": dumped(value) + b'{"more": 1}',
        "comments": b"/* hi */ " + dumped(value),
        "NUL": b"\x00" * 1_000,
        "escapes": b'["' + b"\\u0000" * 150_000 + b'"]',
    }
    name = dice.choice(list(ways))
    return Hostile(name, [http(ways[name])])


@cache
def _many() -> list[dict[str, Any]]:
    dice = Random("many")
    return [comment(dice, 10**6 + number, 1.7e9) for number in range(3_000)]


def _long(dice: Random, value: Any) -> Hostile:
    many = _many()
    ways: dict[str, Callable[[], bytes]] = {
        "2,500 comments": lambda: dumped({"comments": many[:2_500]}),
        "3,000 odd comments": lambda: dumped(
            [mutated(dice, each, 1) if n % 20 == 0 else each for n, each in enumerate(many)]
        )[: 1 << 20],
        "tiny comments": lambda: b'[{"_id":"1"}' + b',{"_id":"2"}' * 80_000 + b"]",
        "no objects": lambda: b"[" + b"[]," * 300_000 + b"1]",
        "floats": lambda: b"[" + b"1e5," * 250_000 + b"1]",
        "long numbers": lambda: b"[" + (b"9" * 4_299 + b",") * 230 + b"1]",
        "names": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}",
        "people": lambda: dumped([_PERSON] * 9_000)[: 1 << 20],
        "over a megabyte": lambda: dumped({"is_live": True, "text": LONG * 17}),
        "messages in messages": lambda: b'{"message":' * 300 + dumped(value) + b"}" * 300,
    }
    name = dice.choice(list(ways))
    return Hostile(name, [http(ways[name]())])


_KINDS: Final[tuple[Callable[[Random, Any], Hostile], ...]] = (
    _good, _fields, _packed, _deep, _body, _status, _headers, _text, _long,
)  # fmt: skip
_WEIGHTS: Final = (25, 30, 8, 5, 8, 9, 6, 7, 2)


def event(seed: int, number: int, at: float) -> tuple[str, bytes]:
    """What comes over the real-time connection: what is odd about it, and the text of one message of Engine.IO."""
    dice = Random(f"event/{seed}/{number}")
    name = dice.choice(("message", "tip_received", "user_followed", "newtrade", "session_started", "x", ""))
    told: Any = {**comment(dice, 10**7 + number, at), "message": "hi", "amount": 5, "follower": {"username": "kenji"}}
    ways: dict[str, Callable[[], bytes]] = {
        "good": lambda: b"42" + dumped([name, told]),
        "odd fields": lambda: b"42" + dumped([name, mutated(dice, told, dice.choice((1, 2, 5)))]),
        "an odd event": lambda: b"42" + dumped(mutated(dice, [name, told], 1)),
        "many values": lambda: b"42" + dumped([name, *[told] * 500]),
        "deep": lambda: b"42" + b'["message",' + b'{"message":' * 500 + b"1" + b"}" * 500 + b"]",
        "a long one": lambda: b"42" + dumped([name, {**told, "text": LONG * 10}]),
        "no JSON": lambda: b"42" + dice.choice((b"[", b"{]", b"", b"nope", b'["message",')),
        "an acknowledgement": lambda: b"43" + dice.choice((b"1[]", b"[]", b"99999999999999[1]", b"x")),
        "of another room": lambda: b"42/admin," + dumped([name, told]),
        "a ping": lambda: b"2" + dice.choice((b"", b"x" * 1_000)),
        "no kind": lambda: dice.choice((b"7x", b"9", b"x", b"4", b"49", b"4x", b"6", b"3")),
    }
    way = dice.choices(list(ways), (30, 30, 8, 1, 2, 2, 5, 5, 5, 5, 5))[0]
    return way, ways[way]()


def last_words(seed: int, number: int) -> tuple[str, bytes]:
    """What ends a real-time connection, as bytes of the websocket."""
    dice = Random(f"end/{seed}/{number}")
    ways = {
        "too large": frame(b"42" + b'["message", "' + b"x" * (2 << 20) + b'"]'),
        "promised and not sent": b"\x81\x7f" + (1 << 40).to_bytes(8, "big") + b"42",
        "binary": frame(b"\x04" + dice.randbytes(500), kind=2),
        "attachments": frame(b'451-["message",{"_placeholder":true,"num":0}]') + frame(b"\xff" * 50, kind=2),
        "a million attachments": frame(b'451000000-["message",{}]'),
        "no frame": b"\xff\xff\xff",
        "masked": b"\x81\x84\x00\x00\x00\x0042[]",
        "no UTF-8": frame(b"42\xff\xff"),
        "goodbye": frame(b"41"),
        "close": frame(b"1"),
        "an odd code": b"\x88\x02\x00\x01",
        "refused": frame(b'44{"message":' + dumped(dice.choice(ODD[:20])) + b"}"),
        "nothing": b"",
    }
    name = dice.choice(list(ways))
    return name, ways[name]


def frame(text: bytes, kind: int = 1) -> bytes:
    """A message as one frame of a websocket."""
    size = len(text)
    if size < 126:
        return bytes([0x80 | kind, size]) + text
    if size < 1 << 16:
        return bytes([0x80 | kind, 126]) + size.to_bytes(2, "big") + text
    return bytes([0x80 | kind, 127]) + size.to_bytes(8, "big") + text
