"""Slowing down an API that has asked for it, without a call and without blaming the target."""

from collections.abc import Callable
from threading import Lock

from forescale.model.errors import Throttled

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class Limiter:
    """Pauses an API for 1 s after a throttle, twice as long after each further one, up to 60 s.

    A call that succeeds halves the next pause: the rate is found from both sides. Between
    pauses nothing is held back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = Lock()
        self._pauses: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def check(self, api: str) -> None:
        """Raise `Throttled`, saying for how long, while the API is paused."""
        left = self._until.get(api, 0.0) - self._now()
        if left > 0:
            # The same text each time, so that evaluations that say it fold in the ledger.
            raise Throttled(f"{api} asked for fewer calls: paused for a while", after=left)

    def throttled(self, api: str) -> float:
        """Note a throttle; how many seconds the API is paused for."""
        with self._lock:
            pause = min(2 * self._pauses.get(api, FIRST_PAUSE / 2), LONGEST_PAUSE)
            self._pauses[api] = pause
            self._until[api] = self._now() + pause
            return pause

    def succeeded(self, api: str) -> None:
        """Note a call that went through."""
        if api not in self._pauses:
            return
        with self._lock:
            self._pauses[api] = self._pauses[api] / 2
            if self._pauses[api] < FIRST_PAUSE / 2:
                del self._pauses[api]
