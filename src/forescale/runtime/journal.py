"""Writing to the ledger from the event loop: one thread, many targets in one transaction."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from forescale.model.errors import StoreError
from forescale.model.journal import Entry
from forescale.model.state import State


class Committer(Protocol):
    """What the journal needs of a ledger."""

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write all of them or none. Raises `StoreError`."""
        ...

    def snapshot(self, target: str, settings: str, state: State) -> None:
        """Begin a stretch that can be replayed from here. Raises `StoreError`."""
        ...


class Journal:
    """Gathers the entries of targets that are evaluated at the same moment into one commit."""

    def __init__(self, ledger: Committer) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._writer: asyncio.Task[None] | None = None

    async def write(self, entry: Entry) -> None:
        """Return once the entry is durable. Raises `StoreError` if it is not."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await written

    async def snapshot(self, target: str, settings: str, state: State) -> None:
        """Begin a stretch of a target that can be replayed. Raises `StoreError`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._ledger.snapshot, target, settings, state)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # let the other targets of this moment come along
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await loop.run_in_executor(self._thread, self._ledger.commit, [e for e, _ in batch])
            except StoreError as error:
                for _, written in batch:
                    _settle(written, error)
            else:
                for _, written in batch:
                    _settle(written, None)

    async def close(self) -> None:
        """Finish what is being written."""
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()


def _settle(future: "asyncio.Future[None]", error: StoreError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
