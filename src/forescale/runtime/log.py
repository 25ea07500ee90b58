"""Structured logs: one line for what changes, with a request id from source to action."""

import logging
import sys
from typing import Any, Literal

import structlog

from forescale.model.decision import Decision, Direction
from forescale.model.effect import Action, Decided, Done, NoOp, Notice, Refused, Retry
from forescale.model.event import Reported
from forescale.model.journal import Entry

LogFormat = Literal["auto", "console", "json"]

# What an outcome is called in the log, and how loudly.
_OUTCOMES = {Done: "accepted", NoOp: "not done", Retry: "to be tried again", Refused: "refused"}


def configure(form: LogFormat = "auto", level: str = "info") -> None:
    """Log to standard error: coloured lines on a terminal, JSON elsewhere, unless told."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


class TargetLog:
    """The log of one target: tells changes, not repetitions."""

    def __init__(self, target: str) -> None:
        self._log = structlog.get_logger().bind(target=target)
        self._problems: dict[str, str] = {}
        self._last: tuple[object, ...] | None = None

    def transition(self, what: str, problem: str, hint: str) -> None:
        """Log a problem when it begins or becomes another, and its end; nothing in between."""
        before = self._problems.get(what, "")
        if problem == before:
            return
        self._problems[what] = problem
        if problem:
            self._log.warning(f"{what} failing", error=problem, **({"hint": hint} if hint else {}))
        else:
            self._log.info(f"{what} recovered")

    def entry(self, entry: Entry) -> None:
        """Log what an entry says that the one before did not."""
        for effect in entry.effects:
            if isinstance(effect, Decided):
                self._decision(effect.decision)
            elif isinstance(effect, Notice):
                self._log.info(effect.kind, text=effect.text, request_id=entry.event.id)
        if isinstance(entry.event, Reported):
            self._outcome(entry.event)

    def _decision(self, decision: Decision) -> None:
        rules = tuple(b.rule for b in decision.blockers)
        key = (decision.direction, decision.desired, rules, tuple(r.rule for r in decision.reasons))
        log = self._log.debug if key == self._last else self._log.info
        self._last = key
        log(
            _headline(decision),
            decision=decision.id,
            request_id=decision.event,
            demand=None if decision.demand is None else round(decision.demand, 3),
            reasons=[r.text for r in decision.reasons],
            **({"clamps": [f"{c.rule}: {c.why}" for c in decision.clamps]} if decision.clamps else {}),
        )

    def acting(self, action: Action, request: str) -> None:
        """Log an action just before it is done."""
        way = "UP" if action.direction is Direction.OUT else "DOWN"
        text = f"Scaling {way} {action.previous} → {action.desired}"
        self._log.info(text, decision=action.id, request_id=request)

    def _outcome(self, event: Reported) -> None:
        outcome = event.outcome
        if isinstance(outcome, Done):
            text, why = f"Capacity updated → {outcome.desired}", ""
        else:
            text, why = f"action {_OUTCOMES[type(outcome)]}", outcome.why
        log = self._log.warning if isinstance(outcome, Refused | Retry) else self._log.info
        log(text, decision=outcome.action, request_id=event.id, **({"why": why} if why else {}))


def _headline(decision: Decision) -> str:
    if decision.direction is not Direction.HOLD:
        return f"decided {decision.current} → {decision.desired}"
    if not decision.blockers:
        return f"holding at {decision.current}"
    blocker = decision.blockers[0]
    if blocker.until is None:
        return f"{blocker.rule}: {blocker.why}"
    return f"{blocker.rule.capitalize()} active → {max(blocker.until - decision.time, 0):.0f}s remaining"
