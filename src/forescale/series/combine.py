"""One series out of many instances' series."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from forescale.model.sample import Sample

How = Literal["mean", "max", "min", "sum"]
"""What is made of the instances' values."""

QUORUM = 0.5
"""The share of instances that must have reported: from fewer, the group cannot be judged."""


def combine(samples: Iterable[Sample], how: How) -> tuple[Sample, ...]:
    """Combine the instances' samples of each signal, bucket by bucket.

    A sample without an instance already speaks for the group and is kept as it is. An
    instance without a value in a bucket is never taken for 0: it is left out, and where
    fewer than half of the instances have a value the bucket has none. A `sum` over some of
    the instances is scaled up to all of them and marked estimated.

    Args:
        samples: any order, any signals; one per signal, bucket and instance.
        how: `mean`, `max`, `min` or `sum`.

    Returns:
        One sample per signal and bucket, by signal, then time.
    """
    buckets: dict[tuple[str, float], list[Sample]] = {}
    kept: list[Sample] = []
    for sample in samples:
        if sample.instance is None:
            kept.append(sample)
        else:
            buckets.setdefault((sample.signal, sample.time), []).append(sample)
    combined = [_combine_bucket(bucket, how) for bucket in buckets.values()]
    return tuple(sorted([*kept, *combined], key=lambda s: (s.signal, s.time)))


def _combine_bucket(bucket: Sequence[Sample], how: How) -> Sample:
    values = [s.value for s in bucket if s.value is not None]
    enough = bool(values) and len(values) >= QUORUM * len(bucket)
    guessed = how == "sum" and len(values) < len(bucket)
    return msgspec.structs.replace(
        bucket[0],
        value=_combine_values(values, len(bucket), how) if enough else None,
        instance=None,
        estimated=guessed or any(s.estimated for s in bucket),
    )


def _combine_values(values: Sequence[float], instances: int, how: How) -> float:
    match how:
        case "mean":
            return sum(values) / len(values)
        case "max":
            return max(values)
        case "min":
            return min(values)
        case "sum":
            return sum(values) * instances / len(values)
