"""Outgoing connections: the proxies and certificates that the environment names."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from retake_flow.addresses import is_loopback
from retake_flow.errors import SettingsError
from retake_flow.redact import MASK, Secret
from retake_flow.settings import variables

#: The hint for a certificate that cannot be verified.
UNTRUSTED_HINT: Final = (
    "where a proxy of your network opens such connections, name its certificate: export SSL_CERT_FILE=/path/to/ca.pem; "
    "otherwise check this machine's clock: date"
)
#: The hint for a proxy that refuses.
PROXY_HINT: Final = "give its name and password: export HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
_PROXIES: Final = ("HTTPS_PROXY", "ALL_PROXY")


def proxy_for(url: str, environment: Mapping[str, str] | None = None) -> Secret | None:
    """The proxy for an address; None if it is reached directly, as this machine always is.

    Only encrypted addresses go through a proxy, in a tunnel: the proxy sees only the host's name.

    Raises:
        SettingsError: The configured proxy cannot be used.
    """
    env = variables() if environment is None else environment
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None  # not an address, so never reached
    if parts.scheme not in ("https", "wss") or is_loopback(host) or _is_exempt(parts, env):
        return None
    for variable in _PROXIES:
        if text := _value(env, variable):
            return _proxy(variable, text, host)
    return None


def proxy_host(proxy: Secret) -> str:
    """The address of a proxy for messages, without its password."""
    parts = urlsplit(proxy.reveal())
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def certificates(environment: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """The context that verifies the certificates of others.

    It trusts those in `SSL_CERT_FILE` and `SSL_CERT_DIR`, as OpenSSL does; without these, the system's and Mozilla's.

    Raises:
        SettingsError: The configured certificates cannot be read.
    """
    env = variables() if environment is None else environment
    return _context(env.get("SSL_CERT_FILE", ""), env.get("SSL_CERT_DIR", ""))


def is_untrusted(error: BaseException) -> bool:
    """Whether an error means that a certificate could not be verified."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _is_exempt(parts: SplitResult, env: Mapping[str, str]) -> bool:
    """Whether a host is exempt from the proxy (`NO_PROXY`)."""
    host, port = str(parts.hostname), str(parts.port or 443)
    return any(_matches(entry.lower(), host, port) for entry in re.split(r"[,\s]+", _value(env, "NO_PROXY")) if entry)


def _matches(entry: str, host: str, port: str) -> bool:
    """Whether an entry of `NO_PROXY` matches a host: `*`, a domain and its subdomains, an address or a range."""
    if entry == "*":
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry, strict=False)
    with_port = re.fullmatch(r"(.+):(\d+)", entry)
    if with_port and with_port[2] != port:
        return False
    name = (with_port[1] if with_port else entry).removeprefix("*").lstrip(".")
    return host == name or host.endswith(f".{name}")


def _value(env: Mapping[str, str], name: str) -> str:
    # The usual order: the lower-case name wins, even if empty.
    return (env[name.lower()] if name.lower() in env else env.get(name, "")).strip()


def _proxy(variable: str, text: str, host: str) -> Secret:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    for secret in (parts.password, text if parts.password else None):
        if secret:
            Secret(secret)  # from now on it is masked wherever it is printed
    ways = f"export HTTPS_PROXY=http://HOST:PORT, or reach {host} directly: export NO_PROXY={host}"
    if parts.scheme.startswith("socks"):
        raise SettingsError(
            f"{variable} names a SOCKS proxy ({parts.scheme}://{parts.hostname}{port}), "
            f"which cannot reach {host}: only HTTP proxies are supported",
            hint=ways,
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        shown = MASK if "@" in text else repr(text)
        raise SettingsError(f"{variable} is {shown}, which is not a proxy address", hint=ways)
    return Secret(f"{parts.scheme}://{parts.netloc}")


@cache
def _context(file: str, folder: str) -> ssl.SSLContext:
    if not (file or folder):
        import certifi

        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context
    if folder and not os.path.isdir(folder):
        raise SettingsError(f"SSL_CERT_DIR is {folder!r}, which is not a folder", hint=f"ls -ld {folder}")
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except ssl.SSLError:
        raise SettingsError(f"SSL_CERT_FILE is {file!r}, which holds no certificate in PEM", hint=_PEM) from None
    except OSError as error:
        raise SettingsError(f"SSL_CERT_FILE is {file!r}, which cannot be read: {error.strerror}", hint=_PEM) from None


_PEM = "name a file that begins with -----BEGIN CERTIFICATE-----, or unset SSL_CERT_FILE"
