"""Chromium: its command line, its user, and the temporary folder that holds its profile."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from retake_flow.studio import programs, unprivileged
from retake_flow.studio.browser.source import AllowedHosts
from retake_flow.studio.display import Authority
from retake_flow.studio.layout import BACKDROP, Area
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.studio.windows.arrangement import CONCEALED
from retake_flow.studio.work_folder import work_folder

PROGRAM: Final = "chromium"
#: The window's first page.
_EMPTY_PAGE: Final = f"data:text/html,<body style=background:%23{BACKDROP:06x}>"

#: Files that give the window the colour of the display until a page is painted; otherwise it is as light as the theme
#: of a desktop.
_STYLE: Final = f"""\
@define-color theme_bg_color #{BACKDROP:06x};
@define-color window_bg_color #{BACKDROP:06x};
.background, window, * {{ background: #{BACKDROP:06x}; background-color: #{BACKDROP:06x}; }}
"""
_APPEARANCE: Final = {
    "gtk-3.0/gtk.css": _STYLE,
    "gtk-4.0/gtk.css": _STYLE,
    "profile/Default/Preferences": '{"extensions": {"theme": {"system_theme": 1}}}',  # that of GTK
}

# The shell makes descriptors 3 and 4, where Chromium expects the protocol, out of its standard input and output.
_PIPES: Final = ("sh", "-c", 'exec "$@" 3<&0 4>&1 0</dev/null 1>&2', "sh")

_SWITCHES: Final = (
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--test-type",  # no bar that warns of unusual options
    "--noerrdialogs",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--autoplay-policy=no-user-gesture-required",
    # It always shows, whatever the display says about its window.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # Nobody can answer a prompt, and nothing may cover the page.
    "--deny-permission-prompts",
    "--block-new-web-contents",
    "--disable-print-preview",
    "--disable-infobars",
    "--disable-extensions",
    "--disable-default-apps",
    # No requests of Chromium's own.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--metrics-recording-only",
    "--disable-features=Translate,MediaRouter,DialMediaRouteProvider,OptimizationHints,AutofillServerCommunication,"
    # Hosts of this network are among those that `allow` may name.
    "GlobalMediaControls,SpareRendererForSitePerProcess,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
    # Only proxied UDP, and there is no proxy: a page's WebRTC calls are not connected.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    # No keyring of the desktop, and no shared memory that others may see.
    "--password-store=basic",
    "--use-mock-keychain",
    "--disable-dev-shm-usage",
    # The same picture at the same cost on every machine; WebGL is drawn by the processor either way.
    "--disable-gpu",
    "--log-level=2",
)


@contextmanager
def browser_folder() -> Iterator[Path]:
    """A temporary folder for a browser, its user's own; it is removed afterwards.

    Raises:
        HostError: The user of the browser cannot reach it.
    """
    with work_folder() as folder:
        unprivileged.require_reach(folder.path)
        unprivileged.let_in(folder.path)
        own = unprivileged.give(folder.ensure("browser"))
        for name, text in _APPEARANCE.items():
            _write(own, name, text)
        yield own


def specification(
    folder: Path,
    area: Area,
    hosts: AllowedHosts,
    display: Mapping[str, str],
    sound: Mapping[str, str],
    *,
    sandbox: bool = True,
) -> ProcessSpec:
    """The start of a browser with one window.

    `folder` exists, for everything that it writes, and is its user's own. `display` and `sound` are the variables that
    let it use the display and send its sound to the stream.
    """
    own = str(folder)
    return ProcessSpec(
        argv=(
            PROGRAM,
            *_SWITCHES,
            *hosts.switches,
            *(() if sandbox else ("--no-sandbox",)),
            f"--class={CONCEALED}",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-position={area.x},{area.y}",
            "--window-size=1,1",  # for a moment it lies above all others, until the manager has it
            f"--app={_EMPTY_PAGE}",  # a window without tabs and address bar
        ),
        wrapper=(*unprivileged.wrapper(), *_PIPES),
        environment={
            **display,
            **sound,
            **dict.fromkeys(("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), own),
            # Neither the desktop's bus nor one of its own.
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
        },
        fed=True,
        # What it has in hand is thrown away with its folder.
        stop_signal=signal.SIGKILL,
        grace=1.0,
        hint="`retake-flow doctor` says what a page needs",
    )


def _write(folder: Path, name: str, text: str) -> None:
    """Write a file below a folder, for the user of the browser."""
    for part in reversed(Path(name).parents[:-1]):
        (folder / part).mkdir(mode=0o700, exist_ok=True)
        unprivileged.give(folder / part)
    (folder / name).write_text(text, encoding="utf-8")
    unprivileged.give(folder / name)


def keep_authority(folder: Path, cookie: bytes) -> Path:
    """The display's cookie, in a file that the browser can read."""
    return unprivileged.give(Authority(folder / "authority", cookie).ensure_file())


def require(environment: Mapping[str, str]) -> None:
    """Make sure that a browser can be started.

    Raises:
        MissingProgram: Chromium is not installed, or as root the program that gives it another user.
    """
    programs.require(PROGRAM, environment)
    if unprivileged.user() is not None:
        programs.require("setpriv", environment)
