"""Each fact is told once."""

from hypothesis import given
from hypothesis import strategies as st

from forescale.model.fleet import FleetStatus
from forescale.model.sample import Sample, Unit
from forescale.runtime.news import SETTLED, News
from runtime_world import START

NOW = START


def sample(minutes_ago, value=50.0, signal="cpu"):
    return Sample(signal, NOW - 60.0 * minutes_ago, value, Unit.PERCENT, "test")


def told(news, *samples, now=NOW):
    picked = news.pick(samples, now)
    news.keep(picked, None, now)
    return picked


def test_what_is_told_is_not_told_again():
    news = News()
    assert told(news, sample(1), sample(2)) == (sample(2), sample(1))
    assert told(news, sample(0), sample(1), sample(2)) == (sample(0),)


def test_a_changed_value_and_an_absence_are_news():
    news = News()
    told(news, sample(1, 50.0), sample(2, None))
    assert told(news, sample(1, 60.0)) == (sample(1, 60.0),)
    assert told(news, sample(1, None)) == (sample(1, None),)
    assert told(news, sample(2, None)) == ()
    assert told(news, sample(2, 0.0)) == (sample(2, 0.0),)


def test_signals_are_told_apart():
    news = News()
    told(news, sample(1))
    assert told(news, sample(1, signal="memory")) == (sample(1, signal="memory"),)


def test_what_could_not_be_written_is_told_again():
    news, fleet = News(), FleetStatus(2, 1, 10, 2)
    assert news.pick([sample(1)], NOW) == news.pick([sample(1)], NOW) == (sample(1),)
    assert news.pick_fleet(fleet) == news.pick_fleet(fleet) == fleet
    news.keep((), fleet, NOW)
    assert news.pick_fleet(fleet) is None
    assert news.pick_fleet(FleetStatus(3, 1, 10, 2)) is not None


def test_as_far_back_as_the_policies_look():
    day = [sample(minutes) for minutes in range(1, 1440)]
    assert len(News().pick(day, NOW)) == SETTLED / 60 - 1
    news = News(86400.0)
    assert len(told(news, *day)) == len(day)
    assert told(news, *day) == ()


def test_a_clock_put_back_behind_the_data_is_noticed():
    news = News()
    told(news, sample(1))
    assert not news.overtaken(NOW)
    assert news.overtaken(NOW - 3600)
    news.forget()
    assert news.overtaken(NOW - 3600)
    assert told(news, sample(1)) == (sample(1),)


def test_a_stamp_from_the_future_proves_nothing_about_the_clock():
    news = News()
    told(news, sample(-30))
    assert not news.overtaken(NOW)


@given(st.lists(st.lists(st.tuples(st.integers(0, 50), st.none() | st.floats(0, 100)))))
def test_the_telling_adds_up_to_what_was_read(reads):
    news, known = News(), {}
    for read in reads:
        samples = {minutes: sample(minutes, value) for minutes, value in read}
        known |= {s.time: s.value for s in told(news, *samples.values())}
        assert samples.items() <= {m: sample(m, known.get(NOW - 60.0 * m, "?")) for m in samples}.items()


def test_a_month_takes_no_more_room_than_a_day():
    news = News()
    for hour in range(720):
        now = NOW + 3600 * hour
        samples = [Sample("cpu", now - 60.0 * m, 1.0, Unit.PERCENT, "test") for m in range(1, 60)]
        told(news, *samples, now=now)
    assert len(news._values) <= SETTLED / 60
