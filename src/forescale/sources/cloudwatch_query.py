"""Questions to GetMetricData: how they are put together, and what the answers mean."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forescale.model.value import Value

LIMIT = 500
"""The most queries in one GetMetricData."""
# Quoted text of a metric-math expression, or an identifier in it. Identifiers of metrics start
# with a small letter, functions with a capital.
_TOKEN = re.compile(r"""('[^']*'|"[^"]*")|\b([a-z][A-Za-z0-9_]*)\b""")
_OPERATORS = frozenset({"and", "or", "not"})
# METRICS() means every metric of the request: such an expression cannot share one.
_WHOLE_REQUEST = re.compile(r"\bMETRICS\s*\(")


class Stat(Value, frozen=True):
    """One statistic of one metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int


class Math(Value, frozen=True):
    """A metric-math expression, and the metrics its names stand for."""

    expression: str
    metrics: tuple[tuple[str, Stat], ...]
    period: int

    @property
    def alone(self) -> bool:
        """Whether it cannot share a request."""
        return _WHOLE_REQUEST.search(self.expression) is not None


class Ask(Value, frozen=True):
    """One series of one region, buckets starting in [start, end)."""

    region: str
    series: Stat | Math
    start: float
    end: float

    @property
    def weight(self) -> int:
        """How many of a request's queries it takes."""
        return 1 + len(self.series.metrics) if isinstance(self.series, Math) else 1

    @property
    def family(self) -> tuple[Any, ...]:
        """What it may share a request with: alike in region, period and, roughly, length.

        A request has one time range: together with one that asks for weeks, a question for
        minutes would be answered at length.
        """
        alone = self.series if isinstance(self.series, Math) and self.series.alone else None
        buckets = max(1, round((self.end - self.start) / self.series.period))
        return (self.region, self.series.period, buckets.bit_length() // 3, alone)

    @property
    def identity(self) -> tuple[str, Stat | Math]:
        """What it has in common with the same question at another time."""
        return (self.region, self.series)


class Answer(Value, frozen=True):
    """The points of one series, oldest first; or why there are none (`problem`, AWS's status)."""

    points: tuple[tuple[float, float], ...] = ()
    problem: str = ""
    status: str = ""


def names_in(expression: str) -> set[str]:
    """The metrics that an expression refers to."""
    return {m[2] for m in _TOKEN.finditer(expression) if m[2] and m[2] not in _OPERATORS}


def build_queries(asks: Sequence[Ask]) -> list[dict[str, Any]]:
    """The MetricDataQueries of a request. The n-th question's answer has the id `q<n>`."""
    queries = []
    for index, ask in enumerate(asks):
        if isinstance(ask.series, Stat):
            queries.append(_stat_query(f"q{index}", ask.series))
        else:
            queries.extend(_math_queries(f"q{index}", ask.series))
    return queries


def _stat_query(name: str, stat: Stat) -> dict[str, Any]:
    dimensions = [{"Name": key, "Value": value} for key, value in stat.dimensions]
    metric = {"Namespace": stat.namespace, "MetricName": stat.name, "Dimensions": dimensions}
    return {
        "Id": name,
        "MetricStat": {"Metric": metric, "Period": stat.period, "Stat": stat.statistic},
        "ReturnData": True,
    }


def _math_queries(name: str, math: Math) -> Iterable[dict[str, Any]]:
    """Names are local to an expression, but ids to the whole request: they get a prefix."""
    own = {metric for metric, _ in math.metrics}

    def prefixed(match: "re.Match[str]") -> str:
        return f"{name}_{match[2]}" if match[2] in own else match[0]

    for metric, stat in math.metrics:
        yield {**_stat_query(f"{name}_{metric}", stat), "ReturnData": False}
    yield {
        "Id": name,
        "Expression": _TOKEN.sub(prefixed, math.expression),
        "Period": math.period,
        "ReturnData": True,
    }


def read_answers(asks: Sequence[Ask], results: Iterable[Mapping[str, Any]]) -> dict[Ask, Answer]:
    """The answer to each question, from the MetricDataResults of all pages."""
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        by_id.setdefault(result["Id"], []).append(result)
    return {ask: _read_answer(ask, by_id.get(f"q{index}", ())) for index, ask in enumerate(asks)}


def _read_answer(ask: Ask, parts: Sequence[Mapping[str, Any]]) -> Answer:
    status = str(parts[-1].get("StatusCode", "Complete")) if parts else "Complete"
    if status in ("Forbidden", "InternalError"):
        said = "; ".join(m.get("Value", "") for part in parts for m in part.get("Messages", ()))
        return Answer(problem=said or status, status=status)
    pairs = [
        (time.timestamp(), float(value))
        for part in parts
        for time, value in zip(part.get("Timestamps", ()), part.get("Values", ()), strict=True)
    ]
    points = dict(pairs)
    if len(points) < len(pairs):
        return Answer(
            problem="the expression gives several series where one is needed: wrap it in AVG, SUM or MAX",
            status="Several",
        )
    return Answer(tuple(sorted((t, v) for t, v in points.items() if ask.start <= t < ask.end)))
