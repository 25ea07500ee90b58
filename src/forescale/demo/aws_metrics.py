"""The local AWS's metrics: datapoints in memory, with the statistics CloudWatch has."""

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from forescale.demo.aws_math import Series, evaluate
from forescale.demo.aws_wire import AwsError

MOST_QUERIES = 500
_IDENTIFIER = re.compile(r"[a-z][A-Za-z0-9_]*")


class Datum(NamedTuple):
    """What was published at a time: values with how often each occurred."""

    time: float
    values: tuple[tuple[float, float], ...]


class MetricKey(NamedTuple):
    """One metric of one region."""

    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


class MetricStore:
    """Datapoints by metric, oldest first. `page` is the most datapoints of one answer."""

    def __init__(self) -> None:
        self.page = 100_800  # AWS's own limit
        self._data: dict[MetricKey, list[Datum]] = {}

    def put(self, key: MetricKey, datum: Datum) -> None:
        """Publish a datapoint."""
        insort(self._data.setdefault(key, []), datum)

    def series(self, key: MetricKey, statistic: str, period: int, start: float, end: float) -> Series:
        """A statistic by bucket, for buckets starting in [start, end)."""
        summarise = _statistic(statistic)
        data = self._data.get(key, [])
        buckets: dict[float, list[tuple[float, float]]] = {}
        for datum in data[bisect_left(data, (start,)) :]:
            bucket = datum.time // period * period
            if bucket >= end:
                break
            if bucket >= start:
                buckets.setdefault(bucket, []).extend(datum.values)
        return {bucket: summarise(values) for bucket, values in buckets.items()}

    def put_metric_data(self, region: str, parameters: Mapping[str, Any], now: float) -> Mapping[str, Any]:
        """PutMetricData. Statistic sets are kept as their extremes and their mean between."""
        for entry in parameters.get("MetricData", ()):
            dimensions = _dimensions(entry.get("Dimensions", ()))
            key = MetricKey(region, parameters["Namespace"], entry["MetricName"], dimensions)
            self.put(key, Datum(entry.get("Timestamp", now), tuple(_values(entry))))
        return {}

    def get_metric_data(self, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """GetMetricData: metrics and metric math, in pages. Raises AWS's own validation errors."""
        queries = parameters.get("MetricDataQueries", ())
        start, end = parameters["StartTime"], parameters["EndTime"]
        _check(queries, start, end)
        found = self._answer(region, queries, start, end)
        descending = parameters.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        wanted = [query["Id"] for query in queries if query.get("ReturnData", True)]
        rows = [(name, t, found[name][t]) for name in wanted for t in sorted(found[name], reverse=descending)]
        first = int(parameters.get("NextToken") or 0)
        last = first + int(parameters.get("MaxDatapoints") or self.page)
        more = last < len(rows)
        answer: dict[str, Any] = {
            "MetricDataResults": _results(wanted, rows[first:last], more),
            "Messages": [],
        }
        return answer | ({"NextToken": str(last)} if more else {})

    def _answer(
        self, region: str, queries: Sequence[Mapping[str, Any]], start: float, end: float
    ) -> dict[str, Series]:
        found: dict[str, Series] = {}
        for query in queries:
            if stat := query.get("MetricStat"):
                metric = stat["Metric"]
                dimensions = _dimensions(metric.get("Dimensions", ()))
                key = MetricKey(region, metric["Namespace"], metric["MetricName"], dimensions)
                found[query["Id"]] = self.series(key, stat["Stat"], stat["Period"], start, end)
        for query in queries:
            if "Expression" in query:
                period = query.get("Period") or _common_period(queries)
                times = [t * period for t in range(int(-(-start // period)), int(-(-end // period)))]
                found[query["Id"]] = evaluate(query["Expression"], found, period, times)
        return found


def _statistic(name: str) -> Callable[[list[tuple[float, float]]], float]:
    """What makes one value of a bucket's (value, occurrences) pairs."""
    known: dict[str, Callable[[list[tuple[float, float]]], float]] = {
        "Average": lambda pairs: sum(v * n for v, n in pairs) / sum(n for _, n in pairs),
        "Sum": lambda pairs: sum(v * n for v, n in pairs),
        "Minimum": lambda pairs: min(v for v, _ in pairs),
        "Maximum": lambda pairs: max(v for v, _ in pairs),
        "SampleCount": lambda pairs: sum(n for _, n in pairs),
    }
    if name in known:
        return known[name]
    if (match := re.fullmatch(r"p(\d{1,2}(?:\.\d+)?|100)", name)) is not None:
        share = float(match[1]) / 100
        return lambda pairs: _percentile(pairs, share)
    raise AwsError("ValidationError", f"The value {name} for parameter Stat is not supported.")


def _percentile(pairs: Iterable[tuple[float, float]], share: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(pairs)
    rank, passed = share * sum(n for _, n in ordered), 0.0
    for value, occurrences in ordered:
        passed += occurrences
        if passed >= rank:
            return value
    return ordered[-1][0]


def _values(entry: Mapping[str, Any]) -> Iterable[tuple[float, float]]:
    if "Values" in entry:
        return zip(entry["Values"], entry.get("Counts") or [1.0] * len(entry["Values"]), strict=True)
    if "StatisticValues" not in entry:
        return [(entry["Value"], 1.0)]
    stats = entry["StatisticValues"]
    low, high, count, total = (stats[k] for k in ("Minimum", "Maximum", "SampleCount", "Sum"))
    if count <= 2:
        return [(low, 1.0), (high, 1.0)][: int(count)]
    return [(low, 1.0), ((total - low - high) / (count - 2), count - 2), (high, 1.0)]


def _dimensions(pairs: Iterable[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((pair["Name"], pair["Value"]) for pair in pairs))


def _common_period(queries: Iterable[Mapping[str, Any]]) -> int:
    return max((query["MetricStat"]["Period"] for query in queries if "MetricStat" in query), default=60)


def _check(queries: Sequence[Mapping[str, Any]], start: float, end: float) -> None:
    """The rules of GetMetricData that a caller can break."""
    names = [query["Id"] for query in queries]
    problem = ""
    if len(queries) > MOST_QUERIES:
        problem = "The collection MetricDataQueries must not have a size greater than 500."
    elif start >= end:
        problem = "The parameter StartTime must be less than the parameter EndTime."
    elif len(set(names)) < len(names):
        problem = "The values for parameter Id in MetricDataQueries are not unique."
    elif bad := [name for name in names if not _IDENTIFIER.fullmatch(name)]:
        problem = f"The value {bad[0]} for parameter Id is not matching the expected pattern."
    for query in queries:
        period = query["MetricStat"]["Period"] if "MetricStat" in query else query.get("Period", 60)
        if period not in (1, 5, 10, 20, 30) and period % 60:
            problem = f"The parameter Period must be a multiple of 60, or 1, 5, 10, 20, 30; it is {period}."
    if problem:
        raise AwsError("ValidationError", problem)


def _results(
    wanted: Sequence[str], rows: Iterable[tuple[str, float, float]], more: bool
) -> list[dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {
        name: {"Id": name, "Label": name, "Timestamps": [], "Values": [], "StatusCode": "Complete"}
        for name in wanted
    }
    last = wanted[-1] if wanted else ""
    for name, time, value in rows:
        results[name]["Timestamps"].append(time)
        results[name]["Values"].append(value)
        last = name
    if more:
        results[last]["StatusCode"] = "PartialData"
    return list(results.values())
