#!/bin/sh
# Install the MariaDB, PostgreSQL and Prometheus servers that the tests start themselves, and the
# library that LightGBM needs.
#
# Only the programs are wanted: no system service is started, and a server that already runs
# is left alone. Safe to run again. Where nothing can be installed this says so and succeeds:
# the tests then skip those servers (and fail on CI).
set -u

say() { printf 'servers: %s\n' "$*"; }
warn() { printf '\nservers: *** %s ***\n\n' "$*" >&2; }

has_mariadb() { command -v mariadbd >/dev/null 2>&1 || [ -x /usr/sbin/mariadbd ]; }
has_postgres() {
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] && return 0
    done
    command -v initdb >/dev/null 2>&1
}
has_prometheus() { command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1; }
has_openmp() { ldconfig -p 2>/dev/null | grep -q 'libgomp\.so\.1'; }
has_all() { has_mariadb && has_postgres && has_prometheus && has_openmp; }

missing=""
has_mariadb || missing="$missing mariadb-server"
has_postgres || missing="$missing postgresql"
has_prometheus || missing="$missing prometheus"
has_openmp || missing="$missing libgomp1"
if [ -z "$missing" ]; then
    say "MariaDB, PostgreSQL, Prometheus and libgomp are there"
    exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
    warn "no apt-get here: install these yourself to test with them:$missing"
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    warn "neither root nor password-less sudo: not installed, so not tested with:$missing"
    exit 0
fi

# Debian starts a service as soon as it is installed, unless this file forbids it.
policy=/usr/sbin/policy-rc.d
ours=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null &&
        $as_root chmod 755 "$policy" && ours=yes
fi
clean_up() { [ -z "$ours" ] || $as_root rm -f "$policy"; }
trap clean_up EXIT
trap 'exit 130' INT TERM

install() {
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "$@" </dev/null
}

say "installing$missing"
# shellcheck disable=SC2086 # several packages
install $missing >/dev/null 2>&1 || {
    $as_root apt-get update -q </dev/null
    for package in $missing; do # one by one, so that one that fails does not take the other along
        install "$package" || warn "could not install $package"
    done
}

has_mariadb || warn "no MariaDB: the ledger is not tested on it"
has_postgres || warn "no PostgreSQL: the ledger is not tested on it"
has_prometheus || warn "no Prometheus: reading history from it is not tested"
if has_all; then say "MariaDB, PostgreSQL, Prometheus and libgomp are there"; fi
exit 0
