"""The base of every settings model, and the quantities people write in them."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from forescale.model.sample import Unit


class Settings(BaseModel):
    """Frozen, and strict about names: an unknown key is an error, not a silent default."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )


_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONGEST = 100 * 365.25 * 86400.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*")
_DURATION_PATTERN = r"^\s*(\d+(\.\d+)?\s*(ms|[smhdw])\s*)+$"


def parse_duration(text: Any) -> float:
    """Seconds of a duration such as `90s`, `4m` or `1h30m`. A unit must be given, except for 0."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError("expected a duration such as 90s, 4m or 1h30m")
    if isinstance(text, int | float):
        if text == 0:
            return 0.0
        raise ValueError(f"{text:g} has no unit: write {text:g}s, {text:g}m, {text:g}h or {text:g}d")
    if text.strip() == "0":
        return 0.0
    if not re.match(_DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration: write for example 90s, 4m or 1h30m")
    seconds = sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(text))
    if seconds > _LONGEST:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return seconds


def parse_ratio(value: Any) -> float:
    """A ratio from `60%` or from 0.6. A bare number above 1 is refused: it lacks its `%`."""
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value)):
        return float(match[1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a ratio: write for example 60% or 0.6")
    if not 0 <= value <= 1:
        raise ValueError(f"{value:g} is not a ratio between 0 and 1: write {value:g}% if that is meant")
    return float(value)


def _at_most_whole(ratio: float) -> float:
    if ratio > 1:
        raise ValueError(f"{ratio:.0%} is more than the whole: write at most 100%")
    return ratio


def _write_duration(seconds: float) -> str:
    """Exact, and without an exponent, so that `parse_duration` gives the same float back."""
    return f"{Decimal(repr(seconds)):f}s"


@lru_cache(1024)  # reasons name the same few durations at every evaluation
def format_duration(seconds: float) -> str:
    """A duration as people write it: 90 -> `1m30s`."""
    if (ms := round(seconds * 1000)) < 1000:
        return f"{ms}ms" if ms else "0s"
    rest, parts = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(_write_duration, return_type=str, when_used="json"),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": _DURATION_PATTERN}, {"const": 0}], "examples": ["90s", "4m"]}
    ),
]
"""Seconds, written with a unit: `90s`, `4m`, `1h30m`."""

Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio),
    AfterValidator(_at_most_whole),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"},
                {"type": "number", "minimum": 0, "maximum": 1},
            ],
            "examples": ["60%", 0.6],
        }
    ),
]
"""A ratio, written `60%` or `0.6`."""


class SignalSettings(Settings):
    """What the engine needs to know of a signal, wherever it is read from."""

    unit: Unit = Unit.PERCENT
    """The unit of its values."""
    period: Duration = 60.0
    """The width of a bucket."""
    max_age: Duration = 300.0
    """A newest bucket that ended longer ago than this is stale: it never scales in."""
    combine: Literal["mean", "max", "min", "sum"] = "mean"
    """How the values of single instances become one, where a source reads each instance."""
