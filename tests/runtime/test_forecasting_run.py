"""`forescale run` with forecasts, as a process of its own: it ends at once, whatever is being trained."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from test_forecasting_workers import _lives, children

from daemon import CONFIG, CPU, environment, wait_for, world
from forescale.store import Ledger
from runtime_world import MINUTE, assert_replays

GROUP = {"AutoScalingGroupName": "web"}


@pytest.fixture
def stage(tmp_path):
    with world(tmp_path) as stage:
        yield stage


def start(stage, models, days):
    """A daemon on a group with so many days of history."""
    stage.group()
    now = time.time() // MINUTE * MINUTE
    for n in range(1, round(days * 1440)):
        at = now - n * MINUTE
        used = float(50 + 30 * np.sin(2 * np.pi * at / 86400) + 3 * np.sin(at * 0.37))
        stage.aws.put_metric(CPU, used, time=at, dimensions=GROUP)
        stage.aws.put_metric("AWS/AutoScaling GroupInServiceInstances", 2.0, time=at, dimensions=GROUP)
    text = CONFIG.format(
        region=stage.aws.region, url=stage.aws.url, store=stage.store, dry_run="false", cooldown="2s"
    )
    text = text.replace(
        "{type: target_tracking, target: 50%, out_after: 2s, in_after: 3s}", "{type: predictive}"
    )
    assert "predictive" in text
    text += f"  web: {{group: web, forecast: {{models: [{models}], history: 15d}}}}\n"
    config = stage.path / "forescale.yaml"
    config.write_text(text)
    return stage.start(config)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
def test_a_stop_while_models_are_trained(stage, number):
    daemon = start(stage, "quantile_forest, ridge", 5)
    daemon.ready()
    (worker,) = wait_for(lambda: children(daemon.process.pid), "a training process")
    wait_for(lambda: children(daemon.process.pid).get(worker, (0, ""))[0] == 10, "it to begin")
    code, took = daemon.stop(number)
    assert code == (-9 if number == signal.SIGKILL else 0)
    assert took < 8
    wait_for(lambda: not _lives(worker), "the worker to end")
    if code == 0:
        assert daemon.lines()[-1]["event"] == "forescale has stopped"
    with Ledger.open(stage.store, read_only=True) as ledger:
        assert_replays(ledger, "web")


@pytest.mark.slow
def test_from_cloudwatch_to_forecasts_and_on_after_a_restart(stage):
    daemon = start(stage, "persistence, seasonal_naive", 2)
    known = daemon.told("history read")["known"]
    assert known.startswith(("1d23h", "2d"))
    daemon.told("models trained")
    daemon.told("forecasts are made")
    with Ledger.open(stage.store, read_only=True) as ledger:
        wait_for(lambda: ledger.state("web").forecast is not None, "a forecast in the ledger")
    assert daemon.stop()[0] == 0
    again = stage.start(stage.path / "forescale.yaml")
    assert again.told("models reloaded")["models"] == ["persistence", "seasonal_naive"]
    again.ready()
    assert again.lines(event="models trained") == []
    assert again.stop()[0] == 0
    with Ledger.open(stage.store, read_only=True) as ledger:
        assert_replays(ledger, "web")


LIGHT = """
import json, os, sys
from forescale.config import load
from forescale.runtime.clock import SystemClock
from forescale.runtime.session import open_session

with open_session(load(sys.argv[1]), SystemClock()) as session:
    print(json.dumps([name for name in sys.modules]))
"""


@pytest.mark.parametrize(("policy", "forecasts"), [("target_tracking", False), ("predictive", True)])
def test_without_a_policy_that_forecasts_nothing_of_it_is_loaded(tmp_path, policy, forecasts):
    config = tmp_path / "forescale.yaml"
    config.write_text(f"region: eu-west-1\ntargets:\n  web: {{group: web, policies: [{{type: {policy}}}]}}\n")
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, str(config)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(HOME=os.environ.get("HOME", "")),
    )
    modules = set(json.loads(done.stdout))
    assert ("forescale.runtime.forecasting" in modules) == forecasts
    assert modules.isdisjoint({"sklearn", "lightgbm", "joblib", "distributed", "dask", "statsforecast"})
