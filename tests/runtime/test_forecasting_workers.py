"""Training beside the loop: processes that die, hang or are ended, and a cluster."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from forecasting_world import load

from forescale.config.settings import Training
from forescale.forecast.settings import ForecastSettings
from forescale.runtime import forecasting_workers
from forescale.runtime.forecasting_jobs import Job, TrainingFailed, train_many, unpack
from forescale.runtime.forecasting_wiring import workers_of
from forescale.runtime.forecasting_worker import NICE
from forescale.runtime.forecasting_workers import ClusterWorkers, LocalWorkers
from runtime_world import MINUTE, START, until

SETTINGS = ForecastSettings(models=("persistence", "seasonal_naive"))


def job(name="web", days=1.0, **fields):
    times = START + MINUTE * np.arange(days * 1440)
    from forescale.series.regular import Series

    return Job(name, Series(START, load(times)), fields.pop("settings", SETTINGS), 4, **fields)


def long_job():
    """Half a minute's work at least."""
    return job(days=30, settings=ForecastSettings(), warm=True)


def children(parent=None):
    """The training processes of a process, living or not waited for: niceness and state."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, ppid, *fields = (place / "stat").read_text().rpartition(")")[2].split()
            words = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if int(ppid) == (parent or os.getpid()) and (b"forecasting_worker" in words or state == "Z"):
            found[int(place.name)] = (int(fields[14]), state)
    return found


async def begun():
    await until(lambda: [nice for nice, _ in children().values()] == [NICE], 30)
    (pid,) = children()
    return pid


def environment_of(pid):
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def test_models_come_back_and_the_process_is_gone():
    trained = unpack(asyncio.run(LocalWorkers(1).do(job)))
    assert set(trained.models.fitted) == {"persistence", "seasonal_naive"}
    assert trained.pipeline is None
    assert trained.models.steps == 1440
    assert children() == {}


def test_a_warm_job_brings_a_pipeline_that_has_been_judged():
    trained = unpack(asyncio.run(LocalWorkers(1).do(lambda: job(warm=True))))
    trained.pipeline.adopt(trained.models)
    series = job().series
    forecast = trained.pipeline.advance(series)
    assert forecast.error is not None
    assert trained.lead == 4


def test_it_gives_way_to_the_loop_and_has_one_thread_of_its_own_session():
    async def go():
        task = asyncio.create_task(LocalWorkers(1).do(long_job))
        pid = await begun()
        assert children()[pid][0] == NICE
        assert os.getsid(pid) == pid
        assert b"OMP_NUM_THREADS=1" in environment_of(pid)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())


def test_one_that_is_killed_is_told_and_takes_no_other_with_it():
    async def go():
        workers = LocalWorkers(1)
        task = asyncio.create_task(workers.do(long_job))
        next_one = asyncio.create_task(workers.do(job))
        os.kill(await begun(), signal.SIGKILL)
        with pytest.raises(TrainingFailed, match="killed by signal 9"):
            await task
        assert unpack(await next_one).target == "web"

    asyncio.run(go())


def test_one_that_raises_says_what():
    bad = job(settings=SETTINGS.model_copy(update={"models": ("no_such_model",)}))
    with pytest.raises(TrainingFailed, match=r"(?s)exit code 1.*no_such_model") as error:
        asyncio.run(LocalWorkers(1).do(lambda: bad))
    assert error.value.message.count("\n") < 60


def test_one_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(forecasting_workers, "LONGEST", 1.0)
    with pytest.raises(TrainingFailed, match="more than 1 s"):
        asyncio.run(LocalWorkers(1).do(long_job))
    assert children() == {}


def test_no_more_at_once_than_configured_and_a_job_is_made_when_its_turn_comes():
    most, made = [], []

    async def go():
        workers = workers_of(Training(workers=2))

        def make():
            made.append(time.monotonic())
            most.append(len(children()))
            return job(days=0.2)

        await asyncio.gather(*(workers.do(make) for _ in range(4)))

    asyncio.run(go())
    assert max(most) <= 1  # besides itself
    assert made[2] - made[0] > 0.1


def test_a_job_that_is_cancelled_ends_at_once():
    async def go():
        task = asyncio.create_task(LocalWorkers(1).do(long_job))
        await begun()
        start = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert time.monotonic() - start < 3

    asyncio.run(go())
    assert children() == {}


def test_a_worker_whose_parent_is_killed_ends():
    program = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from test_forecasting_workers import begun, long_job
from forescale.runtime.forecasting_workers import LocalWorkers

async def go():
    task = asyncio.create_task(LocalWorkers(1).do(long_job))
    print(await begun(), flush=True)
    await task

asyncio.run(go())
"""
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(here)], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 20
    while _lives(pid):
        assert time.monotonic() < end, "the worker outlives its parent"
        time.sleep(0.05)


def _lives(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_a_job_knows_its_poison():
    serving = np.full(1440, 5.0)
    serving[:10] = np.nan
    capped = job(serving=serving, maximum=5)
    assert set(capped.poison(capped.series)) == {"serving", "maximum", "deploys"}
    part = capped.series.cut(100, 200)
    assert len(capped.poison(part)["serving"]) == 100
    values = capped.series.values.copy()
    values[700:800] = 4.9  # busy, and no more are allowed
    capped = job(serving=serving, maximum=5, deploys=((START, START + 600),))
    capped = Job("web", type(capped.series)(START, values), SETTINGS, 4, serving, 5, capped.deploys)
    trained = unpack(asyncio.run(LocalWorkers(1).do(lambda: capped)))
    assert {span.kind.value for span in trained.models.poison} >= {"capped", "deploy"}


class TestMany:
    def test_on_this_machine(self):
        found = train_many([job(f"t{i}", days=0.2) for i in range(4)], workers=2)
        assert [trained.target for trained in found] == ["t0", "t1", "t2", "t3"]
        assert all(trained.models.steps == 288 for trained in found)

    def test_one_that_fails_keeps_no_other_from_it(self):
        bad = job("bad", settings=SETTINGS.model_copy(update={"models": ("no_such_model",)}))
        failed, trained = train_many([bad, job("good", days=0.2)], workers=1)
        assert isinstance(failed, TrainingFailed)
        assert "bad" in failed.message
        assert trained.target == "good"

    def test_a_cluster_that_is_not_there(self):
        with pytest.raises(TrainingFailed, match="cannot be reached"):
            train_many([job()], cluster="tcp://127.0.0.1:9")


@pytest.fixture(scope="module")
def cluster():
    """A real Dask cluster of two worker processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    ) as cluster:
        yield cluster


@pytest.mark.slow
class TestCluster:
    def test_many_series(self, cluster):
        found = train_many([job(f"t{i}", days=0.2) for i in range(6)], cluster=cluster.scheduler_address)
        assert [trained.target for trained in found] == [f"t{i}" for i in range(6)]

    def test_beside_the_loop(self, cluster):
        async def go():
            workers = workers_of(Training(cluster=cluster.scheduler_address))
            assert isinstance(workers, ClusterWorkers)
            try:
                return await asyncio.gather(*(workers.do(lambda: job(days=0.2)) for _ in range(3)))
            finally:
                await workers.close()

        assert [unpack(packed).models.steps for packed in asyncio.run(go())] == [288] * 3

    def test_what_fails_there_is_told(self, cluster):
        async def go():
            workers = ClusterWorkers(cluster.scheduler_address)
            bad = job(settings=SETTINGS.model_copy(update={"models": ("no_such_model",)}))
            try:
                with pytest.raises(TrainingFailed, match="no_such_model"):
                    await workers.do(lambda: bad)
                assert unpack(await workers.do(job)).target == "web"
            finally:
                await workers.close()

        asyncio.run(go())


def test_a_cluster_that_is_not_there_is_tried_again_later():
    async def go():
        workers = ClusterWorkers("tcp://127.0.0.1:9")
        for _ in range(2):
            with pytest.raises(TrainingFailed, match="cannot be reached"):
                await workers.do(job)
        await workers.close()

    asyncio.run(go())
