"""Writing to the ledger from the event loop: one thread, many targets in one transaction."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from forescale.model.errors import StoreError
from forescale.model.journal import Entry
from forescale.model.state import State
from forescale.store import Conflict, Ledger

Waiting = tuple[Entry, asyncio.Future[None]]


class Journal:
    """Gathers the entries of targets that are evaluated at the same moment into one commit."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[Waiting] = []
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._writer: asyncio.Task[None] | None = None

    async def write(self, entry: Entry) -> None:
        """Return once the entry is durable. Raises `StoreError`, or what is wrong with the entry, if not."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await written

    async def snapshot(self, target: str, settings: str, state: State) -> None:
        """Begin a stretch of a target that can be replayed. Raises `StoreError`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._ledger.snapshot, target, settings, state)

    async def reload(self, target: str) -> State | None:
        """Where the ledger says that a target stands. Raises `StoreError`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._ledger.reload, target)

    async def _write(self) -> None:
        await asyncio.sleep(0)  # let the other targets of this moment come along
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._commit(batch)

    async def _commit(self, batch: list[Waiting]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._ledger.commit, [entry for entry, _ in batch])
        except Conflict as error:  # only the targets it names have failed
            others = [item for item in batch if item[0].target not in error.targets]
            _settle([item for item in batch if item[0].target in error.targets], error)
            if others:
                await self._commit(others)
        except StoreError as error:
            _settle(batch, error)
        except Exception as error:  # noqa: BLE001 - an entry that cannot be written must not take others with it
            if len(batch) == 1:
                _settle(batch, error)
                return
            for item in batch:
                await self._commit([item])
        else:
            _settle(batch, None)

    async def close(self) -> None:
        """Finish what is being written."""
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()


def _settle(batch: list[Waiting], error: Exception | None) -> None:
    for _, written in batch:
        if written.done():  # its target has been cancelled
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
