"""Forecasts at run time, from end to end: history, training in real processes, the ledger, a restart."""

import asyncio
import os
import signal
import time

import msgspec
import numpy as np
import pytest
from forecasting_world import (
    DAY,
    QUICKLY,
    PastOf,
    Watched,
    forecasting,
    load,
    minutes,
    predictive,
    settled,
    trained,
)
from test_forecasting_workers import begun, children

from forescale.forecast.base import LEVELS
from forescale.model.errors import Throttled
from forescale.model.event import Forecasted
from forescale.model.fleet import FleetStatus, LeadTime
from forescale.runtime.forecasting import Forecasting
from forescale.runtime.forecasting_files import read_about
from forescale.runtime.forecasting_times import next_fit
from forescale.store import Ledger
from runtime_world import (
    HOUSEKEEPING,
    MINUTE,
    START,
    JumpingClock,
    World,
    assert_replays,
    hang,
    staged,
    until,
)


def forecasts(stage):
    return [entry.event for entry in stage.entries if isinstance(entry.event, Forecasted)]


def play(path, clock, *parts, **options):
    """Run coroutines on a stage one after the other; the stage, when it is over. `clock` goes on."""
    own = JumpingClock(clock.now())

    async def go():
        with Ledger.open(str(path / "ledger.db")) as ledger:
            async with forecasting(ledger, own, path / "models", **options) as stage:
                for part in parts:
                    await part(stage)
            stage.state, stage.decision = ledger.state("web"), ledger.latest_decision("web")
            stage.recorded = list(ledger.segments("web"))
            assert_replays(ledger, "web")
        return stage

    stage = asyncio.run(go())
    clock.jump(own.now() - clock.now())
    return stage


def some(count):
    return lambda stage: minutes(stage, count)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Twenty minutes of a target that had three days of history."""
    path = tmp_path_factory.mktemp("live")
    stage = play(path, JumpingClock(START), some(2), trained, some(20), past=PastOf(3))
    stage.path = path
    return stage


class TestFromHistory:
    def test_a_forecast_a_minute_as_an_event_before_what_it_decides(self, stage):
        times = [event.forecast.time for event in forecasts(stage)]
        assert times == [times[0] + MINUTE * i for i in range(len(times))]
        assert len(times) >= 18
        last = forecasts(stage)[-1]
        assert last.forecast.horizon == 5 * MINUTE  # a lead time of 4 minutes, and the one that is over
        assert tuple(p for p, _ in last.forecast.quantiles) == LEVELS
        assert last.time - last.forecast.time <= MINUTE
        place = next(i for i, entry in enumerate(stage.entries) if entry.event == last)
        assert stage.entries[place + 1].event.id == last.id

    def test_it_is_calibrated_and_rehearsed_from_the_start(self, stage):
        first = forecasts(stage)[0].forecast
        assert first.error is not None
        assert first.error < 0.1
        assert stage.state.forecast.frontier.steps > 1440
        assert set(stage.state.forecast.scores) == {"persistence", "seasonal_naive"}

    def test_it_foresees_the_load(self, stage):
        for event in forecasts(stage):
            start = event.forecast.time
            came = max(load(start + MINUTE * i) for i in range(5))
            assert dict(event.forecast.quantiles)[0.5] == pytest.approx(came, rel=0.15)

    def test_the_policy_acts_on_it(self, stage):
        (reason,) = [r for r in stage.decision.reasons if r.rule == "predictive"]
        assert "no forecast" not in reason.text
        assert stage.state.forecast.model in reason.text

    def test_until_then_the_policy_fell_back_and_the_first_evaluation_did_not_wait(self, stage):
        first = stage.decisions[0]
        assert first.time == START
        assert "no forecast" in first.reasons[0].text

    def test_everything_was_read_once_in_the_background(self, stage):
        (job,) = stage.workers.jobs
        assert job.warm
        assert len(job.series) == pytest.approx(3 * 1440, abs=5)
        assert job.serving is not None
        assert job.maximum == 20

    def test_the_ledger_alone_is_enough_for_a_replay(self, stage):
        events = [event for segment in stage.recorded for event in segment.events]
        assert sum(isinstance(event, Forecasted) for event in events) == len(forecasts(stage))
        for path in (stage.path / "models").iterdir():
            path.unlink()
        with Ledger.open(str(stage.path / "ledger.db"), read_only=True) as ledger:
            assert_replays(ledger, "web")

    def test_nothing_is_left_running(self, stage):
        assert children() == {}


def test_a_restart_goes_on_with_the_models_it_had(tmp_path, clock, lines):
    past = PastOf(3)
    first = play(tmp_path, clock, some(2), trained, some(10), past=past)
    ((since, until),) = past.asked
    assert since == START - 3 * DAY
    assert START <= until <= START + 3 * MINUTE
    clock.jump(5 * MINUTE)
    again = play(tmp_path, clock, some(4), past=past)
    assert again.workers.jobs == []
    assert forecasts(again)[0].forecast.error == pytest.approx(forecasts(first)[-1].forecast.error, rel=0.2)
    assert len(lines.all(event="models reloaded")) == 1
    since, until = past.asked[1]  # what was missed, and no more
    assert until - since < 10 * MINUTE
    assert not np.isnan(again.forecasts._demand.series().values).any()


@pytest.mark.parametrize("how", ["truncated", "other settings", "gone"])
def test_models_that_cannot_be_trusted_are_trained_anew(tmp_path, clock, lines, how):
    play(tmp_path, clock, some(2), trained, past=PastOf(1))
    place = tmp_path / "models" / "web.models"
    settings = predictive()
    if how == "truncated":
        place.write_bytes(place.read_bytes()[:-100])
    elif how == "other settings":
        settings = predictive(forecast=QUICKLY | {"models": ["persistence"]})
    else:
        place.unlink()
    again = play(tmp_path, clock, some(2), trained, some(2), past=PastOf(1), settings=settings)
    assert len(again.workers.jobs) == 1
    assert again.workers.jobs[0].warm
    assert forecasts(again)
    told = lines.all(event="models not reloaded")
    assert bool(told) == (how != "gone")
    assert all(line["effect"] == "they are trained anew" for line in told)


def test_without_a_history_it_learns_from_what_it_sees(tmp_path, clock, lines):
    async def first_hour(stage):
        await minutes(stage, 40)
        assert "1h of demand" in stage.forecasts.lacking
        await settled(stage)
        assert "1h of demand" in read_about(tmp_path / "models", "web")["lacking"]
        await minutes(stage, 25)

    async def second(stage):
        await minutes(stage, 65)
        await trained(stage, 2)

    stage = play(tmp_path, clock, first_hour, trained, some(2), second, some(3), interval=60.0)
    first, again = stage.workers.jobs
    assert (first.warm, first.series.known) == (True, 60)
    assert not again.warm
    assert 120 <= again.series.known <= 135
    assert len(forecasts(stage)) > 60
    assert [line["why"] for line in lines.all(event="no forecast")][
        -1
    ] == "the first models are being trained"


class TestTrouble:
    def test_a_worker_that_is_killed_is_told_retried_and_stops_no_scaling(self, tmp_path, clock, lines):
        settings = predictive(forecast={"models": ["quantile_forest"], "history": "15d"})

        async def kill(stage):
            os.kill(await begun(), signal.SIGKILL)
            await until(lambda: not stage.forecasts._training)
            before = len(stage.decisions)
            await minutes(stage, 0.5)
            assert len(stage.decisions) == before + 1
            assert stage.forecasts.lacking == "training has failed; it is tried again"
            await minutes(stage, 2)
            await begun()

        stage = play(tmp_path, clock, some(1), kill, past=PastOf(15), settings=settings)
        assert len(stage.workers.jobs) == 2
        (told,) = lines.all(event="training failing")
        assert "killed by signal 9" in told["error"]
        assert told["level"] == "warning"
        assert children() == {}

    def test_a_history_that_cannot_be_read_is_read_later(self, tmp_path, clock, lines):
        past = PastOf(1, fault=Throttled("slow down", after=1.0))

        async def mend(stage):
            await minutes(stage, 3)
            assert stage.forecasts._restored
            assert len(past.asked) >= 2
            past.fault = None
            await minutes(stage, 5)
            await trained(stage)

        stage = play(tmp_path, clock, mend, some(2), past=past)
        assert len(stage.workers.jobs[-1].series) > 1440
        assert forecasts(stage)
        assert len(lines.all(event="history throttled")) == 1

    def test_one_that_never_answers_delays_nobody(self, tmp_path, clock):
        async def never(since, until):
            await hang()

        stage = play(tmp_path, clock, some(5), past=never)
        assert len(stage.decisions) == 11
        assert stage.forecasts.lacking == "the history is being read"

    def test_a_folder_that_cannot_be_written_is_told_and_forecasts_are_made(self, tmp_path, clock, lines):
        (tmp_path / "models").write_text("in the way")
        stage = play(tmp_path, clock, some(2), trained, some(2), past=PastOf(1))
        assert forecasts(stage)
        (told,) = lines.all(event="models failing")
        assert "training.models_dir" in told["hint"]

    def test_a_bug_in_a_model_costs_no_evaluation(self, tmp_path, clock, lines):
        async def spoil(stage):
            stage.forecasts._pipeline.advance = lambda *args: 1 / 0
            before = len(stage.decisions)
            await minutes(stage, 3)
            assert len(stage.decisions) == before + 6
            await trained(stage, 2)
            count = len(forecasts(stage))
            await minutes(stage, 3)
            assert len(forecasts(stage)) >= count + 3
            assert stage.forecasts.lacking == ""

        stage = play(tmp_path, clock, some(2), trained, some(2), spoil, past=PastOf(1))
        (told,) = lines.all(event="forecast failing")
        assert "ZeroDivisionError" in told["error"]
        assert len(lines.all(event="forecast recovered")) == 1
        assert [job.warm for job in stage.workers.jobs] == [True, True]

    def test_gaps_late_data_and_a_clock_that_is_put_back(self, tmp_path, clock):
        async def trouble(stage):
            (world,) = stage.worlds.values()
            quiet = dict(world.published)
            stage.clock.advance(stage.clock.now() + 20 * MINUTE)  # nothing is published
            await stage.rest()
            await minutes(stage, 3)
            assert forecasts(stage)[-1].forecast.time > max(quiet) + 20 * MINUTE
            world.published[max(world.published) - 5 * MINUTE] = 55.0  # late
            await minutes(stage, 2)
            stage.clock.jump(-600)
            world.published.clear()
            await minutes(stage, 15)
            assert forecasts(stage)[-1].forecast.time <= stage.clock.now()

        stage = play(tmp_path, clock, some(2), trained, some(5), trouble, past=PastOf(1))
        assert all(stage.clock.now() - START < 3600 for _ in stage.decisions)
        assert stage.decisions[-1].time > stage.clock.now() - MINUTE


def test_what_must_not_be_learned_from_is_written_down(tmp_path, clock):
    class Outage(PastOf):
        async def __call__(self, since, until):
            (buckets,) = await super().__call__(since, until)
            buckets.demand[-300:-270] = 0.0
            return [buckets]

    play(tmp_path, clock, some(2), trained, past=Outage(3))
    kinds = {span["kind"] for span in read_about(tmp_path / "models", "web")["poison"]}
    assert "outage" in kinds


def test_a_longer_lead_time_is_learned_for_and_the_old_models_serve_until_then(tmp_path, clock):
    async def slower(stage):
        (world,) = stage.worlds.values()

        async def observe():
            return FleetStatus(6, 1, 20, 6, lead_time=LeadTime(400.0, 5))

        world.observe = observe
        await minutes(stage, 65)
        await trained(stage, 2)
        await minutes(stage, 3)

    stage = play(tmp_path, clock, some(2), trained, some(2), slower, past=PastOf(1), interval=60.0)
    horizons = [event.forecast.horizon for event in forecasts(stage)]
    assert set(horizons) == {5 * MINUTE, 8 * MINUTE}
    assert horizons == sorted(horizons)
    assert [job.lead for job in stage.workers.jobs] == [4, 7]


def test_demand_that_comes_late_is_forecast_for_as_much_longer(tmp_path, clock):
    async def late(stage):
        (world,) = stage.worlds.values()
        read = world.read

        async def two_minutes_later(window):
            return await read(msgspec.structs.replace(window, end=window.end - 2 * MINUTE))

        world.read = two_minutes_later
        await minutes(stage, 5)
        await trained(stage)

    stage = play(tmp_path, clock, late, some(3), past=PastOf(1, late=2 * MINUTE), interval=30.0)
    assert stage.workers.jobs[0].lead in (5, 6)
    last = forecasts(stage)[-1]
    assert last.forecast.time + last.forecast.horizon >= last.time + 5 * MINUTE


def test_a_bucket_of_five_minutes_is_forecast_until_the_next(tmp_path, clock):
    signal = {"type": "cloudwatch", "period": "5m", "max_age": "15m"}
    settings = predictive(signals={"cpu": signal})
    stage = play(tmp_path, clock, some(2), trained, some(6), past=PastOf(1), settings=settings)
    assert stage.workers.jobs[0].lead == 8
    assert forecasts(stage)[-1].forecast.horizon == 9 * MINUTE


def test_two_targets_have_models_of_their_own(tmp_path, clock):
    async def both(stage):
        await until(lambda: stage.workers.done == 2, 60)
        await settled(stage)

    stage = play(tmp_path, clock, some(2), both, some(2), past=PastOf(1), names=("web", "api"))
    assert {job.target for job in stage.workers.jobs} == {"web", "api"}
    assert {entry.target for entry in stage.entries if isinstance(entry.event, Forecasted)} == {"web", "api"}


def test_a_stop_ends_training_at_once(tmp_path, clock):
    settings = predictive(forecast={"models": ["quantile_forest"], "history": "15d"})

    start = time.monotonic()
    play(tmp_path, clock, some(1), lambda stage: begun(), past=PastOf(15), settings=settings)
    assert time.monotonic() - start < 15
    assert children() == {}


def test_no_one_forecasts_where_no_policy_asks_for_it(tmp_path, clock, ledger):
    async def go():
        async with staged({"web": World(clock)}, ledger, clock) as stage:
            await stage.ticks(3)
            assert stage.runtime.loops[0].forecasts is None
            assert stage.parties == 1 + HOUSEKEEPING

    asyncio.run(go())


class TestWhenModelsAreTrainedAgain:
    def test_soon_while_the_history_is_short(self):
        assert next_fit(1000.0, DAY, 0.0, 3600.0) == 1000.0 + 3600
        assert next_fit(1000.0, DAY, 0.0, 7200.0) == 1000.0 + 7200
        assert next_fit(1000.0, DAY, 0.0, 10.0) == 1000.0 + 3600

    @pytest.mark.parametrize("phase", [0.0, 1.0, 40_000.0, DAY - 1])
    def test_then_once_a_refit_at_a_time_of_its_own(self, phase):
        at = START + 12_345.0
        first = next_fit(at, DAY, phase, 30 * DAY)
        assert 0.5 * DAY <= first - at <= 1.5 * DAY
        second = next_fit(first + 30, DAY, phase, 30 * DAY)
        assert second - first == DAY
        assert first % DAY == phase

    def test_targets_do_not_train_at_once(self, tmp_path):
        names = [f"group-{i}" for i in range(200)]
        shared = Forecasting(
            dict.fromkeys(names, predictive()),
            {},
            workers=Watched(),
            folder=tmp_path,
            clock=JumpingClock(START),
        )
        hours = [int(target._phase // 3600) for target in shared.targets.values()]
        assert max(hours.count(hour) for hour in range(24)) < 25


def test_an_event_holds_plain_numbers(tmp_path, clock):
    stage = play(tmp_path, clock, some(2), trained, some(1), past=PastOf(1))
    assert msgspec.json.encode(forecasts(stage)[-1])
