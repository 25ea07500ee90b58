"""A process that trains one job: `python -m forescale.runtime.forecasting_worker`.

The job comes on standard input, after its length in 8 bytes; the answer goes to standard output.
The input stays open for as long as the parent lives, so that a worker whose parent was killed ends.
"""

import os
import pickle
import sys
from threading import Thread

NICE = 10
"""Whoever evaluates targets goes first."""


def main() -> None:
    """Do the job that is handed in."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    answer = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not get into the answer
    size = int.from_bytes(_read(8), "big")
    job = pickle.loads(_read(size))  # noqa: S301 - the parent has written it
    Thread(target=_end_with_parent, daemon=True).start()

    from forescale.runtime.forecasting_jobs import do_packed

    data = memoryview(do_packed(job))
    while data:
        data = data[os.write(answer, data) :]
    sys.stderr.flush()
    os._exit(0)  # a thread still waits for the parent


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            os._exit(1)
        data += part
    return data


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
