"""The schedule: days, nights, lead time ahead, daylight saving."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from policy_world import NO_FORECAST, T0, observe, policy
from pydantic import ValidationError

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = {"days": "mon-fri", "from": "08:00", "to": "18:00", "min": 10}


def schedule(*entries, **fields):
    return policy("schedule", entries=entries, **fields)


def at(text, zone=UTC, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def bounds(policy, now, lead=0.0):
    proposal = policy.propose(observe(50, now=now, lead=lead), NO_FORECAST)
    return proposal.lower, proposal.upper, proposal.desired


@pytest.mark.parametrize(
    ("now", "lower"),
    [
        ("2026-01-05 07:59", None),
        ("2026-01-05 08:00", 10),
        ("2026-01-05 17:59", 10),
        ("2026-01-05 18:00", None),
        ("2026-01-10 12:00", None),  # a Saturday
    ],
)
def test_an_entry_holds_from_its_start_to_its_end(now, lower):
    assert bounds(schedule(OFFICE), at(now)) == (lower, None, None)


@pytest.mark.parametrize(
    ("now", "lower"),
    [
        ("2026-01-09 21:59", None),
        ("2026-01-09 22:00", 3),
        ("2026-01-10 05:59", 3),  # Saturday morning still belongs to Friday's night
        ("2026-01-10 06:00", None),
        ("2026-01-10 22:00", None),
        ("2026-01-05 05:59", None),  # nor did Sunday have one
    ],
)
def test_a_night_belongs_to_the_day_it_starts_on(now, lower):
    night = schedule({"days": "mon-fri", "from": "22:00", "to": "06:00", "min": 3})
    assert bounds(night, at(now)) == (lower, None, None)


def test_a_whole_day_and_a_date():
    day = schedule({"min": 1}, {"date": "2026-12-24", "min": 7})
    assert bounds(day, at("2026-12-23 23:59")) == (1, None, None)
    assert bounds(day, at("2026-12-24 00:00")) == (7, None, None)
    assert bounds(day, at("2026-12-24 23:59")) == (7, None, None)
    assert bounds(day, at("2026-12-25 00:00")) == (1, None, None)


def test_minima_come_one_lead_time_early_and_maxima_do_not():
    entry = {"from": "08:00", "to": "18:00", "min": 10, "desired": 12, "max": 20}
    assert bounds(schedule(entry), at("2026-01-05 07:55"), lead=240) == (None, None, None)
    assert bounds(schedule(entry), at("2026-01-05 07:56"), lead=240) == (10, None, 12)
    assert bounds(schedule(entry), at("2026-01-05 08:00"), lead=240) == (10, 20, 12)
    assert bounds(schedule(entry), at("2026-01-05 17:59"), lead=240) == (10, 20, 12)


def test_a_stretch_shorter_than_the_lead_time_is_prepared_without_a_gap():
    """From one lead time ahead to its end, without letting go in between."""
    short = schedule({"from": "08:00", "to": "08:02", "min": 10})
    start = at("2026-01-05 07:55")
    held = [bounds(short, start + 30 * i, lead=240)[0] for i in range(20)]
    assert held == [None] * 2 + [10] * 12 + [None] * 6


def test_the_next_day_is_prepared_before_midnight():
    friday = schedule({"days": "fri", "from": "00:00", "to": "06:00", "min": 4})
    assert bounds(friday, at("2026-01-08 23:55"), lead=240)[0] is None
    assert bounds(friday, at("2026-01-08 23:56"), lead=240)[0] == 4


def test_where_several_apply_the_largest_minimum_and_the_lowest_maximum_count():
    several = schedule({"min": 2, "max": 9, "desired": 3}, {"min": 4, "max": 12, "desired": 8}, {"max": 10})
    assert bounds(several, T0) == (4, 9, 8)


def test_a_minimum_to_come_may_be_above_a_maximum_that_ends():
    """The capacity must be there at eight; arbitration lets the lower bound win."""
    both = schedule({"to": "08:00", "max": 5}, {"from": "08:00", "min": 10})
    assert bounds(both, at("2026-01-05 07:58"), lead=240) == (10, 5, None)


def test_local_time_follows_daylight_saving():
    office = schedule(OFFICE, timezone="Europe/Berlin")
    assert bounds(office, at("2026-03-27 07:00"))[0] == 10  # Friday, UTC+1
    assert bounds(office, at("2026-03-30 06:00"))[0] == 10  # Monday, UTC+2
    assert bounds(office, at("2026-03-30 05:59"))[0] is None


def test_a_start_in_the_hour_that_is_skipped_begins_when_it_is_over():
    """On 29 March 2026, 02:00 is followed by 03:00 in Berlin."""
    entry = schedule(
        {"date": "2026-03-29", "from": "02:30", "to": "04:00", "min": 5}, timezone="Europe/Berlin"
    )
    skip = at("2026-03-29 01:00")  # 02:00 there would be 03:00
    assert [bounds(entry, skip + 60 * m)[0] for m in (-1, 0, 59, 60)] == [None, 5, 5, None]
    assert bounds(entry, skip - 60, lead=120)[0] == 5


def test_a_stretch_in_the_hour_that_comes_twice_holds_both_times():
    entry = schedule(
        {"date": "2026-10-25", "from": "02:00", "to": "02:30", "min": 5}, timezone="Europe/Berlin"
    )
    for fold in (0, 1):
        assert bounds(entry, at("2026-10-25 02:15", BERLIN, fold))[0] == 5
        assert bounds(entry, at("2026-10-25 02:45", BERLIN, fold))[0] is None


def test_a_minimum_may_be_the_maximum():
    assert bounds(schedule({"min": 4, "max": 4}), T0) == (4, 4, None)


def test_nothing_in_force_proposes_nothing():
    proposal = schedule(OFFICE).propose(observe(50, now=T0, lead=0), NO_FORECAST)
    assert (proposal.desired, proposal.reasons, proposal.blind) == (None, (), False)


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
CHANGES = [at("2026-03-29 01:00"), at("2026-10-25 01:00"), at("2026-03-08 07:00"), at("2026-04-04 15:00")]


@given(
    st.integers(0, 366 * 86400).map(lambda s: T0 + s)
    | st.builds(float.__add__, st.sampled_from(CHANGES), st.floats(-9000, 9000)),
    st.sampled_from(ZONES),
    st.integers(0, 47),
    st.integers(1, 47),
    st.floats(0, 7200),
)
@example(at("2026-10-25 02:50", BERLIN, 0), "Europe/Berlin", 4, 1, 1800.0)  # the clock goes back between
def test_what_holds_in_one_lead_time_holds_from_now_on(now, zone, start, length, lead):
    """Never is capacity missing when a stretch begins: whatever the zone, the day, the lead time."""
    clock = [f"{h % 48 // 2:02d}:{h % 2 * 30:02d}" for h in (start, start + length)]
    entry = schedule({"from": clock[0], "to": clock[1], "min": 5}, timezone=zone)
    for moment in (now, now + lead):
        if bounds(entry, moment)[0] == 5:
            assert bounds(entry, now, lead=lead)[0] == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"entries": [{"min": 5, "max": 4}]}, "is below min"),
        ({"entries": [{"from": "08:00"}]}, "at least one of"),
        ({"entries": []}, "at least 1 item"),
        ({"entries": [{"min": 1}], "timezone": "Mars/Olympus"}, "not a known time zone"),
        ({"entries": [{"min": 1, "days": "mon-xyz"}]}, "not a day"),
        ({"entries": [{"min": 1, "days": [7]}]}, "days"),
        ({"entries": [{"min": 1, "from": "8"}]}, "not a time of day"),
        ({"entries": [{"min": 1, "from": "24:30"}]}, "not a time of day"),
        ({"entries": [{"min": 1, "from": "08:60"}]}, "not a time of day"),
        ({"entries": [{"min": 10**30}]}, "less than or equal"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        policy("schedule", **fields)
