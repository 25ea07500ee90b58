"""The configuration file as models: what may be written, what it means, what holds when left out."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, Secret, StringConstraints, field_validator, model_validator

from forescale.actuators import AnyActuator
from forescale.aws.settings import AwsSettings
from forescale.config.problems import mask
from forescale.engine.settings import TargetSettings
from forescale.model.settings import Duration, Settings
from forescale.sources import AnySignal, CloudWatchSignal

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""A name people choose, short and plain enough for logs, URLs and identifiers."""

MODELS = "forescale.models"
"""The directory of models, where there is no SQLite ledger to name it after."""
_SQLITE = re.compile(r"(?:sqlite(?:\+\w+)?:///)?([^:?]+)(\?.*)?")

DATABASES = ("sqlite", "mysql", "mariadb", "postgresql", "postgres")


class StoreUrl(Secret[str]):
    """A database URL whose password is never shown; `get_secret_value()` is the whole URL."""

    def _display(self) -> str:
        return mask(self.get_secret_value())


class Logging(Settings):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are shown."""
    format: Literal["auto", "console", "json"] = "auto"
    """`console` for people, `json` for machines; `auto`: console on a terminal, else JSON."""


class Health(Settings):
    """Where `GET /health` and `GET /ready` answer."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """The address to listen on; `0.0.0.0` for a probe from another machine."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The TCP port; 0 for any that is free."""


class Training(Settings):
    """How models are trained, where a policy acts on forecasts."""

    workers: int = Field(default=1, ge=1, le=256)
    """How many models of this machine are trained at once: each by a process of its own, of one
    thread, which gives way to the evaluation of targets."""
    cluster: str | None = Field(
        default=None, pattern=r"^(tcp|tls|ws|wss|ucx)://\S+$", examples=["tcp://host:8786"]
    )
    """The scheduler of a Dask cluster that trains instead, such as `tcp://host:8786`; its workers need
    the same version of forescale."""
    models_dir: str | None = Field(default=None, min_length=1)
    """Where models are kept, so that a restart need not train again; a relative path starts at the
    directory of the configuration file. Left out: `forescale.models` beside the ledger `forescale.db`. Files
    in it can run code: nobody else may write there."""


class Target(TargetSettings):
    """A scalable thing: what it is, what is measured, who decides, and within which bounds."""

    actuator: AnyActuator
    """What is scaled. `group: NAME` in the target is short for `actuator: {type: asg, group: NAME}`."""
    signals: Mapping[Name, AnySignal] = Field(
        default_factory=lambda: {"cpu": CloudWatchSignal()}, min_length=1
    )
    """The series to read, by name; left out: the group's average CPU as `cpu`."""


class Config(Settings):
    """The whole file."""

    aws: AwsSettings = AwsSettings()
    """How AWS is reached. `region: NAME` at the top of the file is short for `aws: {region: NAME}`."""
    dry_run: bool = True
    """Decide and record, but change nothing: the AWS clients cannot write."""
    interval: Duration = Field(default=10.0, ge=1)
    """How often every target is evaluated."""
    store: StoreUrl = StoreUrl("sqlite:///forescale.db")
    """The database of the ledger: SQLite, MySQL, MariaDB or PostgreSQL by URL, or a SQLite file by
    its path. A relative path starts at the directory of the configuration file."""
    retention: Duration = Field(default=30 * 86400.0, ge=3600)
    """How long the ledger is kept."""
    training: Training = Training()
    log: Logging = Logging()
    health: Health | None = Health()
    """Health and readiness over HTTP; null for none."""
    targets: dict[Name, Target] = Field(min_length=1)
    """What is scaled, by names of your own. Whatever a target leaves out it takes from `defaults`."""

    @property
    def models_folder(self) -> Path:
        """The directory of models: as configured, or named after a SQLite ledger and beside it."""
        if self.training.models_dir is not None:
            return Path(self.training.models_dir).expanduser()
        ledger = _SQLITE.fullmatch(self.store.get_secret_value())
        return Path(ledger[1]).expanduser().with_suffix(".models") if ledger else Path(MODELS)

    @model_validator(mode="after")
    def _matched(self) -> Self:
        for name, target in self.targets.items():
            if (experiment := target.experiment) is None or experiment.matched_with is None:
                continue
            other = self.targets.get(experiment.matched_with)
            theirs = other.experiment if other is not None else None
            if theirs is None or theirs.matched_with != name:
                raise ValueError(
                    f"targets.{name}.experiment.matched_with is {experiment.matched_with!r}: there must be "
                    f"such a target, with an experiment whose matched_with is {name!r}"
                )
            if theirs.model_copy(update={"matched_with": experiment.matched_with}) != experiment:
                raise ValueError(
                    f"targets.{name}.experiment and that of {experiment.matched_with} must be the same"
                )
        return self

    @field_validator("store")
    @classmethod
    def _known_database(cls, url: StoreUrl) -> StoreUrl:
        kind, has_scheme, _ = url.get_secret_value().partition("://")
        if not kind or (has_scheme and kind.partition("+")[0] not in DATABASES):
            raise ValueError(
                "not a database that is supported: write sqlite:///forescale.db, or a URL that "
                f"begins with {', '.join(DATABASES[1:-1])} or {DATABASES[-1]}"
            )
        return url
