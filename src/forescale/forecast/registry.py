"""Every forecaster by its name. A new one is one file, one line here, one heading in the docs."""

from difflib import get_close_matches
from importlib import import_module
from typing import Any

from forescale.forecast.base import BaseForecaster
from forescale.model.errors import ConfigError

FORECASTERS = {
    "persistence": "persistence.PersistenceForecaster",
    "recent_max": "persistence.RecentMaximumForecaster",
    "seasonal_naive": "seasonal.SeasonalNaiveForecaster",
    "seasonal_floor": "seasonal.SeasonalFloorForecaster",
    "ridge": "ridge.RidgeForecaster",
    "lightgbm": "boosting.LightGBMForecaster",
    "xgboost": "boosting.XGBoostForecaster",
    "forest": "forest.ForestForecaster",
    "quantile_forest": "quantile_forest.QuantileForestForecaster",
    "arima": "arima.ArimaForecaster",
    "mstl": "mstl.MstlForecaster",
    "lstm": "lstm.LstmForecaster",
    "combined": "combined.CombinedForecaster",
}
"""Name -> module of this room and class, imported when it is asked for."""


def forecaster(name: str) -> BaseForecaster[Any]:
    """A new forecaster of that name. Raises `ConfigError` where there is none."""
    if name not in FORECASTERS:
        near = get_close_matches(name, FORECASTERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(FORECASTERS)}"
        raise ConfigError(f"there is no forecaster {name!r}", hint=hint)
    made: BaseForecaster[Any] = _find(FORECASTERS[name])()
    return made


def forecaster_class(class_name: str) -> Any:
    """The class of that name, or None: how `forescale.forecast` finds what it exports."""
    for place in FORECASTERS.values():
        if place.endswith(f".{class_name}"):
            return _find(place)
    return None


def _find(place: str) -> Any:
    module, _, name = place.rpartition(".")
    return getattr(import_module(f"forescale.forecast.{module}"), name)
