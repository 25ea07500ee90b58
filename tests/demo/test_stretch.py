import numpy as np
import pytest

from forescale.demo.stretch import busiest, stretch
from forescale.model.errors import TraceError
from forescale.series.trace import Trace


def test_the_busiest_stretch_is_where_the_load_moves():
    load = np.ones(1200)
    load[600:720:2] = 5.0
    begin = busiest(Trace(0.0, load), 180)
    assert begin <= 600
    assert begin + 180 >= 720


def test_gaps_do_not_count_as_moves():
    load = np.ones(600)
    load[100:200] = np.nan
    load[400:420] = 3.0
    begin = busiest(Trace(0.0, load), 120)
    assert begin <= 400 <= begin + 120


def test_a_stretch_keeps_its_times():
    part = stretch(Trace(600.0, np.arange(1.0, 101.0)), 10, 20)
    assert part.start == 1200.0
    assert part.load.tolist() == list(map(float, range(11, 31)))


@pytest.mark.parametrize("begin", [90, 100, 5000])
def test_a_trace_that_ends_before_says_what_is_there(begin):
    with pytest.raises(TraceError, match="are needed"):
        stretch(Trace(0.0, np.ones(100)), begin, 20)


def test_an_absent_stretch_is_refused():
    with pytest.raises(TraceError, match="absent"):
        stretch(Trace(0.0, np.full(100, np.nan)), 0, 50)
