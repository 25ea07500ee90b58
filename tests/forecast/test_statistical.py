"""ARIMA and MSTL: the forecasts made here are those of the mathematics, and orders are kept."""

import numpy as np
import pytest

from forescale.forecast import ArimaForecaster, MstlForecaster
from forescale.forecast.arima import RESELECT, Arima, _ahead
from forescale.forecast.base import MEDIAN
from forescale.forecast.quiet import quiet
from forescale.forecast.windows import realised
from forescale.series.regular import Series

DAY = 1440


def autoregressive(n=4000, a=0.8, mean=50.0, seed=3):
    rng = np.random.default_rng(seed)
    values = np.full(n, mean)
    for t in range(1, n):
        values[t] = mean + a * (values[t - 1] - mean) + rng.normal()
    return values


@pytest.mark.parametrize("order", [(1, 0, 0), (2, 0, 1), (1, 1, 1), (0, 1, 2), (0, 0, 0)])
def test_forecasts_are_those_of_the_library(order):
    from statsforecast.arima import arima, predict_arima

    values = autoregressive(600)
    with quiet():
        fit = arima(values, order=order, method="CSS-ML")  # of CSS alone it forecasts the mean
        expected = predict_arima(fit, n_ahead=6)[0]
    coef = fit["coef"]
    model = Arima(
        width=1, scale=1.0, d=order[1], mean=coef.get("intercept", 0.0),
        ar=tuple(coef[f"ar{i + 1}"] for i in range(order[0])),
        ma=tuple(coef[f"ma{i + 1}"] for i in range(order[2])),
    )  # fmt: skip
    assert _ahead(model, values[None, -200:], 6)[0] == pytest.approx(np.asarray(expected), rel=1e-4)


def test_the_path_returns_to_the_mean_as_an_autoregression_does():
    values = autoregressive()
    values[-1] = 60.0
    path = np.array(ArimaForecaster().fit(values.tolist()).predict(30).path)
    assert path[0] == pytest.approx(58.0, abs=1.0)
    assert path[-1] == pytest.approx(50.0, abs=1.0)


def test_the_order_is_selected_once_a_week_and_refitted_each_time(monkeypatch):
    from statsforecast import arima

    selected = []
    search = arima.auto_arima_f

    def counted(x, **options):
        selected.append(len(x))
        return search(x, **options)

    monkeypatch.setattr(arima, "auto_arima_f", counted)
    values = autoregressive(12 * DAY)
    model = ArimaForecaster()
    fits = set()
    for day in range(3, 12):
        state = model.fit(Series(0.0, values[: day * DAY]))._states[5]
        fits.add(state[0].ar)
    assert len(selected) == 2
    assert RESELECT == 7 * DAY
    assert len(fits) > 5  # the coefficients are new each day


def test_a_long_horizon_is_told_in_coarser_steps():
    forecast = ArimaForecaster().fit(autoregressive(), horizon=180).predict()
    assert len(forecast.path) == 180
    assert forecast.path[0] == forecast.path[2] != forecast.path[3]


def daily(days=16):
    minute = np.arange(days * DAY)
    rng = np.random.default_rng(5)
    week = np.where((minute // DAY) % 7 < 5, 1.0, 0.5)
    return Series(0.0, (60 + 30 * np.sin(2 * np.pi * minute / DAY)) * week + rng.normal(size=len(minute)))


def test_mstl_knows_the_day_and_the_week():
    series = daily()
    split = 15 * DAY  # Thursday 1970-01-01 is day 0 of the load, so day 15 is its second day of the week
    model = MstlForecaster().fit(series.cut(0, split), horizon=DAY)
    path = np.array(model.predict().path)
    assert np.mean(np.abs(path - series.values[split:])) < 4.0


def test_mstl_is_good_at_every_phase_of_its_blocks():
    series = daily(8)
    origins = np.arange(7 * DAY, 7 * DAY + 400)
    rows = MstlForecaster().fit(series.cut(0, 7 * DAY)).rolling(series, origins, 5)
    outcome = realised(series.values, origins, 5)
    off = np.abs(rows[:, MEDIAN] - outcome)
    assert [off[phase::5].mean() for phase in range(5)] == pytest.approx([off.mean()] * 5, rel=0.3)
    assert off.mean() < 3.0
