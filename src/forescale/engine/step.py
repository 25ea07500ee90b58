"""The reducer: the same code decides live, in dry run, in a backtest and in a replay."""

import msgspec

from forescale.engine.evaluate import evaluate, unseen
from forescale.engine.observe import observe
from forescale.engine.settings import TargetSettings
from forescale.model.decision import Decision, Direction
from forescale.model.effect import Act, Action, Decided, Done, Effect, Notice, Outcome, Refused, Retry
from forescale.model.event import Command, Commanded, Event, Forecasted, Observed, Override, Pause, Reported
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Point
from forescale.model.state import Backoff, Completed, Confirmation, State

replace = msgspec.structs.replace

# After a refusal (no permission, a foreign write in between) look again, but not at every tick.
_REFUSED_BACKOFF = 60.0
# Capacity that is not there after so many lead times is late, and people are told.
_LATE = 2.0


def step(state: State, event: Event, cfg: TargetSettings) -> tuple[State, tuple[Effect, ...]]:
    """What happens to a target on an event: its next state, and what is to be done.

    Pure: no I/O, no clock, no randomness; equal arguments give equal results to the byte.
    An `Observed` event gives exactly one `Decided`; an `Act` comes with the state that
    already holds the action, so that writing both down before doing it survives a crash.
    """
    state, notices = _on_time(state, event.time)
    effects: tuple[Effect, ...]
    if isinstance(event, Observed):
        state, effects = _observed(state, event, cfg)
    elif isinstance(event, Reported):
        state, effects = _reported(state, event.outcome, event.time, cfg)
    elif isinstance(event, Commanded):
        state, effects = _commanded(state, event.command, event.time)
    else:
        state, effects = _forecasted(state, event), ()
    return state, (*notices, *effects) if notices else effects


def _forecasted(state: State, event: Forecasted) -> State:
    return replace(state, forecast=event.forecast)


def _on_time(state: State, now: float) -> tuple[State, tuple[Notice, ...]]:
    """Advance the state's time; end what has expired; stand a clock that went back."""
    notices: tuple[Notice, ...] = ()
    if now < state.time:
        text = f"the clock went back by {state.time - now:.0f} s: cooldowns start anew, old data is dropped"
        notices = (Notice(state.target, now, "clock_back", text),)
        state = _rebase(state, now)
    override = state.override if state.override and now < state.override.until else None
    pause = state.pause if state.pause and now < state.pause.until else None
    backoff = state.backoff if state.backoff and now < state.backoff.until else None
    return replace(state, time=now, override=override, pause=pause, backoff=backoff), notices


def _rebase(state: State, now: float) -> State:
    """Nothing remembered may lie in the future: then no cooldown is longer than configured."""
    backoff, shift = state.backoff, state.time - now
    return replace(
        state,
        loads=tuple(x for x in state.loads if x.time <= now),
        signals={k: tuple(p for p in v if p.time <= now) for k, v in state.signals.items()},
        serving=tuple(replace(p, time=min(p.time, now)) for p in state.serving[-1:]),
        wanted=tuple(replace(p, time=min(p.time, now)) for p in state.wanted),
        history=tuple(replace(c, time=min(c.time, now)) for c in state.history),
        seen=None if state.seen is None else min(state.seen, now),
        backoff=None if backoff is None else Backoff(backoff.until - shift, backoff.why),
    )


def _observed(state: State, event: Observed, cfg: TargetSettings) -> tuple[State, tuple[Effect, ...]]:
    state, notices = observe(state, event, cfg)
    now = event.time
    state = replace(state, seq=state.seq + 1, seen=now if state.seen is None else state.seen)
    fleet = state.fleet
    if fleet is None or event.blind:
        why = "; ".join(event.errors) or "the group could not be observed"
        return state, (*notices, Decided(unseen(state, event.id, now, why)))
    state, resumed = _resume(state, fleet, now, cfg)
    found = evaluate(state, fleet, event.id, now, cfg)
    state = replace(
        state,
        seen=now if found.fresh else state.seen,
        confirmation=found.confirmation,
        wanted=_remember(state, found.recommended, cfg),
    )
    effects = (*notices, *resumed, Decided(found.decision))
    if found.decision.direction is Direction.HOLD:
        return state, effects
    action = _action(found.decision, cfg)
    return replace(state, acting=action), (*effects, Act(action))


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


def _remember(state: State, recommended: int, cfg: TargetSettings) -> tuple[Point, ...]:
    """The recommendations of the stabilisation windows; a run of equal ones is its newest."""
    windows = cfg.guards.stabilisation
    longest = windows.out if windows.out > windows.in_ else windows.in_
    if not longest:
        return ()
    wanted, now = state.wanted, state.time
    if not wanted and state.fleet is not None:
        wanted = (Point(now, state.fleet.desired),)
    if wanted[0].time <= now - longest:
        wanted = tuple(p for p in wanted if p.time > now - longest)
    if wanted and wanted[-1].value == recommended:
        wanted = wanted[:-1]
    return (*wanted, Point(now, recommended))


def _resume(
    state: State, fleet: FleetStatus, now: float, cfg: TargetSettings
) -> tuple[State, tuple[Effect, ...]]:
    """What became of an action whose outcome never arrived, and of capacity on its way."""
    action = state.acting
    if action is None:
        return _verify(state, fleet, now, cfg)
    if fleet.desired == action.desired:
        return _done(state, action, now, cfg), ()
    if fleet.desired == action.previous and now < action.expires:
        return state, (Act(action),)
    text = f"{action.id} ({action.previous} → {action.desired}) was not done and is dropped"
    return replace(state, acting=None), (Notice(state.target, now, "action_dropped", text),)


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


def _done(state: State, action: Action, now: float, cfg: TargetSettings) -> State:
    """The action was accepted: now, and only now, the cooldown starts."""
    since = now - cfg.guards.reversals.window
    history = tuple(c for c in state.history if c.time > since)
    return replace(
        state,
        history=(*history, Completed(now, action.direction)),
        expected=action.desired,
        acting=None,
        verifying=action,
        confirmation=Confirmation(),
    )


def _reported(
    state: State, outcome: Outcome, now: float, cfg: TargetSettings
) -> tuple[State, tuple[Effect, ...]]:
    action = state.acting
    if action is None or outcome.action != action.id:
        return state, ()  # the outcome of an action that is settled already
    if isinstance(outcome, Done):
        return _done(state, action, now, cfg), ()
    if isinstance(outcome, Retry):
        backoff = Backoff(now + outcome.after, outcome.why)
        return replace(state, acting=None, backoff=backoff), ()
    if isinstance(outcome, Refused):
        backoff = Backoff(now + _REFUSED_BACKOFF, outcome.why)
        notice = Notice(state.target, now, "refused", f"{action.id}: {outcome.why}")
        return replace(state, acting=None, backoff=backoff), (notice,)
    return replace(state, acting=None), ()


def _commanded(state: State, command: Command, now: float) -> tuple[State, tuple[Effect, ...]]:
    if isinstance(command, Pause):
        state, text = replace(state, pause=command), f"paused by {command.by}"
    elif isinstance(command, Override):
        state = replace(state, override=command, pause=None)
        text = f"held at {command.desired} by {command.by}"
    else:
        state = replace(state, pause=None, override=None, backoff=None)
        text = f"resumed by {command.by}"
    why = f": {command.why}" if command.why else ""
    return state, (Notice(state.target, now, "command", text + why),)
