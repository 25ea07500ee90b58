"""How decisions look on a terminal: one line, or everything that led there."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forescale.model.decision import Blocker, Decision, Direction, Proposal
from forescale.model.effect import Done, Outcome
from forescale.model.forecast import Forecast
from forescale.model.settings import format_duration
from forescale.model.state import State
from forescale.model.tally import Sums

_STYLES = {Direction.OUT: "bold green", Direction.IN: "bold cyan", Direction.HOLD: "dim"}
_WORDS = {Direction.OUT: "scale out", Direction.IN: "scale in", Direction.HOLD: "hold"}


def when(seconds: float) -> str:
    """A time as people read it, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def headline(decision: Decision) -> Text:
    """What was decided, in a line."""
    text = Text(f"{decision.id}  ")
    text.append(_WORDS[decision.direction], _STYLES[decision.direction])
    if decision.direction is Direction.HOLD:
        text.append(f" at {decision.current}")
        if decision.blockers and decision.wanted != decision.current:
            text.append(f" (wanted {decision.wanted})", "yellow")
    else:
        text.append(f" {decision.current} → {decision.desired}")
    return text


def blocker_text(blocker: Blocker, now: float) -> str:
    """What blocks, and until when."""
    if blocker.until is None:
        return f"{blocker.rule}: {blocker.why}"
    left = format_duration(max(blocker.until - now, 0))
    return f"{blocker.rule}: {blocker.why}, until {when(blocker.until)[11:]} ({left} left)"


def why(decision: Decision) -> str:
    """The reasons, clamps and blockers, briefly."""
    parts = [reason.text for reason in decision.reasons]
    parts += [f"{c.rule}: {c.before} → {c.after}, {c.why}" for c in decision.clamps]
    parts += [blocker_text(b, decision.time) for b in decision.blockers]
    return "; ".join(parts)


def summary(decision: Decision) -> Text:
    """Headline and reasons."""
    text = headline(decision)
    text.append(f"\n  {why(decision)}", "dim")
    return text


def explanation(
    decision: Decision, outcome: Outcome | None = None, state: State | None = None
) -> RenderableType:
    """Everything that led to a decision, from what was seen to what came of it.

    With the `state` it left behind: also the forecast in force, and what the strategies in the
    shadow would have cost.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, text in _story(decision, state.forecast if state is not None else None):
        table.add_row(label, Text(text))  # never markup: it may hold what AWS says
    table.add_row("decided", Text(_decided(decision), _STYLES[decision.direction]))
    if decision.direction is not Direction.HOLD:
        table.add_row("outcome", Text(outcome_text(outcome)))
    if state is not None and state.arms:
        table.add_row("7 days", Text(comparison(state)))
    return Group(headline(decision), table)


def _story(decision: Decision, forecast: Forecast | None) -> Iterator[tuple[str, str]]:
    yield "when", f"{when(decision.time)} UTC, evaluation {decision.event}"
    yield "seen", _seen(decision)
    if forecast is not None:
        yield "forecast", forecast_text(forecast, decision.time)
    for proposal in decision.proposals:
        yield "proposed", _proposal(proposal)
    proposed = {reason for proposal in decision.proposals for reason in proposal.reasons}
    for reason in decision.reasons:
        if reason not in proposed:
            yield "because", reason.text
    yield "wanted", f"{decision.wanted} after arbitration, {decision.current} now"
    for clamp in decision.clamps:
        yield "clamped", f"{clamp.before} → {clamp.after} by {clamp.rule}: {clamp.why}"
    for blocker in decision.blockers:
        yield "blocked", blocker_text(blocker, decision.time)


def outcome_text(outcome: Outcome | None) -> str:
    """What came of an action."""
    if outcome is None:
        return "not known yet"
    if isinstance(outcome, Done):
        return f"done: desired capacity {outcome.desired}"
    return f"{type(outcome).__name__.lower()}: {outcome.why}"


def comparison(state: State) -> str:
    """What the target has cost of late and how well it served, against the arms in its shadow."""
    arms = [f"{name} {sums_text(arm.tally.recent)}" for name, arm in state.arms.items()]
    return "; ".join([f"live {sums_text(state.tally.recent)}", *arms])


def quantile(forecast: Forecast, level: float) -> float | None:
    """The value that demand stays below with a probability: straight between its neighbours."""
    below = None
    for place, value in forecast.quantiles:
        if place >= level:
            if below is None or place == level:
                return value if place == level else None
            share = (level - below[0]) / (place - below[0])
            return below[1] + share * (value - below[1])
        below = (place, value)
    return None


def forecast_text(forecast: Forecast, now: float) -> str:
    """The forecast in force, briefly: what it says, who says it, and how right all have been."""
    known = [(level, quantile(forecast, level)) for level in (0.5, 0.9, 0.99)]
    values = ", ".join(f"{value:.3g} ({level:.0%})" for level, value in known if value is not None)
    text = f"demand within {format_duration(forecast.horizon)} stays below {values}"
    text += f"; {forecast.model}, {format_duration(max(round(now - forecast.time), 0))} old"
    if forecast.scores:
        ranked = sorted(forecast.scores.items(), key=lambda item: item[1])
        text += "; error " + ", ".join(f"{name} {score:.3g}" for name, score in ranked)
    elif forecast.error is not None:
        text += f"; error {forecast.error:.3g}"
    return text


def sums_text(sums: Sums) -> str:
    """Cost and violations, briefly."""
    if sums.cost is None:
        return "not counted yet"
    return f"billed {sums.cost:.2f} × demand, {100 * sums.violations:.2f} % violated"


def _seen(decision: Decision) -> str:
    demand = "absent or stale" if decision.demand is None else f"{decision.demand:.3g} instances"
    text = f"demand {demand}; {decision.in_service} in service, {decision.pending} pending"
    if decision.lead_time is not None:
        text += f"; lead time {format_duration(decision.lead_time)}"
    return text


def _proposal(proposal: Proposal) -> str:
    parts: Iterable[tuple[str, int | None]] = (
        ("prefers", proposal.desired),
        ("at least", proposal.lower),
        ("at most", proposal.upper),
    )
    said = ", ".join(f"{word} {count}" for word, count in parts if count is not None)
    if proposal.blind:
        said = "cannot see, so no scale-in"
    reasons = "; ".join(reason.text for reason in proposal.reasons)
    return f"{proposal.policy}: {said or 'nothing'}" + (f" ({reasons})" if reasons else "")


def _decided(decision: Decision) -> str:
    if decision.direction is Direction.HOLD:
        return f"hold at {decision.current}"
    return f"{_WORDS[decision.direction]} {decision.current} → {decision.desired}"
