"""Where the recorded loads are, if they are."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def recorded():
    """A recorded trace by file and column, in instances; skips where the data set is not there."""

    def load(spec, peak=40):
        from forescale.series.trace import from_points
        from forescale.sources.trace_csv import read_trace

        path = DATA / spec.rpartition(":")[0]
        if not path.exists():
            pytest.skip(f"recorded loads are not there: {path.name}")
        return from_points(read_trace(f"{DATA}/{spec}").points).scaled(peak)

    return load
