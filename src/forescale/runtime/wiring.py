"""From a configuration to a runtime: the only place that knows which adapters there are."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from forescale.actuators import ACTUATORS
from forescale.aws import Clients
from forescale.config.settings import Config, Target
from forescale.model.protocols import Clock, Source
from forescale.model.sample import Sample, Window
from forescale.runtime.target import Pace, Part
from forescale.sources import SOURCES, AnySignal


class Sources:
    """The sources of one target as one: all are read at once, and one that fails spoils none."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.errors: tuple[str, ...] = ()

    async def read(self, window: Window) -> Sequence[Sample]:
        """Everything that could be read. Raises the first error where nothing could."""
        found = await asyncio.gather(*(s.read(window) for s in self._sources), return_exceptions=True)
        failed = [f for f in found if isinstance(f, BaseException)]
        if failed and len(failed) == len(found):
            raise failed[0]
        self.errors = tuple(
            error
            for source, f in zip(self._sources, found, strict=True)
            for error in ([str(f)] if isinstance(f, BaseException) else source.errors)
        )
        return [sample for f in found if not isinstance(f, BaseException) for sample in f]


def assemble(config: Config, clients: Clients, clock: Clock) -> list[Part]:
    """Every target with its adapters; targets of one kind share a hub, and so their calls."""
    actuators = {kind: hub(clients, clock) for kind, hub in ACTUATORS.items()}
    sources = {kind: hub(clients) for kind, hub in SOURCES.items()}
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
    group, region = target.actuator.group, target.actuator.region
    by_kind: dict[str, dict[str, AnySignal]] = {}
    for signal, settings in target.signals.items():
        by_kind.setdefault(settings.type, {})[signal] = settings
    sources = [hubs[kind].source(name, group, of, region=region) for kind, of in by_kind.items()]
    return sources[0] if len(sources) == 1 else Sources(sources)


def pace(config: Config) -> Pace:
    """How often, as configured."""
    return Pace(interval=config.interval, retention=config.retention)
