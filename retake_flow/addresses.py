"""Addresses: those of the platforms, and which others may stand in for them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

RETAKE = "https://retake.tv"
MOLTBOOK = "https://www.moltbook.com"
API_PATH = "/api/v1"


def is_loopback(host: str | None) -> bool:
    """Whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def allowed_origin(url: str, ours: str) -> str:
    """The origin of an address, if it is the one that may receive a secret or is on this machine; else ""."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ""
    bare = not (parts.query or parts.fragment or parts.username or parts.password)
    if not bare or parts.path.rstrip("/") not in ("", API_PATH):
        return ""
    if parts.scheme == "https" and parts.hostname == urlsplit(ours).hostname and port in (None, 443):
        return ours
    local = parts.scheme in ("http", "https") and is_loopback(parts.hostname)
    return f"{parts.scheme}://{parts.netloc}" if local else ""


def is_site(url: str) -> bool:
    """Whether an address is that of a whole site: it has a host, and neither a path nor a query."""
    try:
        parts = urlsplit(url)
        fine = parts.port != 0 and re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parts.netloc)
    except ValueError:
        return False
    return bool(fine) and parts.scheme in ("http", "https") and not parts.path.strip("/") and "?" not in url


def shown(url: str) -> str:
    """An address without the password in it."""
    return re.sub(r"(?<=//)[^/]*@", "•••@", url)
