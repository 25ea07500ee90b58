"""Structured logs: one line for what changes, with a request id from source to action."""

import logging
import sys
from typing import Any, Literal

import structlog

from forescale.model.decision import Decision, Direction
from forescale.model.effect import Action, Decided, Done, NoOp, Notice, Refused, Retry
from forescale.model.errors import ForescaleError, Throttled
from forescale.model.event import Reported
from forescale.model.journal import Entry

LogFormat = Literal["auto", "console", "json"]

# What an outcome is called in the log.
_OUTCOMES = {Done: "accepted", NoOp: "not done", Retry: "to be tried again", Refused: "refused"}


def configure(form: LogFormat = "auto", level: str = "info") -> None:
    """Log to standard error: coloured lines on a terminal, JSON elsewhere, unless told."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    # Plain, for a pretty one shows the local variables, and with them whatever is secret.
    end: list[Any] = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    if not console:
        end = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *end,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def in_words(error: Exception) -> str:
    """What went wrong. A bug says what it is, for its message alone may say little."""
    if isinstance(error, ForescaleError | TimeoutError):
        return str(error)
    return f"{type(error).__name__}: {error}".rstrip(": ")


class Failures:
    """Tells when something begins to fail, fails otherwise, and works again; nothing in between."""

    def __init__(self, **bound: Any) -> None:
        self._log = structlog.get_logger().bind(**bound)
        self._kinds: dict[str, str] = {}

    def failed(self, what: str, error: Exception, **more: Any) -> None:
        """Something has raised an error. Throttling is no failure, a bug comes with its trace."""
        if not self.turned(what, type(error).__name__):
            return
        if isinstance(error, ForescaleError) and error.hint:
            more["hint"] = error.hint
        if isinstance(error, Throttled):
            self._log.info(f"{what} throttled", error=error.message, **more)
        elif isinstance(error, ForescaleError | TimeoutError):
            self._log.warning(f"{what} failing", error=in_words(error), **more)
        else:
            self._log.error(f"{what} failing", error=in_words(error), exc_info=error, **more)

    def partly(self, what: str, errors: tuple[str, ...], **more: Any) -> None:
        """Some of it could not be had (`name: why`), or all could."""
        if not errors:
            self.works(what, **more)
        elif self.turned(what, ", ".join(error.partition(":")[0] for error in errors)):
            self._log.warning(f"{what} failing", error="; ".join(errors), **more)

    def works(self, what: str, **more: Any) -> None:
        """It works, or works again."""
        if self.turned(what, ""):
            self._log.info(f"{what} recovered", **more)

    def turned(self, what: str, kind: str) -> bool:
        """Whether it is another kind of failure (none: "") than before. Texts may differ each time."""
        before = self._kinds.get(what, "")
        self._kinds[what] = kind
        return kind != before


class TargetLog:
    """The log of one target: tells changes, not repetitions."""

    def __init__(self, target: str) -> None:
        self._log = structlog.get_logger().bind(target=target)
        self.failures = Failures(target=target)
        self._last: tuple[object, ...] | None = None

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

    def standing_by(self, holder: str) -> None:
        """Log that another process has the target, and which."""
        if self.failures.turned("lease", holder):
            self._log.info("standing by to take over", holder=holder)

    def taken_up(self) -> None:
        """Log that the target is this process's, where another one had it before."""
        if self.failures.turned("lease", ""):
            self._log.info("taken over")

    def _outcome(self, event: Reported) -> None:
        outcome = event.outcome
        if isinstance(outcome, Done):
            text, why = f"Capacity updated → {outcome.desired}", ""
        else:
            text, why = f"action {_OUTCOMES[type(outcome)]}", outcome.why
        log = self._log.warning if isinstance(outcome, Refused) else self._log.info
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
