"""A load on one line."""

from hypothesis import given
from hypothesis import strategies as st

from forescale.ui.chart import sparkline


def test_the_highest_is_full_and_what_is_absent_is_blank():
    nan = float("nan")
    assert sparkline([0.0, 4.0, 8.0, nan, 2.0], width=10) == " ▄█ ▂"


def test_several_values_share_a_column_which_shows_their_highest():
    assert sparkline([0.0, 8.0, 4.0, 4.0, float("nan"), 8.0], width=3) == "█▄█"


@given(st.lists(st.floats(-10, 1e12) | st.just(float("nan")), max_size=200), st.integers(1, 40))
def test_it_is_never_wider_than_asked(values, width):
    assert len(sparkline(values, width=width)) <= width
