"""A witness to what the engine does: every invariant, checked after every step from the outside.

It sees only what goes in and what comes out, keeps its own memory of it, and uses none of the
engine's functions, so that a mistake there is not repeated here.
"""

from collections import defaultdict
from itertools import pairwise
from math import isfinite

from forescale.engine.step import step
from forescale.model.decision import Direction
from forescale.model.effect import Act, Decided, Done
from forescale.model.event import Commanded, Observed, Override, Pause, Reported
from forescale.model.state import State
from forescale.model.value import decode, encode

OUT, IN, HOLD = Direction.OUT, Direction.IN, Direction.HOLD
FUTURE, JITTER = 60.0, 1.0
LIMITS = {"stabilisation", "max_step", "min_life", "protected"}  # clamps that come after the bounds


class Witness:
    """Takes every step with the engine and raises AssertionError at the first wrong one."""

    def __init__(self):
        self.now = 0.0
        self.fleet = None
        self.told = defaultdict(dict)  # signal -> bucket start -> measured and plausible
        self.done = []  # (time, direction) of the actions that took effect
        self.actions = {}  # id -> (direction, previous, desired)
        self.flying = None  # the action asked for whose outcome is not known
        self.pause = self.override = None
        self.wanted, self.windows = [], None  # (time, recommendation), within these windows
        self.row = (HOLD, 0)
        self.retry_until = 0.0
        self.idle = None  # what was asked for last, if nothing was to be done about it
        self.action_age = 0.0  # the longest ever configured
        self.steps = defaultdict(int)  # what happened how often: a test that never acts proves nothing

    def step(self, state, event, cfg):
        """`step`, checked."""
        after, effects = step(state, event, cfg)
        again = step(decode(encode(state), State), decode(encode(event), type(event)), cfg)
        assert encode([after, effects]) == encode(list(again)), "a crash here would change what is decided"
        self._clock(event.time, cfg)
        self._settings(cfg)
        decided = [e.decision for e in effects if isinstance(e, Decided)]
        acts = [e.action for e in effects if isinstance(e, Act)]
        assert len(decided) == isinstance(event, Observed), "one decision per observation, else none"
        assert len(acts) <= len(decided), "at most one action, and only on an observation"
        if isinstance(event, Observed):
            self._observe(event, cfg)
            self._check_decision(decided[0], state, after, event, cfg)
            self._check_act(acts, decided[0], after, event, cfg)
        elif isinstance(event, Reported):
            self._outcome(event.outcome)
        elif isinstance(event, Commanded):
            self._order(event.command)
        self._bounded(after)
        return after, effects

    def _settings(self, cfg):
        """What other settings do not hold the engine to."""
        self.action_age = max(self.action_age, cfg.action_age)
        if self.windows != cfg.guards.stabilisation:  # it need not remember for windows to come
            self.windows = cfg.guards.stabilisation
            self.wanted.clear()

    # --- memory ----------------------------------------------------------------------------

    def _clock(self, time, cfg):
        back = self.now - time
        if 0 < back <= JITTER:
            return
        if back > JITTER:
            for name, buckets in self.told.items():
                if name not in cfg.signals or back >= cfg.signals[name].period:
                    buckets.clear()
            self.done = [(min(t, time), d) for t, d in self.done]
            self.wanted = [(min(t, time), w) for t, w in self.wanted]
            self.retry_until -= back
            self.steps["clock back"] += 1
        self.now = time
        if self.pause and time >= self.pause.until:
            self.pause = None
        if self.override and time >= self.override.until:
            self.override = None

    def _observe(self, event, cfg):
        if event.fleet is not None:
            self.fleet = event.fleet
        for s in event.samples:
            good = s.value is not None and isfinite(s.value) and not s.estimated
            if good and s.instance is None and s.time <= self.now + FUTURE:
                self.told[s.signal][s.time] = True
        flying = self.flying
        if flying is None or event.blind or self.fleet is None:
            return
        stands = flying.time <= self.now < self.flying_until and self._allowed(flying, cfg)
        part = flying.desired < self.fleet.desired < flying.previous
        if self.fleet.desired == flying.desired or (part and not stands):
            self._took_effect(flying.direction)
        elif not stands or not (part or self.fleet.desired == flying.previous):
            self.flying = None  # dropped

    def _took_effect(self, direction):
        self.done.append((self.now, direction))
        self.flying, self.row = None, (HOLD, 0)
        self.steps[f"done {direction}"] += 1

    def _outcome(self, outcome):
        if self.flying is None or outcome.action != self.flying.id:
            return
        if isinstance(outcome, Done):
            self._took_effect(self.flying.direction)
        else:
            self.retry_until = self.now + min(max(getattr(outcome, "after", 60.0), 0), 3600)
            if type(outcome).__name__ == "NoOp":
                self.retry_until = 0.0
                self.idle = self.flying
        self.flying = None

    def _order(self, command):
        if isinstance(command, Pause):
            self.pause = command if self.now < command.until else None
        elif isinstance(command, Override):
            self.override = command
            self.pause = None
        else:
            self.pause = self.override = None
            self.retry_until = 0.0
        if self.flying is not None and isinstance(command, Pause | Override):
            self.flying_until = min(self.flying_until, self.now)
        self.steps[type(command).__name__] += 1

    def sees(self, cfg):
        """Every signal that is needed has a measurement that is not stale."""
        names = {p.signal for p in cfg.policies if hasattr(p, "signal")}
        names |= {cfg.demand.signal} if cfg.demand else set()
        return all(self._fresh(name, cfg.signals[name]) for name in names)

    def _fresh(self, name, signal):
        return any(t + signal.period + signal.max_age >= self.now for t in self.told[name])

    # --- checks ----------------------------------------------------------------------------

    def _check_decision(self, decision, before, after, event, cfg):
        assert decision.id == f"web-{before.seq + 1}"
        assert (after.seq, decision.event, decision.time) == (before.seq + 1, event.id, self.now)
        change = decision.desired - decision.current
        assert decision.direction is (HOLD if change == 0 else OUT if change > 0 else IN)
        values = [decision.wanted, *(clamp.after for clamp in decision.clamps)]
        assert [clamp.before for clamp in decision.clamps] == values[:-1], "clamps are a chain"
        assert all(clamp.before != clamp.after and clamp.why for clamp in decision.clamps)
        if decision.blockers:
            assert decision.direction is HOLD
            assert values[-1] != decision.current or event.blind or self.fleet is None, "nothing to block"
        else:
            assert decision.desired == values[-1]
        self._check_untils(decision, cfg)
        if event.blind or self.fleet is None:
            assert [b.rule for b in decision.blockers] == ["fleet_unknown"]
            self.row = (HOLD, 0) if self.row[0] is IN else self.row
            return
        assert decision.current == self.fleet.desired
        assert decision.reasons or not cfg.policies or decision.wanted == decision.current
        self._recommendation(decision)

    def _check_untils(self, decision, cfg):
        cooldown = cfg.guards.cooldown
        longest = {
            "cooldown": max(cooldown.out, cooldown.in_),
            "reversals": cfg.guards.reversals.window,
            "in_flight": self.action_age,
            "backoff": 3600.0,
        }
        for blocker in decision.blockers:
            if blocker.until is not None:
                assert blocker.until > self.now
                assert blocker.until <= self.now + longest.get(blocker.rule, float("inf")) + 1e-3

    def _recommendation(self, decision):
        """What was wanted within bounds, before steps and patience: it confirms, and is remembered."""
        early = [c.after for c in decision.clamps if c.rule not in LIMITS]
        wanted = early[-1] if early else decision.wanted
        towards = HOLD if wanted == decision.current else OUT if wanted > decision.current else IN
        if self.override is not None or towards is HOLD:
            self.row = (HOLD, 0)
        else:
            self.row = (towards, self.row[1] + 1 if self.row[0] is towards else 1)
        longest = max(self.windows.out, self.windows.in_)  # what is older is forgotten, clock back or not
        self.wanted = [*(w for w in self.wanted if w[0] > self.now - longest), (self.now, wanted)]

    def _check_act(self, acts, decision, after, event, cfg):
        idle, self.idle = self.idle, None
        if not acts:
            if decision.direction is not HOLD:
                assert idle is not None, "what is decided is asked for"
                assert (idle.previous, idle.desired) == (decision.current, decision.desired)
                assert self.now - idle.time < 3600
                self.idle = idle
                self.steps["idle"] += 1
            elif event.blind or self.fleet is None:
                self.idle = idle
            return
        (action,) = acts
        assert not event.blind, "a group that cannot be seen is left alone"
        assert self.fleet is not None
        assert self.pause is None, "no action while paused"
        assert after.acting == action, "journaled before it is done"
        assert action.target == "web"
        if action.direction is IN:
            assert self.override or self.sees(cfg), "absent or stale data never scales in"
        self._check_limits(action, cfg)
        key = (action.direction, action.previous, action.desired)
        if action.id in self.actions:
            assert self.actions[action.id] == key, "an id never means two actions"
            assert self.flying is not None, "what is settled is not done again"
            assert self.flying.id == action.id
            assert action.time <= self.now < action.expires
            self.steps["again"] += 1
            return
        assert decision.direction is not HOLD
        assert (action.id, *key) == (decision.id, decision.direction, decision.current, decision.desired)
        assert (action.time, action.expires) == (self.now, self.now + cfg.action_age)
        assert self.now >= self.retry_until - 1e-6, "no try during a back-off"
        assert self.flying is None, "one action at a time"
        self._check_patience(action, cfg)
        self.actions[action.id] = key
        self.flying, self.flying_until = action, action.expires
        self.steps[f"act {action.direction}"] += 1

    def _bounds(self, cfg):
        high = min(self.fleet.maximum, self.fleet.maximum if cfg.guards.max is None else cfg.guards.max)
        return min(max(self.fleet.minimum, cfg.guards.min), high), high

    def _allowed(self, action, cfg):
        low, high = self._bounds(cfg)
        return action.desired <= high if action.direction is OUT else action.desired >= low

    def _check_limits(self, action, cfg):
        """What holds for every action, one by hand included."""
        guards, fleet, removed = cfg.guards, self.fleet, action.previous - action.desired
        assert self._allowed(action, cfg), "bounds"
        if self.actions.get(action.id):
            return  # what it was decided on has been checked then
        if action.direction is OUT:
            assert guards.max_step.up is None or -removed <= guards.max_step.up
            assert "Launch" not in fleet.suspended
            return
        assert guards.max_step.down is None or removed <= guards.max_step.down
        assert "Terminate" not in fleet.suspended
        assert not fleet.refreshing
        booting = max(fleet.desired - fleet.in_service, 0)
        assert removed <= booting + max(fleet.in_service - fleet.protected, 0), "protected instances stay"
        if guards.min_life and fleet.launched is not None:
            old = sum(launched <= self.now - guards.min_life for launched in fleet.launched)
            assert removed <= booting + max(old - fleet.protected, 0), "young instances stay"

    def _check_patience(self, action, cfg):
        """What only the policies' own actions wait for."""
        if self.override is not None:
            return
        guards, out = cfg.guards, action.direction is OUT
        assert self.row[0] is action.direction
        assert self.row[1] >= (guards.confirm.out if out else guards.confirm.in_), "confirmations"
        wait = guards.cooldown.out if out else guards.cooldown.in_
        for time, direction in self.done:
            if not (out and guards.cooldown.preempt and direction is IN):
                assert self.now >= time + wait - 1e-3, "cooldown"
        window = guards.stabilisation.out if out else guards.stabilisation.in_
        recent = [wanted for time, wanted in self.wanted if time > self.now - window]
        if window and out:
            assert action.desired <= max(min(recent), action.previous)
        elif window:
            assert action.desired >= min(max(recent), action.previous), "stabilisation"
        if not out:
            self._check_turns(guards.reversals)

    def _check_turns(self, reversals):
        since = self.now - reversals.window
        if not self.done or self.done[-1][1] is IN or self.done[-1][0] <= since:
            return  # no turn, or none that is counted
        turns = [time for (_, a), (time, b) in pairwise(self.done) if a is not b and time > since]
        assert len(turns) < max(reversals.count, 0), "one turn too many"

    def _bounded(self, after):
        assert decode(encode(after), State) == after
        assert len(encode(after)) < 200_000
        for series in (after.loads, after.serving, after.wanted, after.history, *after.signals.values()):
            times = [x.time for x in series]
            assert times == sorted(times)
        assert all(c.time <= self.now for c in after.history), "nothing remembered lies in the future"
        states = [after, *(arm.state for arm in after.arms.values())]
        for tally in (state.tally for state in states):
            assert 0 <= tally.recent_violated <= tally.recent_requests <= tally.requests
            assert 0 <= tally.violated <= tally.requests
            assert 0 <= tally.recent_billed <= tally.billed
            assert tally.until is None or tally.until <= self.now
        for arm in after.arms.values():
            assert arm.desired == arm.serving + arm.state.fleet.pending
            assert arm.state.fleet.pending == sum(launch.value for launch in arm.booting) >= 0
            assert arm.state.acting is arm.state.forecast is None
