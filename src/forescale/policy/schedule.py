"""Bounds and capacities by the clock and the calendar, in a time zone people live in."""

import re
from datetime import UTC, datetime, time, timedelta
from datetime import date as calendar_date
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator, model_validator

from forescale.model.decision import Observation, Proposal
from forescale.model.forecast import Forecast, NotReady
from forescale.model.settings import Settings
from forescale.policy.base import Instances, PolicySettings

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _parse_days(value: Any) -> tuple[int, ...]:
    if isinstance(value, list | tuple) and all(day in range(7) for day in value):
        return tuple(value)
    if not isinstance(value, str):
        raise ValueError("expected days such as mon-fri, or sat,sun")
    days: set[int] = set()
    for part in value.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError(f"{part!r} is not a day: write mon, tue, wed, thu, fri, sat, sun or mon-fri")
        start, length = _DAYS.index(first), (_DAYS.index(last or first) - _DAYS.index(first)) % 7
        days.update((start + i) % 7 for i in range(length + 1))
    return tuple(sorted(days))


def _parse_clock(value: Any) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,2}):(\d{2})", value.strip())):
        hour, minute = int(match[1]), int(match[2])
        if (hour < 24 and minute < 60) or (hour, minute) == (24, 0):
            return time(hour % 24, minute)
    raise ValueError(f'{value!r} is not a time of day: write for example "08:30", in quotes')


Days = Annotated[
    tuple[int, ...],
    BeforeValidator(_parse_days),
    PlainSerializer(lambda days: ",".join(_DAYS[d] for d in days), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["mon-fri", "sat,sun"]}),
]
"""Days of the week: `mon-fri`, `sat,sun`."""

ClockTime = Annotated[
    time,
    BeforeValidator(_parse_clock),
    PlainSerializer(lambda t: t.strftime("%H:%M"), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,2}:\d{2}$", "examples": ["08:30"]}),
]
"""A time of day: `"08:30"`."""


class Entry(Settings):
    """A stretch of time and the capacity in it."""

    days: Days = tuple(range(7))
    """The days it starts on."""
    date: calendar_date | None = None
    """Only on this date; `days` does not count then."""
    from_: ClockTime = Field(default=time(0), alias="from")
    """When it starts."""
    to: ClockTime = time(0)
    """When it ends; the next day if not after `from`."""
    min: Instances | None = None
    """At least so many instances."""
    max: Instances | None = None
    """At most so many instances."""
    desired: Instances | None = None
    """A preference; other policies may want more."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None and self.desired is None:
            raise ValueError("say at least one of min, max and desired")
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self

    def covers(self, now: datetime, until: datetime) -> bool:
        """The entry is in force at some moment from `now` to `until` (local times)."""
        first, days = now.date() - timedelta(days=1), (until.date() - now.date()).days + 2
        return any(self._from_day(first + timedelta(days=i), now, until) for i in range(days))

    def _from_day(self, day: calendar_date, now: datetime, until: datetime) -> bool:
        if day != self.date if self.date else day.weekday() not in self.days:
            return False
        start = datetime.combine(day, self.from_)
        end = datetime.combine(day, self.to)
        if end <= start:
            end += timedelta(days=1)
        return start <= until.replace(tzinfo=None) and now.replace(tzinfo=None) < end


class Schedule(PolicySettings):
    """Capacity by the calendar.

    A lower bound and a preference are in force one lead time ahead of their start, so that
    the capacity serves when the stretch begins. Local times follow the zone's daylight saving.
    """

    type: Literal["schedule"] = "schedule"
    timezone: str = "UTC"
    """The time zone of the entries, such as `Europe/Berlin`."""
    entries: tuple[Entry, ...] = Field(min_length=1)
    """The stretches; where several apply, the highest min and desired and the lowest max count."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{value!r} is not a known time zone: write for example Europe/Berlin"
            ) from error
        return value

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def lookback(self) -> float:
        """A schedule looks at no series."""
        return 0.0

    def propose(self, obs: Observation, forecast: Forecast | NotReady) -> Proposal:
        """The bounds and the preference of the entries in force."""
        now, soon = self._at(obs.time), self._at(obs.time + obs.lead_time)
        current = [e for e in self.entries if e.covers(now, now)]
        # Where the clock goes back in between, `soon` may come before `now` on it.
        coming = [e for e in self.entries if e.covers(now, soon) or e.covers(soon, soon)]
        lower = max((e.min for e in coming if e.min is not None), default=None)
        desired = max((e.desired for e in coming if e.desired is not None), default=None)
        upper = min((e.max for e in current if e.max is not None), default=None)
        if lower is None and upper is None and desired is None:
            return Proposal(self.label)
        why = f"schedule at {now:%a %H:%M} {self.timezone}: {_words(lower, upper, desired)}"
        bounds = self.bound(lower, upper, why)
        return Proposal(
            bounds.policy, desired, bounds.lower, bounds.upper, bounds.priority, reasons=bounds.reasons
        )

    def _at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC).astimezone(self._zone)


def _words(lower: int | None, upper: int | None, desired: int | None) -> str:
    parts = (("at least", lower), ("at most", upper), ("desired", desired))
    return ", ".join(f"{word} {count}" for word, count in parts if count is not None)
