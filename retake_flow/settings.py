"""What the environment says: the only module that reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from retake_flow.errors import SettingsError
from retake_flow.redact import Secret

RETAKE = "https://retake.tv"
MOLTBOOK = "https://www.moltbook.com"
API_PATH = "/api/v1"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process.

    Attributes:
        origin: Where the platform is: `https://retake.tv` or a loopback address, without a path.
        access_token: The token from `RETAKE_ACCESS_TOKEN`, which goes before the credentials file.
        credentials: The credentials file (`RETAKE_CREDENTIALS`).
        state_folder: Where runs are kept (`RETAKE_FLOW_STATE`).
        store: Where runs survive (`RETAKE_FLOW_STORE`): a path or the URL of a database.
        notify: Whom to tell what a run has to say (`RETAKE_FLOW_NOTIFY`): addresses as apprise writes them, apart by
            white space, each with a `WHO=` before it when it is for an audience of its own.
        moltbook: Where posts go that share a stream: `https://www.moltbook.com`, or a loopback address that stands for
            it (`RETAKE_FLOW_MOLTBOOK_URL`).
        moltbook_key: The agent's key there (`MOLTBOOK_API_KEY`).
        voice: The program that speaks on stream, with its arguments (`RETAKE_FLOW_VOICE`, written as in a shell); the
            embedded one when empty.
        die_at: At which boundary of the journal to kill ourselves, for tests (`RETAKE_FLOW_DIE_AT`).
        cache_folder: What may be deleted at any time.
    """

    origin: str
    access_token: Secret | None
    credentials: Path
    state_folder: Path
    cache_folder: Path
    store: str
    notify: tuple[Secret, ...] = ()
    moltbook: str = MOLTBOOK
    moltbook_key: Secret | None = None
    voice: tuple[str, ...] = ()
    die_at: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: A variable holds something that cannot be used.
        """
        env = os.environ if environment is None else environment
        token = env.get("RETAKE_ACCESS_TOKEN", "").strip()
        home = Path(env.get("HOME") or Path.home())
        config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
        state_folder = Path(
            env.get("RETAKE_FLOW_STATE") or _platform_folder("user_state_path", env, "XDG_STATE_HOME")
        ).expanduser()
        return cls(
            origin=_origin(env.get("RETAKE_API_URL") or RETAKE),
            access_token=Secret(token) if token else None,
            credentials=Path(env.get("RETAKE_CREDENTIALS") or config / "retake" / "credentials.json").expanduser(),
            state_folder=state_folder,
            cache_folder=Path(
                env.get("RETAKE_FLOW_CACHE") or _platform_folder("user_cache_path", env, "XDG_CACHE_HOME")
            ).expanduser(),
            store=env.get("RETAKE_FLOW_STORE", "").strip() or str(state_folder / "runs.sqlite"),
            notify=tuple(Secret(address) for address in env.get("RETAKE_FLOW_NOTIFY", "").split()),
            moltbook=_moltbook(env.get("RETAKE_FLOW_MOLTBOOK_URL") or MOLTBOOK),
            moltbook_key=Secret(key) if (key := env.get("MOLTBOOK_API_KEY", "").strip()) else None,
            voice=_command("RETAKE_FLOW_VOICE", env.get("RETAKE_FLOW_VOICE", "")),
            die_at=_boundary(env.get("RETAKE_FLOW_DIE_AT", "").strip()),
        )


def is_loopback(host: str | None) -> bool:
    """Whether a host name means this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _origin(url: str) -> str:
    found = _allowed(url, RETAKE)
    if not found:
        raise SettingsError(
            f"RETAKE_API_URL is {url!r}; it may be {RETAKE} or a loopback address such as http://127.0.0.1:8080",
            hint="the access token goes to retake.tv only; unset the variable to use retake.tv",
        )
    return found


def _moltbook(url: str) -> str:
    found = _allowed(url, MOLTBOOK)
    if not found:
        raise SettingsError(
            f"RETAKE_FLOW_MOLTBOOK_URL is {url!r}; it may be {MOLTBOOK} or a loopback address",
            hint="the key goes to www.moltbook.com only; unset the variable to use that",
        )
    return found


def _allowed(url: str, ours: str) -> str:
    """An origin, when it is the one that a secret may go to, or on this machine; "" for every other."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), -1
    path = parts.path.rstrip("/")
    plain = path in ("", API_PATH) and not (parts.query or parts.fragment or parts.username or parts.password)
    own = parts.scheme == "https" and parts.hostname == urlsplit(ours).hostname and port in (None, 443)
    local = parts.scheme in ("http", "https") and is_loopback(parts.hostname) and port != -1
    if not (plain and (own or local)):
        return ""
    return ours if own else f"{parts.scheme}://{parts.netloc}"


def _command(variable: str, text: str) -> tuple[str, ...]:
    import shlex

    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise SettingsError(
            f"{variable} is no command line: {error}", hint="write it as in a shell, with its quotes in pairs"
        ) from None


def _boundary(text: str) -> str:
    if text and not (text[:-1].isdecimal() and text[-1] in "-+"):
        raise SettingsError(f"RETAKE_FLOW_DIE_AT is {text!r}; it takes `7-` or `7+`")
    return text


def _platform_folder(name: str, env: Mapping[str, str], variable: str) -> Path:
    # The XDG answer needs no import; platformdirs knows the other systems.
    if env.get(variable):
        return Path(env[variable]) / "retake-flow"
    import platformdirs

    folder: Path = getattr(platformdirs, name)("retake-flow", appauthor=False)
    return folder


def debugging() -> bool:
    """Whether a defect of ours is to be shown with its traceback (`RETAKE_FLOW_DEBUG=1`)."""
    return os.environ.get("RETAKE_FLOW_DEBUG", "") not in ("", "0")


def variables() -> Mapping[str, str]:
    """The environment as the inputs of flows may be read from it."""
    return os.environ


def inherited() -> dict[str, str]:
    """The environment that programs we start inherit."""
    return dict(os.environ)
