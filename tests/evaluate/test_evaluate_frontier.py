import pytest
from evaluate.frontier import Spot, cost_at, lower_edge, violations_at
from hypothesis import given
from hypothesis import strategies as st

SPOTS = [
    Spot("cheap", 1.1, 4.0),
    Spot("dominated", 1.5, 3.0),
    Spot("middle", 1.3, 2.0),
    Spot("safe", 1.7, 0.0),
]
some_spots = st.lists(
    st.builds(
        Spot,
        st.just(""),
        st.floats(1, 5).map(lambda x: round(x, 3)),
        st.floats(0, 50).map(lambda x: round(x, 3)),
    ),
    min_size=1,
    max_size=12,
)


def test_what_is_dearer_and_violates_more_is_not_on_the_edge():
    assert [spot.label for spot in lower_edge(SPOTS)] == ["cheap", "middle", "safe"]


@pytest.mark.parametrize(
    ("violations", "cost"), [(5.0, 1.1), (4.0, 1.1), (3.0, 1.2), (2.0, 1.3), (1.0, 1.5), (0.0, 1.7)]
)
def test_cost_is_proportional_between_two_settings(violations, cost):
    assert cost_at(SPOTS, violations) == pytest.approx(cost)


@pytest.mark.parametrize(("cost", "violations"), [(1.1, 4.0), (1.2, 3.0), (1.5, 1.0), (1.7, 0.0), (9.0, 0.0)])
def test_violations_are_proportional_between_two_settings(cost, violations):
    assert violations_at(SPOTS, cost) == pytest.approx(violations)


def test_what_no_setting_reaches_is_not_made_up():
    assert cost_at(SPOTS[:2], 1.0) is None
    assert violations_at(SPOTS, 1.0) is None
    assert cost_at([], 1.0) is None
    assert violations_at([], 1.0) is None


@given(some_spots, st.floats(0, 50), st.floats(0, 50))
def test_fewer_violations_never_cost_less(spots, one, other):
    strict, loose = (cost_at(spots, limit) for limit in sorted((one, other)))
    assert strict is None or (loose is not None and loose <= strict + 1e-9)


@given(some_spots, st.floats(0, 50))
def test_no_cost_is_below_that_of_the_cheapest_and_none_above_a_setting_that_keeps_it(spots, limit):
    cost = cost_at(spots, limit)
    keeping = [spot.cost for spot in spots if spot.violations <= limit]
    assert (cost is None) == (not keeping)
    if cost is not None:
        assert min(spot.cost for spot in spots) - 1e-9 <= cost <= min(keeping) + 1e-9


@given(some_spots, st.floats(1, 5))
def test_what_is_read_off_at_a_cost_costs_that_much_at_most(spots, cost):
    violations = violations_at(spots, cost)
    if violations is not None:
        assert cost_at(spots, violations + 1e-9) <= cost + 1e-6
