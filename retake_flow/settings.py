"""Settings from the environment: the only module that reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from retake_flow import addresses
from retake_flow.addresses import MOLTBOOK, RETAKE
from retake_flow.errors import SettingsError
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret

#: The variable that holds the agent's token.
TOKEN_VARIABLE = "RETAKE_ACCESS_TOKEN"
_INHERITED = (
    r"PATH|HOME|USER|LOGNAME|TMPDIR|XDG_\w+|FONTCONFIG_\w+|ESPEAK_DATA_PATH"
    r"|LANG|LANGUAGE|LC_\w+|LOCPATH|LOCALE_ARCHIVE|TZ|TZDIR|FAKETIME\w*"
    r"|LD_\w+"  # library paths
)
#: The variables for the certificates that verify others.
CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
#: The variables for the network and its certificates.
NETWORK: Final = (
    *(form for name in ("HTTP", "HTTPS", "ALL", "NO") for form in (f"{name}_PROXY", f"{name.lower()}_proxy")),
    *CERTIFICATES,
)
#: The variables for Python's modules and output.
PYTHON: Final = ("PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONIOENCODING", "VIRTUAL_ENV")
#: `RETAKE_FLOW_LEASE` in seconds: the default and the bounds.
USUAL_LEASE: Final = 35.0
SHORTEST_LEASE: Final = 5.0
LONGEST_LEASE: Final = 600.0
#: The shortest token of our servers, in characters.
SHORTEST_TOKEN: Final = 16
_LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
#: The XDG places of state, settings and caches: the variable, and the folder in the home folder.
_BASES: Final = (("XDG_STATE_HOME", ".local/state"), ("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
# Not inside any folder, so that writing there fails as in any place that is not writable.
_NOWHERE = Path("/dev/null/no-home")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process.

    Attributes:
        origin: The origin of the platform: `https://retake.tv` or a loopback address, without a path.
        access_token: The token from `RETAKE_ACCESS_TOKEN`, which takes precedence over the credentials file.
        credentials: The credentials file (`RETAKE_CREDENTIALS`).
        agents: The folder with the credentials files of many agents (`RETAKE_FLOW_AGENTS`).
        flows: The folder with the flows of runs that were submitted elsewhere (`RETAKE_FLOW_FLOWS`); None without one.
        state_folder: The folder for runs (`RETAKE_FLOW_STATE`).
        store: The store for runs (`RETAKE_FLOW_STORE`): a path or the URL of a database.
        notify: Where notices go (`RETAKE_FLOW_NOTIFY`): Apprise addresses separated by white space, each prefixed with
            `WHO=` if it is for a separate audience.
        moltbook: Where posts that share a stream go: `https://www.moltbook.com`, or a loopback address in its place
            (`RETAKE_FLOW_MOLTBOOK_URL`).
        moltbook_key: The agent's key there (`MOLTBOOK_API_KEY`).
        voice: The program that speaks on stream, with its arguments (`RETAKE_FLOW_VOICE`, written as in a shell); the
            embedded one when empty.
        voice_variables: The variables that it needs (`RETAKE_FLOW_VOICE_VARIABLES`, names separated by white space).
        lease: For how long a process has a run without renewing its claim, in seconds (`RETAKE_FLOW_LEASE`).
        stage: Whether streams show the stage where Chromium is installed; `RETAKE_FLOW_STAGE=off` for the log.
        sandbox: Whether the kernel confines what renders pages; `RETAKE_FLOW_SANDBOX=off` for machines that cannot.
        page: The address at which people reach the operator's page (`RETAKE_FLOW_PAGE`), for links in notices; "" when
            only this machine reaches it.
        die_at: The boundary of the journal at which the process kills itself, for tests (`RETAKE_FLOW_DIE_AT`).
        cache_folder: A folder that may be deleted at any time.
        homeless: Whether there is neither a home folder nor a setting for the place of runs.
    """

    origin: str
    access_token: Secret | None
    credentials: Path
    state_folder: Path
    cache_folder: Path
    store: str
    agents: Path = _NOWHERE
    flows: Path | None = None
    notify: tuple[Secret, ...] = ()
    moltbook: str = MOLTBOOK
    moltbook_key: Secret | None = None
    voice: tuple[str, ...] = ()
    voice_variables: tuple[str, ...] = ()
    lease: float = USUAL_LEASE
    sandbox: bool = True
    page: str = ""
    stage: bool = True
    die_at: str = ""
    homeless: bool = False

    @property
    def lock_folders(self) -> tuple[Path, ...]:
        """The folders in which processes lock the account that they stream as: one per user, one per state folder.

        The first does not depend on TMPDIR and HOME; the second may be shared by containers that each have their
        own /tmp.
        """
        return Path("/tmp") / f".retake-flow-{os.getuid()}", self.state_folder / "locks"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: A variable holds something that cannot be used.
        """
        env = _require_utf8(os.environ if environment is None else environment)
        token = env.get(TOKEN_VARIABLE, "").strip()
        home = _home(env)
        state, config, cache = (_base(env, home, *each) for each in _BASES)
        state_folder = _path_in("RETAKE_FLOW_STATE", env) or (state and state / "retake-flow")
        # Without a home folder, anything without a place of its own is stored next to the runs.
        rest = state_folder or _NOWHERE
        cache_folder = _path_in("RETAKE_FLOW_CACHE", env) or (cache / "retake-flow" if cache else rest / "cache")
        own = config / "retake" if config else rest
        return cls(
            origin=_origin("RETAKE_API_URL", env, RETAKE, "access token"),
            access_token=Secret(token) if token else None,
            credentials=_path_in("RETAKE_CREDENTIALS", env) or own / "credentials.json",
            agents=_path_in("RETAKE_FLOW_AGENTS", env) or own / "agents",
            flows=_path_in("RETAKE_FLOW_FLOWS", env),
            state_folder=rest,
            cache_folder=cache_folder,
            store=_store(env) or str(rest / "runs.sqlite"),
            homeless=state_folder is None,
            notify=tuple(Secret(address) for address in env.get("RETAKE_FLOW_NOTIFY", "").split()),
            moltbook=_origin("RETAKE_FLOW_MOLTBOOK_URL", env, MOLTBOOK, "key"),
            moltbook_key=Secret(key) if (key := env.get("MOLTBOOK_API_KEY", "").strip()) else None,
            voice=_command("RETAKE_FLOW_VOICE", env),
            voice_variables=_names("RETAKE_FLOW_VOICE_VARIABLES", env),
            lease=_lease(env.get("RETAKE_FLOW_LEASE", "").strip()),
            sandbox=_switched_on("RETAKE_FLOW_SANDBOX", env),
            page=_page(env.get("RETAKE_FLOW_PAGE", "").strip()),
            stage=_switched_on("RETAKE_FLOW_STAGE", env),
            die_at=_boundary(env.get("RETAKE_FLOW_DIE_AT", "").strip()),
        )

    def require_home(self) -> None:
        """Require a place for runs.

        Raises:
            SettingsError: There is none, since there is no home folder.
        """
        if self.homeless:
            raise SettingsError(
                f"there is no home folder: HOME is not set, and the user {os.geteuid()} is not in /etc/passwd",
                hint="export HOME=/a/folder/that/can/be/written, or RETAKE_FLOW_STATE=… to keep everything there",
            )


def is_credentials(path: str, environment: Mapping[str, str]) -> bool:
    """Whether a path, under any name, leads to the credentials file of this environment."""
    try:
        return os.path.samefile(path, Settings.from_environment(environment).credentials)
    except (OSError, ValueError):
        return False


def _origin(variable: str, env: Mapping[str, str], ours: str, secret: str) -> str:
    """The origin that gets a secret: ours, or one on this machine."""
    url = env.get(variable) or ours
    found = addresses.allowed_origin(url, ours)
    if not found:
        host = ours.removeprefix("https://")
        local = "a loopback address such as http://127.0.0.1:8080"
        raise SettingsError(
            f"{variable} is {addresses.shown(url)!r}; it may be {ours} or {local}",
            hint=f"the {secret} goes to {host} only; unset the variable to use {host}",
        )
    return found


def _page(url: str) -> str:
    if url and not addresses.is_site(url):
        example = "an address without a path, such as https://page.example.org"
        raise SettingsError(f"RETAKE_FLOW_PAGE is {addresses.shown(url)!r}; it takes {example}")
    return url.rstrip("/").lower()


def _command(variable: str, env: Mapping[str, str]) -> tuple[str, ...]:
    import shlex

    try:
        return tuple(shlex.split(env.get(variable, "")))
    except ValueError as error:
        raise SettingsError(
            f"{variable} is not a valid command line: {error}", hint="write it as in a shell, with matching quotes"
        ) from None


def _lease(text: str) -> float:
    if not text:
        return USUAL_LEASE
    found = re.fullmatch(r"(\d{1,4}(?:\.\d{1,3})?)(s|m)?", text, re.ASCII)
    seconds = float(found[1]) * (60.0 if found[2] == "m" else 1.0) if found else 0.0
    if not SHORTEST_LEASE <= seconds <= LONGEST_LEASE:
        raise SettingsError(
            f"RETAKE_FLOW_LEASE is {text!r}; it takes a time from 5s to 10m",
            hint="35s suits a database nearby; every host that shares the store may have its own",
        )
    return seconds


def _switched_on(variable: str, env: Mapping[str, str]) -> bool:
    text = env.get(variable, "").strip().lower()
    if text not in ("", "on", "off"):
        raise SettingsError(f"{variable} is {text!r}; it takes `on` or `off`")
    return text != "off"


def _boundary(text: str) -> str:
    if text and not (re.fullmatch(r"[0-9]{1,9}[-+]", text)):
        raise SettingsError(f"RETAKE_FLOW_DIE_AT is {text!r}; it takes `7-` or `7+`")
    return text


def _require_utf8(env: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, if our variables in it are valid text: paths appear in records and messages."""
    for name, value in env.items():
        if name.startswith(("RETAKE_", "XDG_", "MOLTBOOK_")) or name in ("HOME", "TMPDIR"):
            try:
                value.encode()
            except UnicodeEncodeError:
                shown = os.fsencode(value).decode(errors="replace")
                raise SettingsError(f"{name} is not UTF-8 text: {shown}", hint=f"set {name} to one that is") from None
    return env


def _home(env: Mapping[str, str]) -> Path | None:
    """The home folder; None for a user without a name in an environment without HOME, as in some containers."""
    try:
        return Path(env.get("HOME") or Path.home())
    except RuntimeError:
        return None


def _path_in(variable: str, env: Mapping[str, str]) -> Path | None:
    """The path in a variable; None if it is unset or empty."""
    text = env.get(variable, "")
    if "://" in text:
        raise SettingsError(
            f"{variable} takes a path, and holds a URL", hint="RETAKE_FLOW_STORE takes that of a database"
        )
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:
        raise SettingsError(
            f"{variable} is {text!r}, and there is no such home folder", hint="write an absolute path"
        ) from None


def _store(env: Mapping[str, str]) -> str:
    """The path or the URL of the store; "" when none is named."""
    text = env.get("RETAKE_FLOW_STORE", "").strip()
    return text if "://" in text else str(_path_in("RETAKE_FLOW_STORE", {"RETAKE_FLOW_STORE": text}) or "")


def _names(variable: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Names of variables, separated by white space, except those of this program."""
    names = tuple(env.get(variable, "").split())
    for name in names:
        if name.startswith("RETAKE_") or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise SettingsError(
                f"{variable} names {name!r}, which cannot be passed to a program",
                hint="name environment variables, separated by white space; none that begins with RETAKE_",
            )
    return names


def _base(env: Mapping[str, str], home: Path | None, variable: str, usual: str) -> Path | None:
    """A base folder of the XDG standard; None without its variable and without a home."""
    return Path(env[variable]) if env.get(variable) else home and home / usual


def debugging() -> bool:
    """Whether to show the traceback of a bug (`RETAKE_FLOW_DEBUG=1`)."""
    return os.environ.get("RETAKE_FLOW_DEBUG", "") not in ("", "0")


def store_place() -> str:
    """The store of this process; the environment is read again only after a relevant change."""
    return _store_place(
        tuple(map(os.environ.get, ("RETAKE_FLOW_STORE", "RETAKE_FLOW_STATE", "XDG_STATE_HOME", "HOME")))
    )


@lru_cache(maxsize=4)
def _store_place(_variables: tuple[str | None, ...]) -> str:
    return Settings.from_environment().store


def server_token(variable: str) -> str:
    """The token for one of our servers from its variable; "" if there is none.

    Raises:
        SettingsError: It can be guessed.
    """
    token = os.environ.get(variable, "").strip()
    if token and not re.fullmatch(rf"[!-~]{{{SHORTEST_TOKEN},}}", token):
        raise SettingsError(
            f"{variable} cannot be used; it takes at least {SHORTEST_TOKEN} ASCII characters without blanks"
        )
    return token


def traces_wanted() -> bool:
    """Whether the standard variables of OpenTelemetry ask for traces: they name an exporter, or where it sends to.

    Raises:
        SettingsError: They ask for an exporter that there is not.
    """
    env = os.environ
    exporter = env.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    named = exporter or env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if not named or exporter == "none" or env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    general = env.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    protocol = (env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or general).strip().lower()
    if exporter not in ("", "otlp") or protocol not in ("", "http/protobuf"):
        asked = f"{exporter or 'otlp'} {protocol}".strip()
        raise SettingsError(f"the environment asks for {asked!r}, and traces go out by otlp over http/protobuf only")
    return True


def writes_to_journal(handle: int) -> bool:
    """Whether systemd's journal reads the output of a handle."""
    status = os.fstat(handle)
    return os.environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"


def variables() -> Mapping[str, str]:
    """The environment from which inputs of flows may be read."""
    return os.environ


def program_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every program that we start: paths, language and time zone, but no secret."""
    env = os.environ if environment is None else environment
    return {name: value for name, value in env.items() if re.fullmatch(_INHERITED, name)}


def equip_libraries() -> None:
    """Make libraries that read the environment themselves use the same proxies and certificates as we do.

    This machine is reached without a proxy, and the file in `SSL_CERT_FILE` also applies to requests.
    """
    env = os.environ
    if any(name.upper() in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for name in env):
        name = "NO_PROXY" if "NO_PROXY" in env and "no_proxy" not in env else "no_proxy"
        spared = [each for each in (env.get(name, ""), *_LOOPBACK) if each]
        env[name] = ",".join(dict.fromkeys(",".join(spared).split(",")))
    named = env.get("SSL_CERT_FILE") or env.get("SSL_CERT_DIR")
    if named and not (env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")):
        env["REQUESTS_CA_BUNDLE"] = named
