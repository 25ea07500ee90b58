"""A predictive target on a local AWS, from CloudWatch's history to what `status` and `explain` say of it."""

import asyncio
import json
import sys
import time

import numpy as np
import pytest

from forescale.cli import main
from forescale.demo.local_aws import LocalAws
from forescale.model.event import Forecasted
from forescale.runtime import log
from forescale.store import Ledger
from runtime_world import CPU, MINUTE, JumpingClock, assert_replays, configuration, on_aws, until

DAYS = 2
CONFIG = """\
store: ledger.db
targets:
  web:
    group: web-asg
    policies: [{type: predictive}]
  plain: {group: plain-asg}
"""
GROUP = {"AutoScalingGroupName": "web-asg"}
OWN = {
    "policies": [{"type": "predictive"}],
    "forecast": {"models": ["persistence", "seasonal_naive"], "history": "3d"},
}


def used(at):
    """Utilisation of four instances, in percent, by the time of day."""
    return float(40 + 25 * np.sin(2 * np.pi * at / 86400.0) + 2 * np.sin(at * 0.31))


def record(folder):
    """Half an hour of a target whose group has a past in CloudWatch; stopped a moment ago."""
    clock = JumpingClock(time.time() // 60 * 60 - 1800)
    (folder / "forescale.yaml").write_text(CONFIG)
    log.configure("json", "critical")

    async def go(aws, clients):
        config = configuration(
            aws, folder / "ledger.db", {"web": "web-asg"}, {"web": OWN}, interval="30s", dry_run=True
        )
        async with on_aws(config, clock, clients) as stage:
            forecasts = stage.runtime.loops[0].forecasts
            await until(lambda: forecasts._demand.known > 1000)
            for n in range(56):
                at = clock.now() // MINUTE * MINUTE
                aws.put_metric(CPU, used(at), time=at, dimensions=GROUP)
                await stage.ticks()
                if n == 3:
                    await until(lambda: forecasts._fresh is not None or forecasts._pipeline is not None, 60)
            return stage, forecasts

    with LocalAws(clock, boot_delay=120.0) as aws:
        aws.create_group("web-asg", maximum=20, desired=4)
        for n in range(1, DAYS * 1440):
            at = clock.now() - n * MINUTE
            aws.put_metric(CPU, used(at), time=at, dimensions=GROUP)
            aws.put_metric("AWS/AutoScaling GroupInServiceInstances", 4.0, time=at, dimensions=GROUP)
        clients = aws.clients(writable=False)
        try:
            return asyncio.run(go(aws, clients))
        finally:
            clients.close()


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predictive")
    return folder, *record(folder)


@pytest.fixture
def shown(past, capsys, monkeypatch):
    monkeypatch.delenv("FORESCALE_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(past[0])

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert (stopped.value.code or 0, err) == (0, "")
        return json.loads(out) if "--json" in args else out

    return run


def test_the_history_is_read_from_cloudwatch_and_forecasts_follow(past):
    folder, stage, forecasts = past
    assert forecasts._demand.known > DAYS * 1440 - 10
    spoken = [entry.event for entry in stage.entries if isinstance(entry.event, Forecasted)]
    assert len(spoken) > 15
    for event in spoken:
        came = max(used(event.forecast.time + MINUTE * i) for i in range(5)) * 4 / 100
        assert dict(event.forecast.quantiles)[0.5] == pytest.approx(came, rel=0.1)
    with Ledger.open(str(folder / "ledger.db"), read_only=True) as ledger:
        assert_replays(ledger, "web")
    assert (folder / "ledger.models" / "web.models").exists()


def test_status_for_people(shown):
    text = " ".join(shown("status").split())
    assert "forecast: demand within 3m stays below" in text
    assert "(50%)" in text
    assert "(99%)" in text
    assert "error" in text
    assert "persistence" in text
    assert "models of 2" in text
    assert "no forecast" not in text
    assert all(len(line) <= 80 for line in shown("status").splitlines())


def test_status_for_scripts(shown, past):
    web, plain = shown("status", "--json")["targets"]
    assert plain == {"target": "plain", "evaluated": None, "run_by": None}
    forecast = web["forecast"]
    assert forecast["model"] in ("persistence", "seasonal_naive")
    assert set(forecast["scores"]) == {"persistence", "seasonal_naive"}
    assert 0 < forecast["quantiles"]["50"] <= forecast["quantiles"]["90"] <= forecast["quantiles"]["99"] < 5
    assert forecast["error"] < 0.2
    assert forecast["horizon"] == 180  # the group's own launches took two minutes
    assert forecast["age"] < 3600
    assert web["no_forecast"] == ""
    assert web["models"]["models"] == ["persistence", "seasonal_naive"]
    assert web["models"]["known_minutes"] > DAYS * 1440 - 10
    assert web["models"]["poison"] == []


def test_status_says_why_there_is_none(shown, past):
    place = past[0] / "ledger.models" / "web.json"
    before = place.read_text()
    try:
        place.write_text(json.dumps({"lacking": "[bold]training has failed"}))
        assert "no forecast: [bold]training has failed" in shown("status")
        assert shown("status", "--json")["targets"][0]["no_forecast"] == "[bold]training has failed"
    finally:
        place.write_text(before)


def test_explain_says_what_was_foreseen(shown):
    text = " ".join(shown("explain", "web").split())
    assert "forecast demand within 3m stays below" in text
    assert text.index("seen") < text.index("forecast demand") < text.index("proposed")


def test_the_ledger_replays_from_the_command_line(shown):
    assert "equal" in shown("replay", "web")
