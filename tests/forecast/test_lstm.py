"""The LSTM: numpy forecasts what Keras has trained, and training for longer helps."""

import numpy as np
import pytest

from forescale.forecast import LstmForecaster
from forescale.forecast.lstm import KNOTS, _network
from forescale.forecast.scores import pinball_loss
from forescale.forecast.windows import realised
from forescale.series.regular import Series

pytestmark = pytest.mark.slow
DAY = 1440


def test_numpy_says_what_keras_says():
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    from forescale.forecast.learned import from_knots
    from forescale.forecast.lstm import Network
    from forescale.forecast.quiet import quiet

    rows = np.random.default_rng(1).normal(size=(50, 37))
    with quiet():
        model = _network(keras, 7)
        weights = tuple(np.array(part.tolist()) for part in model.get_weights())
        network = Network(np.zeros(7), np.ones(7), 1.0, 1.0, weights)
        said = np.array(model.predict(list(network.inputs(rows)), verbose=0).tolist())
    assert said.shape == (50, len(KNOTS))
    assert network(rows).centre == pytest.approx(from_knots(said, KNOTS).centre, abs=1e-4)


def test_more_epochs_learn_a_burst():
    minute = np.arange(4 * DAY)
    rng = np.random.default_rng(2)
    series = Series(0.0, 50 + 30 * np.less(minute % 60, 3) + rng.normal(size=len(minute)))
    origins = np.arange(3 * DAY, 4 * DAY - 5)
    outcome = realised(series.values, origins, 5)
    losses = [
        pinball_loss(
            LstmForecaster().fit(series.cut(0, 3 * DAY), epochs=n).rolling(series, origins, 5), outcome
        )
        for n in (1, 12)
    ]
    assert losses[1] < 0.7 * losses[0]


def test_no_epoch_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        LstmForecaster().fit([1.0] * 10, epochs=0)
