"""Forecasters and what judges them: one file a model, calibration, selection. Pure.

The classes can be had from here by name, each imported with its library when it is first used:

    from forescale.forecast import ArimaForecaster
    ArimaForecaster().fit(load).predict(12)
"""

from typing import Any

from forescale.forecast.registry import FORECASTERS, forecaster, forecaster_class

__all__ = ["FORECASTERS", "forecaster"]


def __getattr__(name: str) -> Any:
    found = forecaster_class(name) if name.endswith("Forecaster") else None
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, *(place.rpartition(".")[2] for place in FORECASTERS.values())])
