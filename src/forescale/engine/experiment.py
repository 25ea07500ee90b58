"""An A/B test on a live target: who decides when, what each slice has shown, and when to stop.

Who decides is a pure function of the seed, the experiment's name and the number of the slice; so
a replay finds the same. In every slice the control runs in the shadow as well, on the same demand: a
slice counts by how its own figures compare with that, which takes the weather out of them.
(A regression adjustment by a covariate that the treatment cannot touch, with its coefficient fixed at
1: A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the sensitivity of online controlled
experiments by utilizing pre-experiment data", WSDM 2013.)
"""

from collections.abc import Iterable, Iterator, Mapping
from random import Random

import msgspec

from forescale.engine.experiment_settings import Experiment
from forescale.engine.sequential import interval
from forescale.engine.settings import CONTROL, TargetSettings
from forescale.model.decision import Reason
from forescale.model.effect import Notice
from forescale.model.state import Arm, State
from forescale.model.tally import Sums, Tally
from forescale.model.trial import Slice, Trial

replace = msgspec.structs.replace

_ENOUGH = 0.5  # of a slice's minutes must be known for it to count


def in_force(state: State, cfg: TargetSettings) -> TargetSettings:
    """The settings of whoever decides now."""
    return cfg.treated if state.trial is not None and state.trial.treated else cfg


def is_treated(settings: Experiment, target: str, index: int) -> bool:
    """Whether the treatment decides in a slice: by lot, once in each pair of slices or of targets."""
    if settings.matched_with is None:
        return (index % 2 == 0) == _lot(settings, str(index // 2))
    first, second = sorted((target, settings.matched_with))
    return (target == first) == _lot(settings, f"{first} {second}")


def _lot(settings: Experiment, of: str) -> bool:
    lots = Random(f"{settings.seed} {settings.name} {of}")  # noqa: S311 - lots, no secrets
    return lots.random() < 0.5


def advance(
    state: State, tally: Tally, arms: Mapping[str, Arm], now: float, cfg: TargetSettings
) -> tuple[Trial | None, tuple[Notice, ...]]:
    """The experiment at an observation, and what people should be told of it.

    `tally` and `arms` are those of now, `state` holds everything else.
    """
    settings, trial = cfg.experiment, state.trial
    if settings is None or CONTROL not in arms:
        return None, ()
    if trial is None or trial.name != settings.name:
        trial = Trial(settings.name, now)
    if trial.ended:
        return trial, ()
    before = trial.slices
    live, shadow = tally.total, arms[CONTROL].tally.total
    index = int(now // settings.slice)
    if index != trial.index:
        closed = _close(trial, live, shadow, settings, cfg) if index > trial.index else trial
        trial = _next(closed, state, index, now, settings, cfg)
    else:
        trial = _within(trial, state, live, shadow, now, settings, cfg)
    why = _over(trial, live, shadow, now, settings)
    if not why and trial.slices is not before:
        why = _harmed(trial, settings)
    if not why:
        return trial, ()
    text = f"experiment {trial.name} has ended: {why}; the control decides from now on"
    trial = replace(trial, treated=False, whole=False, live=None, shadow=None, ended=why)
    return trial, (Notice(state.target, now, "experiment", text),)


def reasons(trial: Trial) -> tuple[Reason, ...]:
    """Who decides, for the decision."""
    if trial.ended:
        return ()
    who = "treatment" if trial.treated else "control"
    return (Reason("experiment", f"{trial.name}: {who} decides in slice {trial.index}"),)


def _washout(state: State, settings: Experiment, cfg: TargetSettings) -> float:
    fleet = state.fleet
    lead = fleet.lead_time.seconds if fleet is not None and fleet.lead_time is not None else cfg.lead_time
    return float(min(lead + settings.settle, settings.slice / 2))


def _next(
    trial: Trial, state: State, index: int, now: float, settings: Experiment, cfg: TargetSettings
) -> Trial:
    """A slice begins. One that is come upon half-way does not count."""
    late = now - index * settings.slice > _washout(state, settings, cfg)
    return replace(
        trial,
        index=index,
        treated=is_treated(settings, state.target, index),
        whole=not late,
        live=None,
        shadow=None,
    )


def _within(
    trial: Trial,
    state: State,
    live: Sums,
    shadow: Sums,
    now: float,
    settings: Experiment,
    cfg: TargetSettings,
) -> Trial:
    """A slice goes on: it counts from the end of the washout, unless somebody else decides."""
    if not trial.whole:
        return trial
    if state.override is not None or state.pause is not None or state.idle is not None:
        return replace(trial, whole=False)
    if trial.live is None and now - trial.index * settings.slice >= _washout(state, settings, cfg):
        return replace(trial, live=live, shadow=shadow)
    return trial


def _close(trial: Trial, live: Sums, shadow: Sums, settings: Experiment, cfg: TargetSettings) -> Trial:
    """A slice is over: what it has shown, where it counts."""
    if not trial.whole or trial.live is None or trial.shadow is None:
        return trial
    own, other = live.since(trial.live), shadow.since(trial.shadow)
    if trial.slices and trial.slices[-1].index >= trial.index:
        return trial  # the clock went back: it has been counted
    least = _ENOUGH * (settings.slice - settings.settle - cfg.lead_time) / 60
    if own.cost is None or not other.cost or own.minutes < least:
        return trial
    # Rounded, so that the state stays small.
    found = Slice(
        trial.index,
        trial.treated,
        round(own.cost / other.cost, 6),
        round(own.violations - other.violations, 6),
    )
    totals = (
        {"treatment": trial.treatment.plus(own)} if trial.treated else {"control": trial.control.plus(own)}
    )
    return replace(trial, slices=(*trial.slices, found), **totals)


def _over(trial: Trial, live: Sums, shadow: Sums, now: float, settings: Experiment) -> str:
    """Why the experiment is to end now; empty where it is not."""
    if now - trial.began >= settings.lasts:
        return "its time is over"
    if trial.treated and trial.live is not None and trial.shadow is not None:
        own, other = live.since(trial.live), shadow.since(trial.shadow)
        # Of the requests of a whole slice: else a burst of some minutes would do early in one.
        more = (own.violations - other.violations) * own.minutes * 60 / settings.slice
        if more > settings.harm.at_once:
            return f"in one slice the treatment violated {_percent(more)} more than the control would have"
    return ""


def _harmed(trial: Trial, settings: Experiment) -> str:
    """What the slices so far have shown of harm; empty where that is not enough."""
    found = interval(harms(trial.slices, settings), 2 * settings.alpha, settings.harm.violations / 10)
    if found.low is not None and found.low > settings.harm.violations:
        return f"the treatment violates at least {_percent(found.low)} more ({found.n} comparisons)"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def harms(slices: Iterable[Slice], settings: Experiment) -> list[float]:
    """How much more the treatment violated, comparison by comparison."""
    if settings.matched_with is not None:
        return [found.violations for found in slices if found.treated]
    return [treated.violations - control.violations for treated, control in pairs(slices)]


def pairs(slices: Iterable[Slice]) -> Iterator[tuple[Slice, Slice]]:
    """The treated and the untreated slice of each pair that is complete."""
    before: Slice | None = None
    for found in slices:
        if before is not None and before.index // 2 == found.index // 2:
            yield (found, before) if found.treated else (before, found)
        before = found
