"""What a test wants to go wrong in the local AWS, and what was asked of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from forescale.demo.aws_wire import AwsError, Call


class Request(NamedTuple):
    """One request as it arrived; `time` by the local AWS's clock."""

    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any]
    time: float


@dataclass
class _Fault:
    error: AwsError | None
    latency: float
    left: int | None
    skip: int = 0


class Faults:
    """Faults by operation name.

    `times` counts the calls they hit (None: all until `clear`), after `skip` that go well.
    """

    def __init__(self) -> None:
        self._by_operation: dict[str, _Fault] = {}

    def throttle(self, operation: str, times: int | None = 1, *, skip: int = 0) -> None:
        """Answer as an API that is called too often."""
        self.fail(operation, "Throttling", "Rate exceeded", times=times, skip=skip)

    def deny(self, operation: str, times: int | None = None) -> None:
        """Answer that the caller lacks the permission."""
        message = f"User: arn:aws:iam::123456789012:user/demo is not authorized to perform: {operation}"
        self.fail(operation, "AccessDenied", message, status=403, times=times)

    def fail(
        self,
        operation: str,
        code: str,
        message: str,
        *,
        status: int = 400,
        times: int | None = 1,
        skip: int = 0,
    ) -> None:
        """Answer with an error of AWS."""
        self._by_operation[operation] = _Fault(AwsError(code, message, status), 0.0, times, skip)

    def slow(self, operation: str, seconds: float, times: int | None = None) -> None:
        """Answer after so many seconds of real time."""
        self._by_operation[operation] = _Fault(None, seconds, times)

    def clear(self) -> None:
        """Let everything work again."""
        self._by_operation.clear()

    def strike(self, call: Call) -> None:
        """Do to a call what was asked for. Raises the error it is to end with."""
        fault = self._by_operation.get(call.operation)
        if fault is None or fault.left == 0:
            return
        if fault.skip:
            fault.skip -= 1
            return
        if fault.left is not None:
            fault.left -= 1
        if fault.latency:
            time.sleep(fault.latency)
        if fault.error is not None:
            raise fault.error
