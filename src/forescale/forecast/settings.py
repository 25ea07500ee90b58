"""How a target's demand is forecast."""

from pydantic import Field, field_validator

from forescale.forecast.registry import FORECASTERS
from forescale.model.settings import Duration, Settings


class ForecastSettings(Settings):
    """The candidates, and how often they learn anew."""

    models: tuple[str, ...] = Field(
        default=("persistence", "seasonal_naive", "quantile_forest"), min_length=1, max_length=8
    )
    """The candidates, the simplest first; each is believed once it is better than those before it."""
    refit: Duration = Field(default=86_400.0, ge=600)
    """Time between two fits of each model."""
    history: Duration = Field(default=35 * 86_400.0, ge=86_400, le=60 * 86_400)
    """How much of the past is learned from."""

    @field_validator("models")
    @classmethod
    def _known(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        for name in models:
            if name not in FORECASTERS:
                raise ValueError(f"there is no forecaster {name!r}; there are: {', '.join(FORECASTERS)}")
        if len(set(models)) < len(models):
            raise ValueError("a model is there twice")
        return models
