"""From a configuration to a runtime: the only place that knows which adapters there are."""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from forescale.actuators import ACTUATORS
from forescale.aws import Clients
from forescale.config.settings import Config, Target
from forescale.model.protocols import Clock, Source
from forescale.model.sample import Sample, Window
from forescale.runtime.runtime import Part
from forescale.runtime.target import Pace
from forescale.sources import SOURCES


class Sources:
    """The sources of one target as one: all are read at once, and one that fails spoils none."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    async def read(self, window: Window) -> Sequence[Sample]:
        """Everything that could be read. Raises the first error where nothing could."""
        found = await asyncio.gather(*(s.read(window) for s in self._sources), return_exceptions=True)
        errors = [f for f in found if isinstance(f, BaseException)]
        if errors and len(errors) == len(found):
            raise errors[0]
        return [sample for f in found if not isinstance(f, BaseException) for sample in f]


def assemble(config: Config, clients: Clients, clock: Clock) -> list[Part]:
    """Every target with its adapters; targets of one kind share a hub, and so their calls."""
    actuators = {kind: hub(clients, clock) for kind, hub in ACTUATORS.items()}
    sources = {kind: hub(clients, clock) for kind, hub in SOURCES.items()}
    return [
        Part(
            name,
            target,
            _source(name, target, sources),
            actuators[target.actuator.type].actuator(name, target.actuator),
        )
        for name, target in config.targets.items()
    ]


def _source(name: str, target: Target, hubs: Mapping[str, Any]) -> Source:
    kinds = sorted({signal.type for signal in target.signals.values()})
    group = target.actuator.group
    sources = [
        hubs[kind].source(name, group, {n: s for n, s in target.signals.items() if s.type == kind})
        for kind in kinds
    ]
    return sources[0] if len(sources) == 1 else Sources(sources)


def pace(config: Config) -> Pace:
    """How often, as configured."""
    return Pace(interval=config.interval, retention=config.retention)


def holder() -> str:
    """The name of this process in the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}"
