#!/bin/sh
# Make the virtual environment: venv.sh PYTHON DIRECTORY.
# A fresh Debian or Ubuntu has python3 without its venv module, or no python3 at all: install it
# where we may, else say what to install.
set -eu
python=$1 directory=$2

need() {
    if [ "$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo=sudo; else
        echo "forescale needs Python 3.11 or newer with venv: sudo apt-get install python3-venv" >&2
        exit 1
    fi
    command -v apt-get >/dev/null || { echo "forescale needs Python 3.11 or newer with venv" >&2; exit 1; }
    echo "installing python3-venv ..." >&2
    $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
}

command -v "$python" >/dev/null || need
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "forescale needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." >&2
    echo "Name another one: make PYTHON=python3.12 ..." >&2
    exit 1
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || need
[ -x "$directory/bin/pip" ] || "$python" -m venv --clear "$directory"
