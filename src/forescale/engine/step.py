"""The reducer: the same code decides live, in dry run, in a backtest and in a replay."""

import msgspec

from forescale.engine.account import account, billing
from forescale.engine.evaluate import decision as decision_of
from forescale.engine.evaluate import evaluate, unseen
from forescale.engine.experiment import advance, in_force, reasons
from forescale.engine.memory import fewer, in_windows, recent_history, remember
from forescale.engine.observe import observe, under_way
from forescale.engine.settings import TargetSettings
from forescale.engine.shadow import back_to, shadow, tallies
from forescale.model.decision import Decision, Direction
from forescale.model.effect import Act, Action, Decided, Done, Effect, Notice, Outcome, Refused, Retry
from forescale.model.event import Command, Commanded, Event, Forecasted, Observed, Override, Pause, Reported
from forescale.model.fleet import FleetStatus
from forescale.model.state import Backoff, Completed, Confirmation, State
from forescale.policy.guards import highest, lowest

replace = msgspec.structs.replace

# After a refusal (no permission, a foreign write in between) look again, but not at every tick.
_REFUSED_BACKOFF = 60.0
# No adapter may put off the next try for longer than this.
_LONGEST_BACKOFF = 3600.0
# What nothing was to be done about (a dry run) is asked for again when it changes, or after so long.
_IDLE = 3600.0
# Capacity that is not there after so many lead times is late, and people are told.
_LATE = 2.0
# Events may be stamped in another order than they are handled, by less than this.
_JITTER = 1.0


def step(state: State, event: Event, cfg: TargetSettings) -> tuple[State, tuple[Effect, ...]]:
    """What happens to a target on an event: its next state, and what is to be done.

    Pure: no I/O, no clock, no randomness; equal arguments give equal results to the byte.
    An `Observed` event gives exactly one `Decided`; an `Act` comes with the state that
    already holds the action, so that writing both down before doing it survives a crash. A
    decision that says the same as one about which nothing was to be done (a dry run) asks
    for nothing.
    An action whose outcome stays unknown is asked for again, under its id, at every
    observation until it is seen to be done, has expired or is overtaken by an order.
    """
    state, notices = _on_time(state, float(event.time), cfg)
    effects: tuple[Effect, ...]
    if isinstance(event, Observed):
        state, effects = _observed(state, event, cfg)
    elif isinstance(event, Reported):
        state, effects = _reported(state, event.outcome, in_force(state, cfg))
    elif isinstance(event, Commanded):
        state, effects = _commanded(state, event.command)
    else:
        state, effects = _forecasted(state, event), ()
    return state, (*notices, *effects) if notices else effects


def _forecasted(state: State, event: Forecasted) -> State:
    forecast, last = event.forecast, state.forecast
    if forecast.frontier is None and last is not None and last.frontier is not None:
        forecast = replace(forecast, frontier=last.frontier, scores=last.scores)
    return replace(state, forecast=forecast)


def _on_time(state: State, now: float, cfg: TargetSettings) -> tuple[State, tuple[Notice, ...]]:
    """Advance the state's time; end what has expired; stand a clock that went back."""
    notices: tuple[Notice, ...] = ()
    if now < state.time:
        if state.time - now <= _JITTER:
            now = state.time
        else:
            text = (
                f"the clock went back by {state.time - now:.0f} s: cooldowns start anew, old data is dropped"
            )
            notices = (Notice(state.target, now, "clock_back", text),)
            state = _rebase(state, now, cfg)
    override = state.override if state.override and now < state.override.until else None
    pause = state.pause if state.pause and now < state.pause.until else None
    backoff = state.backoff if state.backoff and now < state.backoff.until else None
    return replace(state, time=now, override=override, pause=pause, backoff=backoff), notices


def _rebase(state: State, now: float, cfg: TargetSettings) -> State:
    """Nothing remembered may lie in the future: then no cooldown is longer than configured.

    Data that would look fresher than it is, by a bucket or more, goes. Pause and override
    end when people said, by the new clock.
    """
    backoff, shift, verifying = state.backoff, state.time - now, state.verifying
    periods = {name: signal.period for name, signal in cfg.signals.items()}
    period = periods[cfg.demand.signal] if cfg.demand else 0.0
    return replace(
        state,
        loads=state.loads if shift < period else (),
        signals={name: points for name, points in state.signals.items() if shift < periods.get(name, 0.0)},
        serving=tuple(replace(p, time=min(p.time, now)) for p in state.serving),
        wanted=tuple(replace(p, time=min(p.time, now)) for p in state.wanted),
        history=tuple(replace(c, time=min(c.time, now)) for c in state.history),
        seen=None if state.seen is None else min(state.seen, now),
        backoff=None if backoff is None else Backoff(backoff.until - shift, backoff.why),
        verifying=None if verifying is None else replace(verifying, time=min(verifying.time, now)),
        idle=None,
        tally=state.tally.back_to(now),
        arms={name: back_to(arm, now) for name, arm in state.arms.items()},
        trial=replace(state.trial, began=min(state.trial.began, now)) if state.trial else None,
        forecast=state.forecast if state.forecast and state.forecast.time <= now else None,
    )


def _observed(state: State, event: Observed, cfg: TargetSettings) -> tuple[State, tuple[Effect, ...]]:
    now = state.time
    state, notices = observe(state, event, now, cfg)
    tally, arms, trial = state.tally, state.arms, state.trial
    if cfg.demand is not None and state.fleet is not None:
        tally = account(state, event.fleet, now, cfg)
        arms = shadow(state, tally, now, cfg) if cfg.arms or arms else arms
    if cfg.experiment is not None or trial is not None:
        trial, told = advance(state, tally, arms, now, cfg)
        notices += told
    seen = now if state.seen is None else state.seen
    state = replace(state, seq=state.seq + 1, seen=seen, tally=tally, arms=arms, trial=trial)
    cfg, fleet = in_force(state, cfg), state.fleet
    if fleet is None or event.blind:
        return _unseen(state), (*notices, Decided(unseen(state, event, now)))
    state, settled = _settle(state, fleet, now, cfg)
    if (wanted := in_windows(state.wanted, fleet, now, cfg)) is not state.wanted:
        state = replace(state, wanted=wanted)
    found = evaluate(state, fleet, now, cfg, tallies(arms))
    who = reasons(state.trial) if state.trial is not None else ()
    decision, again = decision_of(state, event, found, who), state.acting
    state = replace(
        state,
        seen=now if found.fresh else state.seen,
        confirmation=found.confirmation,
        wanted=remember(state.wanted, found.recommended, now),
        memos=found.memos,
    )
    effects = (*notices, *settled, Decided(decision))
    if decision.direction is not Direction.HOLD:
        action = _action(decision, cfg)
        if _idle(action, state.idle):
            return state, effects
        return replace(state, acting=action, idle=None), (*effects, Act(action))
    if state.idle is not None:
        state = replace(state, idle=None)
    if again is not None and (found.fresh or again.direction is Direction.OUT):
        return state, (*effects, Act(again))
    return state, effects


def _unseen(state: State) -> State:
    """What was not seen does not confirm a scale-in; it does not speak against a scale-out."""
    if state.confirmation.direction is Direction.IN:
        return replace(state, confirmation=Confirmation())
    return state


def _idle(action: Action, idle: Action | None) -> bool:
    """The same was wanted a moment ago, and nothing was to be done about it."""
    if idle is None or action.time - idle.time >= _IDLE:
        return False
    return (action.previous, action.desired) == (idle.previous, idle.desired)


def _action(decision: Decision, cfg: TargetSettings) -> Action:
    return Action(
        id=decision.id,
        target=decision.target,
        direction=decision.direction,
        previous=decision.current,
        desired=decision.desired,
        time=decision.time,
        expires=decision.time + cfg.action_age,
    )


def _settle(
    state: State, fleet: FleetStatus, now: float, cfg: TargetSettings
) -> tuple[State, tuple[Effect, ...]]:
    """What became of an action whose outcome never arrived, and of capacity on its way."""
    action = state.acting
    if action is None:
        return _verify(state, fleet, now, cfg)
    if fleet.desired == action.desired:
        return _done(state, action, cfg), ()
    stands = action.time <= now < action.expires and _allowed(action, fleet, cfg)
    if under_way(action, fleet):
        return (state, ()) if stands else (_done(state, replace(action, desired=fleet.desired), cfg), ())
    if fleet.desired == action.previous and stands:
        return state, ()
    text = f"{action.id} ({action.previous} → {action.desired}) was not done and is dropped"
    return replace(state, acting=None), (Notice(state.target, now, "action_dropped", text),)


def _allowed(action: Action, fleet: FleetStatus, cfg: TargetSettings) -> bool:
    """The bounds may have been changed since the action was decided."""
    if action.direction is Direction.OUT:
        return action.desired <= highest(cfg.guards, fleet)
    return action.desired >= lowest(cfg.guards, fleet)


def _verify(
    state: State, fleet: FleetStatus, now: float, cfg: TargetSettings
) -> tuple[State, tuple[Effect, ...]]:
    """Tell when the capacity of the last action is there, or late. Never blocks anything."""
    action = state.verifying
    if action is None:
        return state, ()
    lead = fleet.lead_time.seconds if fleet.lead_time is not None else cfg.lead_time
    if fleet.desired != action.desired:
        return replace(state, verifying=None), ()
    if fleet.in_service == action.desired:
        text = f"{action.previous} → {action.desired} in service after {now - action.time:.0f} s"
        return replace(state, verifying=None), (Notice(state.target, now, "verified", text),)
    if now - action.time > _LATE * lead:
        text = (
            f"{fleet.in_service} of {action.desired} in service {now - action.time:.0f} s after {action.id}"
        )
        return replace(state, verifying=None), (Notice(state.target, now, "late_capacity", text),)
    return state, ()


def _done(state: State, action: Action, cfg: TargetSettings) -> State:
    """The action was accepted: now, and only now, the cooldown starts."""
    return replace(
        state,
        history=(*recent_history(state.history, state.time, cfg), Completed(state.time, action.direction)),
        serving=fewer(state.serving, action.desired, state.time),
        expected=action.desired,
        tally=state.tally.charge(billing(action.desired, state.fleet), state.time),
        acting=None,
        verifying=action,
        confirmation=Confirmation(),
    )


def _reported(state: State, outcome: Outcome, cfg: TargetSettings) -> tuple[State, tuple[Effect, ...]]:
    action, now = state.acting, state.time
    if action is None or outcome.action != action.id:
        return state, ()  # the outcome of an action that is settled already
    if isinstance(outcome, Done):
        return _done(state, replace(action, desired=outcome.desired), cfg), ()
    if isinstance(outcome, Retry):
        backoff = Backoff(now + min(max(0.0, outcome.after), _LONGEST_BACKOFF), outcome.why)
        return replace(state, acting=None, backoff=backoff), ()
    if isinstance(outcome, Refused):
        backoff = Backoff(now + _REFUSED_BACKOFF, outcome.why)
        notice = Notice(state.target, now, "refused", f"{action.id}: {outcome.why}")
        return replace(state, acting=None, backoff=backoff), (notice,)
    return replace(state, acting=None, idle=action), ()


def _commanded(state: State, command: Command) -> tuple[State, tuple[Effect, ...]]:
    now = state.time
    if isinstance(command, Pause):
        state, text = replace(_not_again(state), pause=command), f"paused by {command.by}"
    elif isinstance(command, Override):
        state = replace(_not_again(state), override=command, pause=None)
        text = f"held at {command.desired} by {command.by}"
    else:
        state = replace(state, pause=None, override=None, backoff=None)
        text = f"resumed by {command.by}"
    why = f": {command.why}" if command.why else ""
    return state, (Notice(state.target, now, "command", text + why),)


def _not_again(state: State) -> State:
    """An action that an order overtakes is not asked for again; whether it was done will be seen."""
    action = state.acting
    if action is None or action.expires <= state.time:
        return state
    return replace(state, acting=replace(action, expires=state.time))
