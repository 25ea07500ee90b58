"""`/health` and `/ready`, over HTTP."""

import asyncio
import json
import time
import urllib.error
import urllib.request

import pytest

from forescale.model.errors import ConfigError
from forescale.runtime.clock import SystemClock
from forescale.runtime.health import HealthServer
from forescale.runtime.runtime import Runtime
from forescale.runtime.target import Pace, Part
from runtime_world import World, target, until


def get(server, path):
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "application/json"
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_what_is_wrong_is_said_by_name():
    problems = {}
    with HealthServer("127.0.0.1", 0, alive=dict, ready=lambda: problems) as server:
        assert get(server, "/health") == (200, {"ok": True, "problems": {}})
        assert get(server, "/ready?verbose") == (200, {"ok": True, "problems": {}})
        problems["web"] = "not evaluated yet"
        assert get(server, "/ready") == (503, {"ok": False, "problems": {"web": "not evaluated yet"}})
        assert get(server, "/health")[0] == 200
        assert get(server, "/metrics") == (404, {"ok": False, "problems": {"path": "try /health or /ready"}})


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_an_address_that_cannot_be_had(host):
    with (
        HealthServer("127.0.0.1", 0, alive=dict, ready=dict) as server,
        pytest.raises(ConfigError, match=f"cannot serve health on {host}:{server.port}"),
    ):
        HealthServer(host, server.port, alive=dict, ready=dict)


def test_a_loop_that_hangs_is_not_healthy(ledger):
    """An adapter that does not yield stops everything: then only another thread can say so."""
    world, clock = World(SystemClock()), SystemClock()

    async def blocks():
        time.sleep(1.5)  # noqa: ASYNC251 - that is the mistake

    async def go():
        part = Part("web", target(), world, world)
        runtime = Runtime([part], ledger, clock, holder="test", pace=Pace(interval=0.1, timeout=0.1))
        seen = []
        with HealthServer("127.0.0.1", 0, alive=runtime.stalled, ready=runtime.late) as server:
            running = asyncio.create_task(runtime.run())
            await until(lambda: runtime.late() == {})
            assert await asyncio.to_thread(get, server, "/health") == (200, {"ok": True, "problems": {}})
            watching = asyncio.create_task(asyncio.to_thread(watch, server, seen))
            world.observing = blocks
            await until(lambda: seen)
            world.observing = None
            await watching
            await until(lambda: runtime.stalled() == {})
            runtime.stop()
            await running
        return seen

    def watch(server, seen):
        end = time.monotonic() + 20
        while time.monotonic() < end and not seen:
            status, answer = get(server, "/health")
            if status == 503:
                seen.append(answer["problems"])
            time.sleep(0.02)

    assert "has not turned for" in asyncio.run(go())[0]["loop"]
