"""The public traces, how restless each is, and what they are scaled to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from forescale.series.trace import Floats, Trace, from_points
from forescale.sources.trace_csv import read_trace

PEAK = 40
"""Instances that the 99.9th percentile of each load needs."""

WARMUP = 7 * 1440
"""Minutes that are not scored; half the trace where that is shorter."""

STILL, SMOOTH, SUSTAINED, BURSTY = "still", "smooth", "sustained", "bursty"
_UP_TO = ((1.1, STILL), (1.4, SMOOTH), (2.3, SUSTAINED))
_CURRENT = 5  # minutes whose maximum is what is there now
_RARE = 99.9


@dataclass(frozen=True)
class Public:
    """A column of a public file; `kind` is the class it was put in, None for one that is not judged."""

    spec: str
    title: str
    kind: str | None = None


VMS = "vm_bitbrains_a_5min.csv.gz"
TRACES = (
    Public("cluster_azure_v2_cpu_5min.csv:cpu_core_pct_sum", "Azure cluster", STILL),
    Public("extra/aws_ec2_cpu_ac20cd_5min.csv:cpu_pct", "EC2 ac20cd", STILL),
    Public(f"{VMS}:vm740_cpu_pct", "Bitbrains vm740", SMOOTH),
    Public("aws_ec2_cpu_5f5533_5min.csv:cpu_pct", "EC2 5f5533", SMOOTH),
    Public(f"{VMS}:vm997_cpu_pct", "Bitbrains vm997", SMOOTH),
    Public("aws_asg_cpu_misconfig_5min.csv.gz:cpu_pct", "ASG CPU", SUSTAINED),
    Public("web_nasa_http_1995_1min.csv.gz:requests", "NASA web", SUSTAINED),
    Public("extra/jobs_lcg_grid_5min.csv:jobs", "Grid jobs", BURSTY),
    Public("web_worldcup98_a_1min.csv.gz:requests", "World Cup 98", BURSTY),
    Public("aws_elb_request_count_5min.csv:requests", "ELB requests", BURSTY),
    Public(f"{VMS}:vm871_cpu_pct", "Bitbrains vm871"),
    Public(f"{VMS}:vm190_cpu_pct", "Bitbrains vm190"),
    Public(f"{VMS}:vm607_cpu_pct", "Bitbrains vm607"),
    Public(f"{VMS}:vm550_cpu_pct", "Bitbrains vm550"),
)


@dataclass(frozen=True)
class Load:
    """A trace in instances, and what is known of it. `jump` is J over the scored part, lead time 4 min."""

    public: Public
    trace: Trace
    warmup: int
    jump: float

    @property
    def kind(self) -> str:
        """The class it was put in, else that of its J."""
        return self.public.kind or kind_of(self.jump)

    @property
    def scored(self) -> Floats:
        """The load after warm-up."""
        return self.trace.load[self.warmup :]

    @property
    def slug(self) -> str:
        """A name for files: that of the file and the column."""
        path, _, column = self.public.spec.rpartition(":")
        return f"{Path(path).name.split('.')[0]}-{column}"


def chosen(names: Sequence[str]) -> tuple[Public, ...]:
    """Those whose file, column or title holds one of the names; all where none is given."""
    return tuple(
        public
        for public in TRACES
        if not names or any(n.lower() in f"{public.spec} {public.title}".lower() for n in names)
    )


def loads(publics: Sequence[Public], data: Path) -> Iterator[Load | Public]:
    """Each trace, scaled; or the entry itself where its file is not there."""
    for public in publics:
        if not (data / public.spec.rpartition(":")[0]).exists():
            yield public
            continue
        trace = from_points(read_trace(str(data / public.spec)).points).scaled(PEAK)
        warmup = min(WARMUP, len(trace) // 2)
        yield Load(public, trace, warmup, jump(trace.load[warmup:], 4))


def jump(load: Floats, lead: int) -> float:
    """J: the 99.9th percentile over time of how much more the next lead time brings than there is now.

    (maximum of the next `lead` minutes) / max(maximum of the last 5 minutes, mean of all). Minutes
    without a value are left out of each; NaN where there is nothing to compare.
    """
    known = np.where(np.isnan(load), -np.inf, load)
    if len(known) <= lead or not np.any(np.isfinite(known)):
        return float(np.nan)
    ahead = sliding_window_view(known, lead).max(axis=1)[1:]
    padded = np.concatenate((np.full(_CURRENT - 1, -np.inf), known))
    now = sliding_window_view(padded, _CURRENT).max(axis=1)[: len(ahead)]
    ratio = ahead / np.maximum(now, np.nanmean(load))
    ratio = ratio[np.isfinite(ratio)]
    return float(np.percentile(ratio, _RARE)) if len(ratio) else float(np.nan)


def kind_of(jump: float) -> str:
    """The class that a J lies in."""
    return next((kind for most, kind in _UP_TO if jump <= most), BURSTY)
