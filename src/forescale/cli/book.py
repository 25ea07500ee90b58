"""What the commands that look into a ledger share: finding it, and the targets in it."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from forescale.model.errors import ConfigError

if TYPE_CHECKING:
    from forescale.config.settings import Config
    from forescale.model.decision import Decision
    from forescale.model.effect import Outcome
    from forescale.model.event import Command
    from forescale.store import Ledger


@contextmanager
def open_ledger(file: Path, *, write: bool = False) -> "Iterator[tuple[Config, Ledger]]":
    """The configuration and its ledger, for reading unless `write`."""
    from forescale.config import load
    from forescale.store import Ledger

    config = load(file)
    with Ledger.open(config.store.get_secret_value(), create=write, read_only=not write) as ledger:
        yield config, ledger


def chosen(config: "Config", target: str | None) -> list[str]:
    """The named target, or all. Raises `ConfigError` for a name there is not."""
    if target is None:
        return list(config.targets)
    if target not in config.targets:
        close = get_close_matches(target, config.targets, 1)
        raise ConfigError(
            f"there is no target {target!r}: there are {', '.join(config.targets)}",
            hint=f"did you mean {close[0]!r}?" if close else "",
        )
    return [target]


def outcome_of(ledger: "Ledger", decision: "Decision") -> "Outcome | None":
    """What came of a decision; None where that is not known (yet), or nothing was to be done.

    A dry run asks once for what it decides again and again: the outcome is that of the first.
    """
    from forescale.model.decision import Direction

    if decision.direction is Direction.HOLD:
        return None
    own = ledger.action(decision.id)
    if own is not None:
        return own.outcome
    for before in ledger.actions(decision.target, until=decision.time, limit=1):
        same = (before.action.previous, before.action.desired) == (decision.current, decision.desired)
        return before.outcome if same else None
    return None


def user() -> str:
    """Who gives an order."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id may have no name
        return "somebody"


def send(file: Path, target: str, command: "Command") -> None:
    """Leave an order for the process that runs the target; say so where none runs."""
    import time

    from forescale.cli.console import err

    now = time.time()
    with open_ledger(file, write=True) as (config, ledger):
        chosen(config, target)
        ledger.post(target, command, now)
        running = any(lease.target == target and lease.expires > now for lease in ledger.leases())
    if not running:
        err.print(f"no process runs {target} now: it will be carried out when one starts", style="yellow")
