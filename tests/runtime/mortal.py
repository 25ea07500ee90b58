"""forescale as a process that can be killed: driven by the tick over a pipe, killed where it is told.

A fork server has everything imported, so that each life begins within milliseconds.
"""

import asyncio
import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path

from forescale.actuators.asg import AsgActuator
from forescale.aws import Clients
from forescale.config.settings import Config
from forescale.demo.local_aws import CREDENTIALS
from forescale.runtime import log
from forescale.runtime.clock import VirtualClock
from forescale.runtime.session import open_session
from forescale.store import Ledger

HOUSEKEEPING = 2
_servers = multiprocessing.get_context("forkserver")


def _start_server():
    """It looks for what to preload where PYTHONPATH leads."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    try:
        _servers.set_forkserver_preload(["preloaded"])
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


class Killed(Exception):
    """The process is no more."""


class Life:
    """One process, from its start to its end."""

    def __init__(self, config, now, death=None):
        _start_server()
        self.pipe, theirs = _servers.Pipe()
        self.process = _servers.Process(target=live, args=(theirs, config, now, death), daemon=True)
        self.process.start()
        self.ended = False
        theirs.close()

    def tick(self, now=None):
        """Let it be `now`; return once it sleeps again. Raises `Killed` where it has died."""
        if now is not None:
            with suppress(BrokenPipeError):
                self.pipe.send(now)
        if not self.pipe.poll(30):
            raise AssertionError("it neither rests nor dies")
        try:
            self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.ended = True
            self.process.join()
            assert self.process.exitcode == -signal.SIGKILL, "it has failed, not died"
            raise Killed from None

    def kill(self):
        """At any moment, from any thread: what became of it, `tick` says."""
        if not self.ended:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def stop(self):
        """Gracefully."""
        self.pipe.send(None)
        self.process.join()
        assert self.process.exitcode == 0


def live(pipe, config, now, death):
    """The process: a session of its own, on a clock that the pipe sets."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.configure("json", "error")
    if death is not None:
        doom(*death)
    asyncio.run(_live(pipe, Config.model_validate(config), VirtualClock(now)))


async def _live(pipe, config, clock):
    loop = asyncio.get_running_loop()
    clients = Clients(config.aws, writable=True, credentials=CREDENTIALS, now=clock.now)
    with open_session(config, clock, clients=clients) as session:
        running = asyncio.create_task(session.runtime.run())
        parties = len(session.runtime.loops) + HOUSEKEEPING
        await clock.resting(parties)
        pipe.send("resting")
        while (now := await loop.run_in_executor(None, pipe.recv)) is not None:
            clock.advance(now)
            await clock.resting(parties)
            pipe.send("resting")
        session.runtime.stop()
        await running


STEPS = {
    "snapshot": (Ledger, "snapshot"),
    "commit": (Ledger, "commit"),
    "apply": (AsgActuator, "apply"),
    "hold": (Ledger, "hold"),
    "terminate": (Clients, "call"),
}


def doom(step, number, after):
    """Kill this process around the n-th call of a step: before it is made, or after it is done."""
    owner, name = STEPS[step]
    original, calls = getattr(owner, name), []

    def die_if(then):
        if len(calls) == number and then is after:
            os.kill(os.getpid(), signal.SIGKILL)

    def mortal(self, *args):
        calls.append(step)
        die_if(False)
        result = original(self, *args)
        die_if(True)
        return result

    async def mortal_async(self, *args, **options):
        if step == "terminate" and not args[1].startswith("terminate"):
            return await original(self, *args, **options)
        calls.append(step)
        die_if(False)
        result = await original(self, *args, **options)
        die_if(True)
        return result

    setattr(owner, name, mortal_async if asyncio.iscoroutinefunction(original) else mortal)
