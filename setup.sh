#!/bin/sh
# Sets up a virtual environment with retake-flow and its development tools, and the programs a stream needs, or speaks with.
# System packages are installed by apt when this runs as root; otherwise the exact command is named.
# `sh setup.sh VENV tests` also gets the server that the tests of the store start for themselves, and what sets a clock for
# a process alone.
set -eu
venv=${1:-.venv}
purpose=${2:-}

packages=
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
need python3 python3
need Xvfb xvfb
need openbox openbox
need xterm xterm
need ffmpeg ffmpeg
need scrot scrot
need dot graphviz
need curl curl
# Some font for the letters on stream: fontconfig brings one along, unless its package was held back.
if command -v fc-list >/dev/null 2>&1 && [ -z "$(fc-list : family)" ]; then
    packages="$packages fonts-dejavu-core"
fi
[ "$purpose" != tests ] || need openssl openssl
if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
else
    packages="$packages python3-venv"
fi

# Only its programs: without this Debian's package would also make a cluster and start it.
no_cluster() {
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/no-main-cluster.conf
}
if [ "$purpose" = tests ] && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        no_cluster
        packages="$packages postgresql"
    else
        echo "PostgreSQL is not installed, so the tests that need it are skipped: sudo apt install postgresql" >&2
    fi
fi
if [ "$purpose" = tests ] && ! command -v faketime >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        packages="$packages faketime"
    else
        echo "libfaketime is not installed, so the tests that set the clock are skipped: sudo apt install faketime" >&2
    fi
fi

# A stream goes on without these: silent, without pages and films, and with boxes in place of some letters.
optional=
want() { command -v "$1" >/dev/null 2>&1 || optional="$optional $2"; }
want pulseaudio pulseaudio
want paplay pulseaudio-utils
want espeak-ng espeak-ng
want mpv mpv
want chromium chromium
# A letter (in hexadecimal), and the fonts that have it: Arabic, Hebrew, Devanagari; Chinese; an emoji.
want_letter() {
    command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list ":charset=$1" family)" ] && return
    case "$optional" in *"$2"*) ;; *) optional="$optional $2" ;; esac
}
want_letter 634 fonts-noto-core
want_letter 5e9 fonts-noto-core
want_letter 915 fonts-noto-core
want_letter 8bed fonts-noto-cjk
want_letter 1fae0 fonts-noto-color-emoji
if [ -n "$optional" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        packages="$packages$optional"
    else
        echo "A stream speaks, shows pages and films, and has letters of all scripts with: sudo apt install$optional" >&2
    fi
fi

if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    else
        echo "Some programs are missing. Install them, then run this again:" >&2
        echo "    sudo apt install$packages" >&2
        exit 6
    fi
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "retake-flow needs Python 3.11 or newer; python3 is $(python3 --version 2>&1)" >&2
    exit 6
}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[dev]'

# What ships is checked once on this machine; later checks of the same flows only look that nothing has changed.
"$venv/bin/retake-flow" check go-live.yaml verify.yaml register.yaml heartbeat.yaml raid.yaml discover.yaml >/dev/null
