import numpy as np
import pytest
from evaluate.traces import (
    BURSTY,
    SMOOTH,
    STILL,
    SUSTAINED,
    TRACES,
    Load,
    Public,
    chosen,
    jump,
    kind_of,
    loads,
)


def test_a_flat_load_has_no_jump():
    assert jump(np.full(3000, 7.0), 4) == pytest.approx(1.0)


def test_a_jump_is_against_what_there_was_in_the_last_five_minutes():
    load = np.full(2000, 1.0)
    load[::10] = 3.0  # every ten minutes: five of them see it neither now nor before
    assert jump(load, 4) == pytest.approx(3.0 / load.mean())


def test_a_jump_from_next_to_nothing_is_against_the_mean():
    load = np.concatenate((np.full(1000, 0.001), np.full(1000, 10.0)))
    assert jump(load, 4) < 2.1


def test_a_spike_rarer_than_one_in_a_thousand_minutes_is_not_counted():
    load = np.full(20_000, 1.0)
    load[5000] = 50.0
    assert jump(load, 4) == pytest.approx(1.0, abs=0.01)


def test_absent_minutes_are_left_out():
    load = np.full(3000, 2.0)
    load[500:900] = np.nan
    assert jump(load, 4) == pytest.approx(1.0)
    assert np.isnan(jump(np.full(100, np.nan), 4))


def test_a_longer_lead_time_is_never_calmer():
    load = np.random.default_rng(1).gamma(2.0, size=5000)
    assert jump(load, 1) <= jump(load, 4) <= jump(load, 10)


def test_classes_are_those_of_the_stated_bounds():
    assert [kind_of(j) for j in (1.05, 1.1, 1.2, 1.4, 2.2, 2.31)] == [
        STILL, STILL, SMOOTH, SMOOTH, SUSTAINED, BURSTY,
    ]  # fmt: skip


def test_traces_are_chosen_by_parts_of_their_names():
    assert chosen([]) == TRACES
    assert [public.title for public in chosen(["LCG", "vm740"])] == ["Bitbrains vm740", "Grid jobs"]


def test_a_file_that_is_not_there_is_told_and_the_others_are_read(tmp_path):
    rows = [f"{60 * minute},{1 + minute % 7}" for minute in range(3000)]
    (tmp_path / "load.csv").write_text("time,load\n" + "\n".join(rows))
    here, gone = Public("load.csv:load", "here"), Public("gone.csv:load", "gone")
    found = list(loads([here, gone], tmp_path))
    assert isinstance(found[0], Load)
    assert found[0].warmup == 1500
    assert np.percentile(found[0].trace.load, 99.9) == pytest.approx(40)
    assert found[1] is gone
