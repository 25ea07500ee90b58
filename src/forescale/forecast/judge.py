"""Which candidate is believed, and how far: online selection and online conformal calibration.

Calibration. Each candidate's quantile at level p is read off its own distribution at another level,
which is moved up a little whenever the outcome was above it and down a very little whenever it was
not: adaptive conformal inference (Gibbs and Candès, NeurIPS 2021), here in standard normal scores.
In the long run the share of outcomes at or below it is p, however the load drifts, as long as the model
is off by no more than `_FURTHEST`; upper and lower levels move on their own.

Selection. Candidates stand on a ladder, the simplest first. All are scored on the live past by the
pinball loss of what they would have said. One is believed once it has been better than the one that
is, by a margin, over a day; and no longer from the moment on at which it fails badly, which takes
minutes to see.
"""

from statistics import NormalDist

import numpy as np

from forescale.forecast.base import LEVELS
from forescale.series.regular import Floats, Ints

BETTER = 0.97
"""A candidate must lose less than this share of what the believed one loses."""

FAILING = 2.0
"""Losing this many times as much as another, and as usual, over some minutes ends the belief at once."""

_LEVELS = np.array(LEVELS)
_SCORES = np.array([NormalDist().inv_cdf(p) for p in LEVELS])
_RATE = 0.03  # of a standard normal score, for an outcome above its quantile
_FURTHEST = 1.0  # scores by which a level is moved at most: a day of chaos must not be paid for in months
_SLOW, _FAST = 1440, 20  # steps in which losses are forgotten to 1/e
_ENOUGH = 360  # outcomes after which a candidate can be believed


class Judge:
    """Of `candidates` forecasts at a time, made for the next `horizon` steps; knows only what it was told."""

    def __init__(self, candidates: int, horizon: int) -> None:
        self.believed = 0
        self._moved = np.zeros((candidates, len(LEVELS)))
        self._said = np.full((horizon, candidates, len(LEVELS)), np.nan)
        self._slow, self._fast = np.zeros(candidates), np.zeros(candidates)
        self._count = np.zeros(candidates)
        self._each = np.arange(candidates)[:, None]
        self._step = 0

    def advance(self, rows: Floats, outcome: float) -> Floats:
        """A step has passed. Calibrated quantiles, shape (candidates, len(LEVELS)).

        `rows` holds what the candidates say now (NaN where nothing), `outcome` the maximum of the
        last `horizon` steps (NaN where unknown), which is what they spoke of `horizon` steps ago.
        """
        place = self._step % len(self._said)
        if not np.isnan(outcome):
            self._learn(self._said[place], outcome)
        self._step += 1
        self._said[place] = said = self._calibrated(rows)
        self._choose(~np.isnan(said[:, 0]))
        return said

    @property
    def losses(self) -> Floats:
        """Recent mean pinball loss of each candidate, in the signal's unit; NaN before any."""
        return np.where(self._count > 0, self._slow / np.maximum(self._weights(_SLOW), 1e-12), np.nan)

    def _learn(self, said: Floats, outcome: float) -> None:
        heard = ~np.isnan(said[:, 0])
        spoke = slice(None) if heard.all() else heard  # a slice is much quicker
        above = outcome - said[spoke]
        self._moved[spoke] += _RATE * (_LEVELS - (above <= 0))
        self._moved = np.minimum(np.maximum(self._moved, -_FURTHEST), _FURTHEST)
        loss = np.maximum(_LEVELS * above, (_LEVELS - 1) * above).mean(axis=1)
        self._slow[spoke] += loss - self._slow[spoke] / _SLOW
        self._fast[spoke] += loss - self._fast[spoke] / _FAST
        self._count[spoke] += 1

    def _calibrated(self, rows: Floats) -> Floats:
        """Each row read at its moved levels: linear in normal scores, beyond the outer levels as well."""
        scores = np.maximum.accumulate(_SCORES + self._moved, axis=1)
        place = np.minimum(np.maximum(_SCORES.searchsorted(scores) - 1, 0), len(LEVELS) - 2)
        low, high = rows[self._each, place], rows[self._each, place + 1]
        share = (scores - _SCORES[place]) / (_SCORES[place + 1] - _SCORES[place])
        return np.maximum.accumulate(low + share * (high - low), axis=1)

    def _choose(self, speaks: Ints) -> None:
        """Believe the best, with hysteresis; never one that is silent while another speaks."""
        if not np.any(speaks):
            return
        slow, fast = self.losses, self._fast / np.maximum(self._weights(_FAST), 1e-12)
        fit = speaks & (self._count >= _ENOUGH)
        if not speaks[self.believed]:
            self.believed = int(np.flatnonzero(fit if np.any(fit) else speaks)[0])
        now = self.believed
        sound = fit & ~((fast > FAILING * np.min(fast[fit], initial=np.inf)) & (fast > FAILING * slow))
        if fit[now] and not sound[now] and np.any(sound):
            self.believed = int(min(np.flatnonzero(sound), key=lambda i: slow[i]))
            return
        better = [i for i in np.flatnonzero(sound) if slow[i] < BETTER * slow[now] or not fit[now]]
        if better:
            self.believed = int(min(better, key=lambda i: slow[i]))

    def _weights(self, memory: int) -> Floats:
        """What the sums of losses are to be divided by."""
        return memory * (1 - (1 - 1 / memory) ** self._count)
