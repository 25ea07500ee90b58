"""The demo: the real runtime on the local AWS, over HTTP, by a virtual clock."""

import asyncio
from math import inf, isnan

import numpy as np
import pytest

from forescale.demo.play import WARMUP, play, settings
from forescale.model.effect import Act
from forescale.series.trace import STEP, Trace
from forescale.sim.backtest import simulate
from forescale.sim.oracle import needed

START = 1_700_006_400.0


def played(load, tmp_path, *, lead=4, peak=10):
    minutes, entries = [], []
    result = asyncio.run(
        play(
            Trace(START, np.array(load, dtype=np.float64)),
            lead=lead,
            peak=peak,
            speed=inf,
            store=tmp_path / "ledger.db",
            on_minute=minutes.append,
            on_entry=entries.append,
        )
    )
    return result, minutes, entries


@pytest.mark.server
def test_a_ramp_is_followed_and_the_ledger_replays(tmp_path):
    load = [3.0] * WARMUP + [min(3.0 + i / 6, 9.0) for i in range(60)]
    result, minutes, entries = played(load, tmp_path)
    assert set(result.strategies) == {"configured", "target-tracking", "static-peak", "oracle"}
    assert result.strategies["oracle"].cost == 1.0
    assert result.strategies["configured"].violations == 0.0
    assert result.replay.equal
    assert result.replay.decisions == len(load) + 1
    assert minutes[-1].serving > minutes[WARMUP].serving
    assert any(isinstance(effect, Act) for entry in entries for effect in entry.effects)


@pytest.mark.server
def test_instances_boot_before_they_serve(tmp_path):
    load = [2.0] * WARMUP + [6.0] * 20
    _, minutes, _ = played(load, tmp_path, lead=5)
    decided = next(m.number for m in minutes[WARMUP:] if m.desired > m.serving)
    served = next(m.number for m in minutes if m.number > decided and m.serving >= minutes[decided].desired)
    assert served - decided == 1 + 5  # decided at the end of a minute, billed from the next, then booting
    assert all(m.billed >= m.serving for m in minutes)


@pytest.mark.server
def test_gaps_are_absence_and_never_scale_in(tmp_path):
    load = [6.0] * WARMUP + [float("nan")] * 60
    _, minutes, _ = played(load, tmp_path)
    assert minutes[-1].load is None
    assert min(m.desired for m in minutes[WARMUP:]) == minutes[WARMUP].desired


@pytest.mark.server
@pytest.mark.slow
def test_the_local_aws_and_the_simulated_plant_agree(tmp_path):
    """The same load through HTTP, threads and a database, and through the plant: minute by minute equal."""
    rng = np.random.default_rng(3)
    load = np.repeat(rng.uniform(1, 9, 24), 10)
    load[100:110] = np.nan
    _, minutes, _ = played(load.tolist(), tmp_path)

    class Aws:
        from forescale.aws import AwsSettings

        settings = AwsSettings(region="eu-west-1")

    target = settings(Aws, tmp_path / "unused.db", 10).targets["demo"]
    run = simulate(target, Trace(START, load), 4)
    assert [m.serving for m in minutes] == run.serving.tolist()
    assert [m.desired for m in minutes] == run.desired.tolist()
    assert not any(isnan(m.load) for m in minutes if m.load is not None)
    assert needed(load).max() <= 40
    assert STEP == 60
