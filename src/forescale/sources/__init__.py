"""Sources: one file each. A new one is its file, a line in this registry, a heading in the docs."""

from forescale.sources.cloudwatch import CloudWatchHub, CloudWatchSignal

SOURCES = {
    "cloudwatch": CloudWatchHub,
}
"""The hub of each source, by the `type` of its signals (`hub.settings`)."""

AnySignal = CloudWatchSignal
"""The settings of any registered source's signal, told apart by their `type`."""

__all__ = ["SOURCES", "AnySignal", "CloudWatchHub", "CloudWatchSignal"]
