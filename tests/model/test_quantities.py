"""Durations and ratios: what people may write, what is refused, and that nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forescale.model.settings import Duration, Ratio, Settings, format_duration, parse_duration, parse_ratio


class Quantities(Settings):
    """What a settings model might hold."""

    wait: Duration = 0.0
    share: Ratio = 0.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("4m", 240),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 2d ", 172800),
        ("1w", 604800),
        ("250ms", 0.25),
        ("1.5m", 90),
        ("1m30s500ms", 90.5),
        ("0", 0),
        (0, 0),
        (0.0, 0),
        ("0s", 0),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (90, "90 has no unit: write 90s, 90m"),
        (1.5, "no unit"),
        ("90", "not a duration"),
        ("", "not a duration"),
        ("-5s", "not a duration"),
        ("5 minutes", "not a duration"),
        ("5M", "not a duration"),
        ("s", "not a duration"),
        ("1e3s", "not a duration"),
        ("1,5m", "not a duration"),
        ("90s and more", "not a duration"),
        ("300y", "not a duration"),
        ("99999w", "longer than a hundred years"),
        (True, "expected a duration"),
        (None, "expected a duration"),
        (["5s"], "expected a duration"),
        (float("nan"), "no unit"),
    ],
)
def test_what_is_no_duration_is_refused_with_what_would_be(text, message):
    with pytest.raises(ValueError, match=message):
        parse_duration(text)


@given(st.floats(0, 3e9))
def test_settings_keep_every_duration_through_json(seconds):
    before = Quantities.model_construct(wait=seconds, share=0.5)
    assert Quantities.model_validate_json(before.model_dump_json()).wait == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (0.9996, "1s"),
        (0.0001, "0s"),
        (1, "1s"),
        (59.6, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (5400, "1h30m"),
        (3661, "1h1m"),
        (86400, "1d"),
        (90061, "1d1h"),
        (604800, "7d"),
    ],
)
def test_durations_as_people_write_them(seconds, text):
    assert format_duration(seconds) == text


@given(st.floats(0, 3e8))
def test_a_formatted_duration_is_read_back_about_the_same(seconds):
    text = format_duration(seconds)
    assert abs(parse_duration(text) - seconds) <= max(0.5, seconds / 24)
    assert format_duration(parse_duration(text)) == text


@given(st.integers(0, 3599))
def test_whole_seconds_below_an_hour_are_read_back_exactly(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("60%", 0.6), (" 60 % ", 0.6), ("0%", 0), ("100%", 1), ("33.3%", 0.333), (0.6, 0.6), (1, 1), (0, 0)],
)
def test_ratios(text, ratio):
    assert parse_ratio(text) == pytest.approx(ratio, abs=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (60, "write 60% if that is meant"),
        (1.2, "not a ratio between 0 and 1"),
        (-0.1, "not a ratio between 0 and 1"),
        (float("nan"), "not a ratio between 0 and 1"),
        ("0.6", "write for example 60%"),
        ("-5%", "not a ratio"),
        ("%", "not a ratio"),
        (True, "not a ratio"),
        (None, "not a ratio"),
    ],
)
def test_what_is_no_ratio_is_refused_with_what_would_be(text, message):
    with pytest.raises(ValueError, match=message):
        parse_ratio(text)


def test_a_share_of_a_whole_is_at_most_the_whole():
    with pytest.raises(ValidationError, match="more than the whole"):
        Quantities(share="150%")


@given(st.floats(0, 1))
def test_settings_keep_every_ratio_through_json(ratio):
    before = Quantities(share=ratio)
    assert Quantities.model_validate_json(before.model_dump_json()) == before


@given(st.integers(0, 100))
def test_a_percentage_is_the_ratio(percent):
    assert parse_ratio(f"{percent}%") == percent / 100


def test_settings_are_frozen_and_know_their_names():
    with pytest.raises(ValidationError, match="frozen"):
        Quantities().wait = 5.0
    with pytest.raises(ValidationError, match="Extra inputs"):
        Quantities(weight=3)
