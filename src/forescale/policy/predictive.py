"""Capacity ahead of demand, at the least cost that keeps a stated budget of violations."""

from collections.abc import Mapping
from functools import cached_property
from math import ceil, isfinite, log
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from forescale.forecast.base import LEVELS, MEDIAN
from forescale.forecast.newsvendor import PRICES, capacities
from forescale.forecast.rehearsal import PLAIN, WAYS, move_one
from forescale.model.decision import Observation, Proposal, Reason
from forescale.model.forecast import Forecast, NotReady
from forescale.model.settings import Duration, Ratio, Settings, format_duration, parse_ratio
from forescale.policy.base import MOST, PolicySettings
from forescale.policy.protection import Choice, Status, capacity, choose, choose_against, corrected, price
from forescale.policy.target_tracking import TargetTracking
from forescale.series.regular import Floats

STATUS_QUO = "status-quo"
"""The name of the arm that does what was done before, and of the budget that is no more than it violates."""

_HIGH = LEVELS.index(0.99)
_LOG_PRICES = np.log(PRICES)
_LARGEST = 0.5  # of budgets: with half of all requests violated nobody asks for a budget
_LONGEST = max(way.hold for way in WAYS)


def parse_budget(value: object) -> object:
    """A share of requests (`1%` or 0.01), `status-quo`, or nothing."""
    if value in (None, STATUS_QUO):
        return value
    if isinstance(value, str) and "%" not in value:
        raise ValueError(f"{value!r} is not a budget: write for example 1% or {STATUS_QUO}")
    budget = parse_ratio(value)
    if not 0 < budget <= _LARGEST:
        raise ValueError(f"budget must be above 0% and at most {_LARGEST:.0%}, not {budget * 100:g}%")
    return budget


Budget = Annotated[
    Literal["status-quo"] | float | None,
    BeforeValidator(parse_budget),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": STATUS_QUO},
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": _LARGEST},
                {"type": "null"},
            ],
            "examples": ["1%", STATUS_QUO],
        }
    ),
]


class StatusQuo(Settings):
    """The strategy that runs in the shadow: target tracking as a cloud does it."""

    target: Ratio = Field(default=0.6, gt=0)
    """The utilisation that it keeps."""


class Predictive(PolicySettings):
    """Buy capacity for the next lead time where it is worth its cost.

    One of `budget`, `quantile` and `violation_cost` says what a violation is worth. Without a
    fresh forecast, the status quo's target tracking decides.
    """

    type: Literal["predictive"] = "predictive"
    budget: Budget = None
    """The share of requests that may meet too little capacity (`1%`), or `status-quo`: no more than
    target tracking would violate, and cheaper. 1% where nothing else is said."""
    quantile: Ratio | None = Field(default=None, gt=0, lt=1)
    """Instead: always enough for this quantile of demand's maximum over the lead time."""
    violation_cost: float | None = Field(default=None, gt=0)
    """Instead: what a violated request costs, as a multiple of what serving it costs."""
    headroom: float = Field(default=0.0, ge=0, le=10)
    """Capacity above what the forecast asks for, as a share of it (0.1: a tenth more)."""
    status_quo: StatusQuo = StatusQuo()
    """What runs in the shadow, to compare with; it also decides while there is no forecast."""
    plan_age: Duration = Field(default=600.0, ge=60)
    """For so long the last forecast is acted on; then target tracking decides."""

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        given = [n for n in ("budget", "quantile", "violation_cost") if getattr(self, n) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are two aims: give one")
        return self

    @property
    def forecasts(self) -> bool:
        """It does."""
        return True

    @property
    def lookback(self) -> float:
        """That of what decides without a forecast."""
        return self._reactive.lookback

    @property
    def arms(self) -> Mapping[str, tuple[PolicySettings, ...]]:
        """The status quo: how often it acts is the most that this policy may."""
        return {STATUS_QUO: (self._reactive,)}

    @cached_property
    def _reactive(self) -> TargetTracking:
        return TargetTracking(name=self.label, priority=self.priority, target=self.status_quo.target)

    def propose(self, obs: Observation, forecast: Forecast | NotReady) -> Proposal:
        """What the forecast is worth; target tracking where there is none."""
        if isinstance(forecast, NotReady):
            return self._without(obs, forecast.missing)
        age = obs.time - forecast.time
        if age > self.plan_age:
            return self._without(obs, f"the forecast is {format_duration(round(age))} old")
        row = _row(forecast)
        if row is None:
            return self._without(obs, "it has no quantiles that are numbers")
        plan = _Plan(self, obs, forecast, row * ((1 + self.headroom) / obs.carried))
        desired, why = max(plan.wanted, plan.floor), plan.why
        if obs.demand is None:
            desired, why = max(desired, obs.fleet.desired), f"demand is absent or stale, so no fewer; {why}"
        proposal = self.prefer(desired, why)
        return Proposal(
            proposal.policy,
            desired=proposal.desired,
            priority=proposal.priority,
            blind=obs.demand is None,
            reasons=proposal.reasons,
            memo=plan.memo,
        )

    def _without(self, obs: Observation, why: str) -> Proposal:
        proposal = self._reactive.propose(obs, NotReady(why))
        first, *rest = proposal.reasons
        text = f"no forecast ({why}); target tracking at {self.status_quo.target:.0%}: {first.text}"
        return Proposal(
            proposal.policy,
            desired=proposal.desired,
            priority=proposal.priority,
            blind=proposal.blind,
            reasons=(Reason(first.rule, text), *rest),
        )


class _Plan:
    """One forecast, turned into a capacity; once for each forecast, told again in between.

    The memo holds the forecast's time, what was wanted, the regret, the manner, the capacity
    there was, and the capacities asked for by the last forecasts, newest first.
    """

    def __init__(self, policy: Predictive, obs: Observation, forecast: Forecast, row: Floats) -> None:
        ample = (1 + policy.headroom) / obs.carried
        self.floor = ceil(obs.demand * ample - 1e-9) if obs.demand is not None else 0
        memo, current = obs.memos.get(policy.label, ()), obs.fleet.desired
        if memo and memo[0] == forecast.time:
            self.memo, self.wanted, best = memo, int(memo[1]), int(memo[5])
            self.why = self._text(policy, obs, forecast, row, best)
            return
        choice, best, stage = self._asked(policy, obs, forecast, row, int(memo[3]) if memo else None)
        way = WAYS[choice.manner]
        recent = (float(best), *memo[5 : 5 + _LONGEST])
        held = int(max(recent[: way.hold + 1]))
        before = _regret(memo, current)
        if policy.quantile is not None and best > current:
            self.wanted, after = best, 0.0  # always enough for it, whatever that is worth
        else:
            self.wanted, after = move_one(current, best, held, before, row, way, stage)
        if self.wanted != current:  # in case it is not done: see `_regret`
            after = max(before, way.urgency if self.wanted > current else way.patience)
        self.memo = (
            forecast.time,
            float(self.wanted),
            round(after, 3),
            float(choice.manner),
            float(current),
            *recent,
        )
        self.why = self._text(policy, obs, forecast, row, best)

    def _asked(
        self, policy: Predictive, obs: Observation, forecast: Forecast, row: Floats, last: int | None
    ) -> tuple[Choice, int, tuple[float, float]]:
        """The choice, the capacity that it asks for, and the price of a violation with its headroom."""
        if policy.quantile is not None:
            best = ceil(float(np.interp(policy.quantile, LEVELS, row)) - 1e-9)
            return Choice(PLAIN, 0.0), max(best, 1), (0.0, 1.0)
        if policy.violation_cost is not None:
            stage = float(np.interp(log(policy.violation_cost), _LOG_PRICES, np.arange(len(PRICES))))
            choice = Choice(PLAIN, stage)
        else:
            choice = self._budgeted(policy, obs, forecast, last)
        return choice, capacity(capacities(row).tolist(), choice.stage), price(choice.stage)

    @staticmethod
    def _budgeted(policy: Predictive, obs: Observation, forecast: Forecast, last: int | None) -> Choice:
        """What keeps the budget; the middle of the stages until something has been rehearsed."""
        frontier, own, tally = forecast.frontier, obs.tally.recent, obs.arms.get(STATUS_QUO)
        if frontier is None or frontier.steps < 60:
            return Choice(PLAIN, 0.6 * len(PRICES))
        if policy.budget == STATUS_QUO and tally is not None and tally.recent.minutes > 0:
            return choose_against(frontier, own, Status(tally.recent, tally.actions), last)
        budget = policy.budget if isinstance(policy.budget, float) else 0.01
        limit = tally.actions if tally is not None and tally.recent.minutes > 1440 else None
        return choose(frontier, corrected(budget, own), limit, last)

    def _text(self, policy: Predictive, obs: Observation, forecast: Forecast, row: Floats, best: int) -> str:
        middle, high = float(row[MEDIAN]), float(row[_HIGH])
        text = (
            f"{forecast.model}: demand up to {middle:.1f} within {format_duration(forecast.horizon)}, "
            f"in 1 of 100 cases above {high:.1f}"
        )
        if policy.quantile is None and policy.violation_cost is None:
            text += f"; violated of late {obs.tally.recent.violations:.2%}"
        if self.wanted != best and self.wanted == obs.fleet.desired:
            return f"{text}; {best} would do, not yet worth an action"
        return f"{text}; so {self.wanted}"


def _regret(memo: tuple[float, ...], current: int) -> float:
    """What staying has cost so far. A move that a guard held back (a cooldown, say) is still worth it."""
    if not memo:
        return 0.0
    _, wanted, regret, _, capacity, *_ = memo
    return 0.0 if wanted != capacity and current != capacity else regret


def _row(forecast: Forecast) -> Floats | None:
    """Its quantiles at `LEVELS`, ascending, between those it has; None where it has none."""
    levels, values = zip(*forecast.quantiles, strict=True) if forecast.quantiles else ((), ())
    if not values or not all(map(isfinite, values)):
        return None
    row = np.array(values, dtype=np.float64)
    if levels != LEVELS:
        row = np.interp(LEVELS, levels, row)
    return np.maximum.accumulate(np.minimum(np.maximum(row, 0.0), MOST))
