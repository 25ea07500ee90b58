"""Where training is done beside the loop: in processes of this machine, or on a Dask cluster."""

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any, Protocol

from forescale.model.errors import ConfigError
from forescale.runtime.forecasting_jobs import Job, TrainingFailed, do_packed

LONGEST = 3600.0
"""A job that takes longer, in seconds, hangs, and is ended."""

_AT_ONCE = 64  # jobs that a cluster has at the same time; their series wait there
_LAST_WORDS = 2000  # characters of what a worker has said before it died
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Make = Callable[[], Job]


class Workers(Protocol):
    """Does jobs one after the other, or several at once."""

    async def do(self, make: Make) -> bytes:
        """A packed `Trained`, once there was a place for it; `make` is called when there is.

        Raises `TrainingFailed`.
        """
        ...

    async def close(self) -> None:
        """End what is under way."""
        ...


class LocalWorkers:
    """A process for each job, at most `count` at once: niced, of one thread, gone when it is done.

    One that is killed, by the kernel for want of memory above all, takes its own job with it and no
    other; between jobs there is no process and no memory in use.
    """

    def __init__(self, count: int) -> None:
        self._places = asyncio.Semaphore(count)

    async def do(self, make: Make) -> bytes:
        """See `Workers`."""
        async with self._places:
            data = pickle.dumps(make(), protocol=5)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "forescale.runtime.forecasting_worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
                start_new_session=True,  # Ctrl-C is for us
            )
            try:
                return await asyncio.wait_for(_ask(process, data), LONGEST)
            except TimeoutError:
                raise TrainingFailed(f"training has taken more than {LONGEST:g} s and was ended") from None
            finally:
                await _end(process)

    async def close(self) -> None:
        """Each job ends its process when it is cancelled."""


async def _ask(process: asyncio.subprocess.Process, data: bytes) -> bytes:
    """Hand the job in, wait for the answer. The input stays open: the worker sees by it that we live."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:  # they are pipes
        raise TrainingFailed("a worker has no pipes")

    async def hand_in() -> None:
        try:
            stdin.write(len(data).to_bytes(8, "big") + data)
            await stdin.drain()
        except ConnectionError:
            pass  # it died; how will be told below

    _, answer, said = await asyncio.gather(hand_in(), stdout.read(), stderr.read())
    code = await process.wait()
    if code == 0:
        return answer
    words = said.decode(errors="replace").strip()[-_LAST_WORDS:]
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    raise TrainingFailed(f"the training process {how}" + (f": {words}" if words else ""))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        process.kill()
        await process.wait()


class ClusterWorkers:
    """A Dask cluster at an address such as `tcp://host:8786`; connected to when it is first needed.

    Raises `ConfigError` where Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed  # noqa: F401 - to say at the start that it is missing
        except ImportError as error:
            raise ConfigError(
                f"training.cluster needs Dask: {error}", hint="pip install 'forescale[dask]'"
            ) from None
        self._address = address
        self._places, self._connecting = asyncio.Semaphore(_AT_ONCE), asyncio.Lock()
        self._client: Any = None

    async def do(self, make: Make) -> bytes:
        """See `Workers`."""
        async with self._places:
            client = await self._connected()
            future = client.submit(do_packed, make(), pure=False)
            try:
                data: bytes = await asyncio.wait_for(future, LONGEST)
            except asyncio.CancelledError:
                await future.cancel()
                raise
            except Exception as error:
                await self._lost()
                raise TrainingFailed(
                    f"training on {self._address} failed: {type(error).__name__}: {error}"
                ) from error
            return data

    async def _connected(self) -> Any:
        from distributed import Client

        connect: Any = Client  # untyped
        async with self._connecting:
            if self._client is None or self._client.status != "running":
                try:
                    self._client = await connect(
                        self._address, asynchronous=True, set_as_default=False, timeout=10
                    )
                except (OSError, TimeoutError, ValueError) as error:
                    text = f"the Dask cluster at {self._address} cannot be reached: {error}"
                    raise TrainingFailed(text) from error
            return self._client

    async def _lost(self) -> None:
        """Where the connection is gone, make another one the next time."""
        if self._client is not None and self._client.status != "running":
            await self.close()

    async def close(self) -> None:
        """Leave the cluster."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
