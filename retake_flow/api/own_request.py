"""Own requests: one HTTP request that a flow names, to public addresses, limited in size and time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from retake_flow import network
from retake_flow.addresses import is_loopback
from retake_flow.api.responses import Response
from retake_flow.api.transport import HTTP_ERRORS, NOT_SENT, CannotUnpack, Pool
from retake_flow.errors import InputError, RequestFailed
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import scrub
from retake_flow.sanitize import cut, strip_controls

#: The longest body of a response, in bytes, packed and unpacked.
MOST_BODY: Final = 64 * 1024
#: The headers that belong to the connection; the client sets them.
OF_THE_CONNECTION: Final = (
    *("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    *("proxy-authenticate", "proxy-authorization", "proxy-connection"),
)
#: The methods that change nothing, however often they are used.
READING: Final = ("GET", "HEAD", "OPTIONS")
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """A request to send.

    Attributes:
        secret: Headers that go to the host in `url` only, and only encrypted or to this machine.
        redirects: How many redirects of a reading request are followed.
        private: Whether it may go to addresses of this machine and of the network that it is in.
    """

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict)
    redirects: int = 0
    private: bool = False

    @property
    def label(self) -> str:
        """The request in messages, without the query, which may be private."""
        parts = urlsplit(self.url)
        return scrub(f"{self.method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")

    def address(self) -> tuple[str, int]:
        """The host and port.

        Raises:
            InputError: The address cannot be used.
        """
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            host, port, parts = "", 0, urlsplit("")
        if not host or not port or parts.username is not None:
            raise InputError("the address of a request begins with https:// or http://, and has no password in it")
        if self.secret and parts.scheme == "http" and not is_loopback(host):
            raise InputError(f"{self.label}: the secrets of `headers_from` and `secret_from` are sent over https only")
        return host, port


async def send(request: OwnRequest, timeout: float, transport: httpx.AsyncBaseTransport | None = None) -> Response:
    """Send a request, following redirects as it says.

    Everything together may take `timeout` seconds.

    Raises:
        InputError: The address cannot be used.
        RequestFailed: There is no whole response; `unsure` if the request may have been carried out.
    """
    try:
        async with asyncio.timeout(timeout):
            for _ in range(request.redirects):
                response = await _send_one(request, timeout, transport)
                place = response.headers.get("location", "")
                if response.status not in _REDIRECTS or not place or request.method not in READING:
                    return response
                request = _redirect(request, place)
            return await _send_one(request, timeout, transport)
    except TimeoutError:
        raise _failure(request, f"no response within {timeout:g} s") from None
    except NOT_SENT as error:
        raise RequestFailed(
            f"{request.label}: cannot be reached: {scrub(str(error)) or type(error).__name__}",
            hint=network.UNTRUSTED_HINT if network.is_untrusted(error) else "",
        ) from None
    except (httpx.LocalProtocolError, UnicodeEncodeError) as error:
        raise InputError(f"{request.label}: a header cannot be sent: {scrub(_reason(error))}") from None
    except HTTP_ERRORS as error:
        # Not chained: httpx keeps the request, and with it the headers, in its errors.
        raise _failure(request, f"incomplete response: {scrub(str(error)) or type(error).__name__}") from None


def _reason(error: Exception) -> str:
    return "it contains non-ASCII characters" if isinstance(error, UnicodeEncodeError) else str(error)


def _redirect(request: OwnRequest, place: str) -> OwnRequest:
    try:
        url = urljoin(request.url, place)
        same = urlsplit(url)[:2] == urlsplit(request.url)[:2]
    except ValueError:
        raise _failure(request, f"it leads to {cut(strip_controls(place))!r}, which is no address") from None
    return replace(request, url=url, secret=request.secret if same else {})


async def _send_one(request: OwnRequest, timeout: float, transport: httpx.AsyncBaseTransport | None) -> Response:
    host, port = request.address()
    for name in (*request.headers, *request.secret):
        if name.lower() in OF_THE_CONNECTION:
            raise InputError(f"{request.label}: the header {name!r} belongs to the connection", hint="leave it out")
    url, extensions = httpx.URL(request.url), {}
    headers = {**request.headers, **request.secret}
    if transport is None and network.proxy_for(request.url) is None:
        # To the very address that was examined, since a name may lead elsewhere the next time.
        address = await _resolve(request, host, port)
        url, extensions = url.copy_with(host=address), {"sni_hostname": host}
        headers["Host"] = urlsplit(request.url).netloc
    elif _literal(host) is not None and not request.private:
        _require_public(request, [host])
    pool = Pool(request.url, transport, timeout)
    try:
        response = await pool.fetch(
            request.method, str(url), MOST_BODY, content=request.body or None, headers=headers, extensions=extensions
        )
    except CannotUnpack as error:
        raise _failure(request, f"the response cannot be unpacked: {error}") from None
    finally:
        await pool.close()
    if response.truncated:
        raise _failure(request, f"the response is larger than {MOST_BODY // 1024} KiB")
    return response


def _failure(request: OwnRequest, why: str) -> RequestFailed:
    error = RequestFailed(f"{request.label}: {why}")
    error.unsure = request.method not in READING
    return error


# --- where it may go ----------------------------------------------------------------------------------------------


async def _resolve(request: OwnRequest, host: str, port: int) -> str:
    """An address of the host to which the request may go."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RequestFailed(f"{request.label}: {host} cannot be found: {error.strerror or error}") from None
    except UnicodeError:
        raise InputError(f"{request.label}: {cut(host, 80)!r} is not the name of a host") from None
    addresses = [str(info[4][0]) for info in found]
    if not request.private:
        _require_public(request, addresses)
    return addresses[0]


def _require_public(request: OwnRequest, addresses: Sequence[str]) -> None:
    if any(not is_public(address) for address in addresses):
        raise InputError(
            f"{request.label}: {urlsplit(request.url).hostname} is on this machine or its network",
            hint="write `private: true` if the request is to go there",
        )


def is_public(address: str) -> bool:
    """Whether an address is public; an IPv6 address that carries an IPv4 one counts as that one."""
    ip = _literal(address)
    if ip is None:
        return False
    if isinstance(ip, IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if _is_nat64(ip) else None)
        if carried is not None:
            return is_public(str(carried))
        if ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast


def _is_nat64(ip: IPv6Address) -> bool:
    return int(ip) >> 32 == 0x0064FF9B << 64


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
