"""A strategy against its rivals, in words."""

from collections.abc import Iterator, Mapping

from forescale.sim.measures import Score

_RIVALS = {"target-tracking": "target tracking", "static-peak": "a static peak"}


def verdicts(scores: Mapping[str, Score]) -> Iterator[str]:
    """In words: what the configured strategy saves against each rival, and at what price in violations."""
    ours = scores["configured"]
    for name, label in _RIVALS.items():
        if name in scores:
            yield f"Against {label}: {_saving(ours, scores[name])}; {_service(ours, scores[name])}."


def _saving(ours: Score, rival: Score) -> str:
    hours = ours.instance_hours - rival.instance_hours
    if abs(hours) < 0.0005 * rival.instance_hours:
        return "the same instance-hours"
    word = "fewer" if hours < 0 else "more"
    return f"{abs(hours):,.0f} instance-hours {word} ({abs(hours) / rival.instance_hours:.1%})"


def _service(ours: Score, rival: Score) -> str:
    if f"{ours.violations:.2f}" == f"{rival.violations:.2f}":
        return f"as many violations ({ours.violations:.2f} %)"
    word = "fewer" if ours.violations < rival.violations else "more"
    return f"{word} violations ({ours.violations:.2f} % instead of {rival.violations:.2f} %)"
