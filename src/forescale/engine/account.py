"""Counting what a target costs and how well it serves, as its demand becomes known."""

from collections.abc import Sequence

from forescale.engine.settings import TargetSettings
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Load
from forescale.model.state import State
from forescale.model.tally import Tally, begin, is_violated


def account(state: State, news: FleetStatus | None, now: float, cfg: TargetSettings) -> Tally:
    """The tally of a target at an observation: with the buckets that are complete, each once."""
    tally, fleet = state.tally, news or state.fleet
    if tally.until is None:
        if fleet is None:
            return tally
        tally = begin(_instances(fleet), now, cfg.period)
    return count(tally, tally.rate if news is None else _instances(news), state.loads, now, cfg)


def count(tally: Tally, rate: float, loads: Sequence[Load], now: float, cfg: TargetSettings) -> Tally:
    """The tally with the buckets of known demand that were not counted and have ended.

    From now on, `rate` instances are billed.
    """
    period, carried = cfg.period, cfg.carried
    requests = violated = seconds = 0.0
    counted = since = now if tally.counted is None else tally.counted
    for load in reversed(loads):
        if load.time < since:
            break
        demand, end = load.demand, load.time + period
        if demand is None or end > now:
            continue
        requests += demand * period
        seconds += period
        if is_violated(demand, load.serving * carried):
            violated += demand * period
        if end > counted:
            counted = end
    if not seconds and rate == tally.rate:
        return tally  # most evaluations tell nothing new
    return tally.add(rate, now, requests, violated, seconds, counted)


def billing(desired: int, fleet: FleetStatus | None) -> float:
    """Instances billed once a capacity has been asked for."""
    return float(desired + (fleet.draining + fleet.standby if fleet is not None else 0))


def _instances(fleet: FleetStatus) -> float:
    return float(fleet.in_service + fleet.pending + fleet.draining + fleet.standby)
