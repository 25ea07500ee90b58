"""A plain picture of a load as a PNG. Matplotlib is imported when something is drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forescale.model.errors import ConfigError, TraceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from forescale.series.trace import Floats


_DAY = 86400.0  # matplotlib counts days since the epoch


def draw(
    path: Path,
    start: float,
    load: "Floats",
    *,
    title: str,
    bands: Sequence[tuple[float, float]] = (),
    lines: Sequence[float] = (),
) -> None:
    """Write a PNG of a load on minutes.

    Args:
        path: where to.
        start: the first minute, in seconds since the epoch.
        load: one value a minute; NaN leaves a hole.
        title: above it.
        bands: spans to be shaded, in seconds since the epoch.
        lines: moments to be marked.

    Raises:
        ConfigError: matplotlib is not installed.
        TraceError: it cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no global state
    except ImportError as error:
        raise ConfigError(
            "pictures need matplotlib, which is not installed", hint="pip install 'forescale[report]'"
        ) from error
    times = _stamps([start + 60.0 * minute for minute in range(len(load))])
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(times, load, linewidth=0.6, color="tab:blue")
    for left, right in bands:
        axes.axvspan(left / _DAY, right / _DAY, color="tab:red", alpha=0.4)
    for moment in lines:
        axes.axvline(moment / _DAY, color="tab:orange", linestyle="--")
    axes.set_title(title)
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.grid(alpha=0.3)
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise TraceError(f"cannot write {path}: {error.strerror or error}") from error


def _stamps(times: Sequence[float]) -> "NDArray[np.datetime64]":
    import numpy as np

    return np.array(times, dtype=np.int64).astype("datetime64[s]")
