"""Who holds a lease: this process, under a name that says whether it is still alive."""

import os
import secrets
import socket
from functools import cache
from hashlib import sha256
from pathlib import Path


def holder() -> str:
    """A name for this process in the ledger, and for no other one: host, machine, number, chance."""
    return f"{socket.gethostname()}:{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"


def gone(name: str) -> bool:
    """Whether that process ran on this very machine, and runs no more.

    Then its leases need not be waited for. In doubt it is alive: another host, another
    container with numbers of its own, a number that has been given to somebody else.
    """
    host, machine, number = [*name.split(":"), "", "", ""][:3]
    if (host, machine) != (socket.gethostname(), _machine()) or not number.isdigit():
        return False
    return int(number) == os.getpid() or not _alive(int(number))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, so it is there
        return True
    return not _defunct(pid)


def _defunct(pid: int) -> bool:
    """It was killed, and its parent has not asked how it ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])


@cache
def _machine() -> str:
    """This boot of the machine, and the set of process numbers, which a container may have of its own."""
    parts = [_read("/proc/sys/kernel/random/boot_id"), _link("/proc/self/ns/pid")]
    return sha256("".join(parts).encode()).hexdigest()[:8]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # not Linux: the host's name has to do
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - it leads nowhere, its text is what counts
    except OSError:
        return ""
