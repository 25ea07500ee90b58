"""A recurrent network (LSTM, Hochreiter and Schmidhuber 1997), trained by Keras 3 on JAX.

It reads the last hour step by step, together with the features of the other models, and tells
the quantiles at `KNOTS`. Keras only trains it: what was learned is a few matrices, and numpy
multiplies them, which takes a millisecond and needs no library in the process that forecasts.
"""

import os
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from forescale.forecast.base import HORIZON, Data
from forescale.forecast.features import Features, lookback
from forescale.forecast.learned import FeatureForecaster, Prediction, Predictor, from_knots
from forescale.forecast.quiet import quiet
from forescale.forecast.windows import forward_filled
from forescale.series.regular import Floats, Ints, Series

KNOTS = (0.1, 0.5, 0.9, 0.99)
"""The quantiles that the network tells."""

EPOCHS = 50
"""How many times it goes through what it learns from, where nothing else is said."""

_STEPS, _STRIDE = 30, 2  # what it reads: an hour, every second step
_UNITS, _DENSE = 24, 32
_BATCH, _RATE, _SEED = 256, 3e-3, 7
_FAR = 5.0  # standard deviations beyond which a feature tells it no more

Single = NDArray[np.float32]


class LstmForecaster(FeatureForecaster):
    """The last hour through an LSTM, the features beside it, two dense layers on top."""

    name = "lstm"
    extra: ClassVar[str] = "lstm"
    rows: ClassVar[int] = 6_000
    refit: ClassVar[int] = 7 * 1440

    def __init__(self) -> None:
        super().__init__()
        self._epochs = EPOCHS

    def fit(self, series: Data, *, horizon: int = HORIZON, epochs: int = EPOCHS) -> Self:
        """Learn from a history, going through it `epochs` times, of which there must be one at least."""
        if epochs < 1:
            raise ValueError(f"{epochs} epochs: at least 1 is needed")
        self._epochs = epochs
        return super().fit(series, horizon=horizon)

    def _features(self, series: Series, origins: Ints, horizon: int) -> Features:
        """The features, and after them the last hour, relative as they are."""
        seen = super()._features(series, origins, horizon)
        first = max(int(origins[0]) - lookback(series.step), 0)
        filled = forward_filled(series.values[first : int(origins[-1])])
        ago = _STRIDE * np.arange(_STEPS - 1, -1, -1)
        hour = filled[np.maximum(origins[:, None] - 1 - first - ago, 0)]
        relative = (hour - seen.last[:, None]) / seen.scale[:, None]
        names = (*seen.names, *(f"ago_{steps}" for steps in ago))
        return replace(seen, names=names, matrix=np.column_stack((seen.matrix, relative)))

    def _learn(self, matrix: Floats, target: Floats, weight: Floats) -> Predictor:
        os.environ.setdefault("KERAS_BACKEND", "jax")  # before Keras is first imported
        import keras

        known = matrix[:, :-_STEPS]
        with quiet():
            mean = np.nan_to_num(np.nanmean(known, axis=0))
            deviation = np.nan_to_num(np.nanstd(known, axis=0))
            hour = float(np.sqrt(np.nanmean(matrix[:, -_STEPS:] ** 2))) or 1.0
            size = float(np.mean(np.abs(target))) or 1.0
            empty = Network(mean, np.where(deviation > 1e-9, deviation, np.inf), hour, size, ())
            model = _network(keras, known.shape[1])
            order = np.random.default_rng(_SEED).permutation(len(target))
            inputs = [part[order] for part in empty.inputs(matrix)]
            outcome = (target / size)[order, None].astype(np.float32)
            counted = weight[order].astype(np.float32)
            model.fit(
                inputs, outcome, sample_weight=counted, batch_size=_BATCH, epochs=self._epochs,
                shuffle=False, verbose=0,
            )  # fmt: skip
            weights = tuple(np.array(part.tolist(), dtype=np.float64) for part in model.get_weights())
        return replace(empty, weights=weights)


def _network(keras: Any, columns: int) -> Any:
    """The network, its weights drawn with a seed."""
    layers, ops = keras.layers, keras.ops
    hour, known = keras.Input((_STEPS, 1)), keras.Input((columns,))

    def seeded(offset: int) -> Any:
        return keras.initializers.GlorotUniform(seed=_SEED + offset)

    read = layers.LSTM(_UNITS, kernel_initializer=seeded(0), recurrent_initializer=seeded(1))(hour)
    both = layers.Concatenate()([read, known])
    hidden = layers.Dense(_DENSE, activation="relu", kernel_initializer=seeded(2))(both)
    model = keras.Model([hour, known], layers.Dense(len(KNOTS), kernel_initializer=seeded(3))(hidden))
    levels = np.array(KNOTS, dtype=np.float32)

    def pinball(outcome: Any, found: Any) -> Any:
        off = outcome - found
        return ops.mean(ops.maximum(levels * off, (levels - 1) * off), axis=-1)

    model.compile(keras.optimizers.Adam(_RATE, clipnorm=1.0), loss=pinball)
    return model


@dataclass(frozen=True)
class Network:
    """What was learned: how to standardise, and the weights in the order in which Keras has them."""

    mean: Floats
    deviation: Floats
    hour: float
    size: float
    weights: tuple[Floats, ...]

    def inputs(self, rows: Floats) -> tuple[Single, Single]:
        """The hour (n, steps, 1) and the features (n, columns), standardised; absent ones at their mean."""
        known = np.clip(np.nan_to_num((rows[:, :-_STEPS] - self.mean) / self.deviation), -_FAR, _FAR)
        hour = np.clip(np.nan_to_num(rows[:, -_STEPS:] / self.hour), -_FAR, _FAR)
        return hour[:, :, None].astype(np.float32), known.astype(np.float32)

    def __call__(self, rows: Floats) -> Prediction:
        """The quantiles of each row."""
        kernel, recurrent, bias, dense, dense_bias, out, out_bias = self.weights
        hour, known = self.inputs(rows)
        read = _read(hour[:, :, 0].astype(np.float64), kernel, recurrent, bias)
        both: Floats = np.concatenate((read, known.astype(np.float64)), axis=1)
        hidden: Floats = np.maximum(both @ dense + dense_bias, 0.0)
        return from_knots((hidden @ out + out_bias) * self.size, KNOTS)


def _read(hour: Floats, kernel: Floats, recurrent: Floats, bias: Floats) -> Floats:
    """The state (n, units) of an LSTM that has read each hour (n, steps). Gates: in, forget, cell, out."""
    units = len(recurrent)
    state, cell = np.zeros((len(hour), units)), np.zeros((len(hour), units))
    for step in range(hour.shape[1]):
        gates = hour[:, step, None] @ kernel + state @ recurrent + bias
        enter, forget, fresh, leave = (gates[:, i * units : (i + 1) * units] for i in range(4))
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(fresh)
        state = _sigmoid(leave) * np.tanh(cell)
    return state


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * (1.0 + np.tanh(0.5 * x))
