"""Everything a command needs to evaluate targets, opened from a configuration and closed again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forescale.aws import Clients
from forescale.config.settings import Config
from forescale.model.journal import Entry
from forescale.model.protocols import Clock
from forescale.runtime.holder import holder
from forescale.runtime.runtime import Runtime
from forescale.runtime.wiring import assemble, pace
from forescale.store import Ledger

if TYPE_CHECKING:
    from forescale.runtime.forecasting import Forecasting


@dataclass(frozen=True)
class Session:
    """A runtime and what it stands on."""

    config: Config
    ledger: Ledger
    clients: Clients
    runtime: Runtime


@contextmanager
def open_session(
    config: Config,
    clock: Clock,
    *,
    clients: Clients | None = None,
    watch: Callable[[Entry], None] = lambda _entry: None,
) -> Iterator[Session]:
    """A runtime on the configured ledger and account; in dry run its clients cannot write.

    Raises `StoreError` where the ledger cannot be opened.
    """
    clients = clients or Clients(config.aws, writable=not config.dry_run)
    ledger = Ledger.open(config.store.get_secret_value())
    try:
        parts = assemble(config, clients, clock)
        runtime = Runtime(
            parts,
            ledger,
            clock,
            holder=holder(),
            pace=pace(config),
            watch=watch,
            forecasting=_forecasting(config, clients, clock),
        )
        yield Session(config, ledger, clients, runtime)
    finally:
        clients.close()
        ledger.close()


def _forecasting(config: Config, clients: Clients, clock: Clock) -> "Forecasting | None":
    """Who forecasts, where some policy asks for it; else nothing of it is even imported."""
    if not any(target.forecasts for target in config.targets.values()):
        return None
    from forescale.runtime.forecasting_wiring import forecasting

    return forecasting(config, clients, clock)
