"""The base of every value, and its one canonical encoding."""

from typing import Any, TypeVar

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A frozen value. Fields at their default are left out of its JSON."""


_encoder = msgspec.json.Encoder(order="deterministic")
T = TypeVar("T")


def encode(value: Any) -> bytes:
    """The canonical JSON bytes of a value: equal values give equal bytes."""
    return _encoder.encode(value)


def decode(data: bytes | str, kind: type[T]) -> T:
    """A value of `kind` (a Value, or a union of tagged ones) from its JSON.

    Raises `msgspec.ValidationError` where the data is not one.
    """
    return msgspec.json.decode(data, type=kind)
