"""`forescale history pull`, as a user calls it: from a local AWS and from a real Prometheus."""

import json
import sys
import time

import pytest

from forescale.cli import main
from forescale.demo.local_aws import LocalAws
from forescale.runtime.clock import SystemClock
from forescale.sources.trace_csv import read_trace
from servers import PROMETHEUS_LOGIN, PROMETHEUS_START

CPU = "AWS/EC2 CPUUtilization"
IN_SERVICE = "AWS/AutoScaling GroupInServiceInstances"
CONFIG = 'aws: {{region: eu-west-1, endpoint_url: "{url}"}}\ntargets:\n  web: {{group: web}}\n'
WEB = 'last_over_time(load{app="web"}[59s])'
DAY = ("--since", "2024-01-01", "--until", "2024-01-01T04:00Z")


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Run the command line in an empty directory: exit code, standard output, standard error."""
    names = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "FORESCALE_CONFIG")
    for name in (*names, "PROMETHEUS_USER", "PROMETHEUS_PASSWORD", "PROMETHEUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def aws(tmp_path):
    """Four hours of a group's CPU and size, one of them absent."""
    now = time.time() // 60 * 60
    with LocalAws(SystemClock()) as aws:
        for minute in range(1, 241):
            if not 100 <= minute < 160:
                for metric, value in ((CPU, 40.0 + minute % 7), (IN_SERVICE, 5.0)):
                    aws.put_metric(
                        metric, value, time=now - 60 * minute, dimensions={"AutoScalingGroupName": "web"}
                    )
        (tmp_path / "forescale.yaml").write_text(CONFIG.format(url=aws.url))
        yield aws


@pytest.mark.parametrize("name", ["load.csv", "load.parquet"])
def test_what_is_pulled_can_be_backtested(call, aws, name):
    code, out, err = call("history", "pull", "--since", "6h", "-o", name)
    assert (code, out) == (0, "")
    assert f"{name}: 240 rows, one every 1m" in err
    assert "  demand: 180 values, 60 absent" in err
    code, out, err = call("backtest", "--trace", f"{name}:demand", "--warmup", "1h", "--json")
    assert code == 0, err
    about = json.loads(out)["trace"]
    assert (about["column"], about["minutes"], about["gaps"]) == ("demand", 240, 60)
    values = [p.value for p in read_trace(f"{name}:demand").points]
    assert values[-1] == pytest.approx(0.41 * 5)


def test_the_summary_is_json_and_the_table_is_csv_on_standard_output(call, aws):
    code, out, _ = call("history", "pull", "--since", "6h", "-o", "load.csv", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["rows"] == 240
    assert told["step"] == 60.0
    assert told["columns"]["in_service"] == {"known": 180, "absent": 60, "min": 5.0, "max": 5.0}
    assert (told["source"], told["target"], told["group"]) == ("cloudwatch", "web", "web")
    code, out, _ = call("history", "pull", "--since", "6h")
    assert out.splitlines()[0] == "timestamp_utc,cpu,in_service,demand"
    assert len(out.splitlines()) == 241
    assert any(line.endswith(",,,") for line in out.splitlines())


def test_nothing_is_written_where_there_is_nothing(call, aws, tmp_path):
    code, _, err = call("history", "pull", "--since", "30d", "--until", "20d", "-o", "load.csv")
    assert code == 4
    assert "there is no data in that time" in err
    assert not (tmp_path / "load.csv").exists()


def test_nothing_is_changed_in_aws(call, aws):
    call("history", "pull", "--since", "1h", "-o", "load.csv")
    assert aws.writes() == []


@pytest.mark.server
class TestPrometheus:
    @pytest.fixture
    def pull(self, call, prometheus_url, monkeypatch):
        monkeypatch.setenv("PROMETHEUS_USER", PROMETHEUS_LOGIN[0])
        monkeypatch.setenv("PROMETHEUS_PASSWORD", PROMETHEUS_LOGIN[1])
        return lambda *args: call("history", "pull", "--prometheus", prometheus_url, *args)

    def test_a_query_becomes_a_trace(self, call, pull, tmp_path):
        code, out, err = pull("--query", WEB, *DAY, "--per-instance", "10", "-o", "load.csv")
        assert (code, out) == (0, "")
        assert "load.csv: 239 rows, one every 1m, 2024-01-01T00:00:00Z to 2024-01-01T03:59:00Z" in err
        points = read_trace("load.csv:demand").points
        assert points[0].time == PROMETHEUS_START
        assert [p.value for p in points[97:101]] == [9.8, 9.9, None, 10.1]
        (tmp_path / "forescale.yaml").write_text("targets: {web: {group: web}}\n")
        assert call("backtest", "--trace", "load.csv:demand", "--warmup", "1h", "--json")[0] == 0

    def test_several_queries_with_names_of_their_own(self, pull):
        rate = "rate(calls_total[2m])"
        code, out, _ = pull("--query", WEB, "--name", "web", "--query", rate, "--name", "rate", *DAY)
        assert code == 0
        assert out.splitlines()[0] == "timestamp_utc,web,rate"
        assert out.splitlines()[50] == "2024-01-01T00:49:00Z,50,2"

    def test_a_step(self, pull):
        code, out, _ = pull("--query", WEB, *DAY, "--step", "30m")
        assert code == 0
        assert len(out.splitlines()) == 1 + 7
        assert out.splitlines()[2] == "2024-01-01T00:30:00Z,60"

    def test_a_query_that_is_wrong(self, pull):
        code, out, err = pull("--query", "sum(", *DAY)
        assert (code, out) == (4, "")
        assert "parse error" in err

    def test_without_the_login(self, pull, monkeypatch):
        monkeypatch.delenv("PROMETHEUS_USER")
        code, _, err = pull("--query", WEB, *DAY)
        assert code == 4
        assert "PROMETHEUS_USER" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--query", "up"), "--query needs --prometheus"),
        (("--prometheus", "http://x"), "say what to read"),
        (("--prometheus", "http://x", "--target", "web", "--query", "up"), "does not go with --prometheus"),
        (("--prometheus", "x:9090", "--query", "up"), "not the URL of a Prometheus"),
        (("--prometheus", "http://x", "--query", "a", "--query", "b", "--name", "c"), "one for each --query"),
        (("--prometheus", "http://x", "--query", "a", "--query", "b", "--name", "c", "--name", "c"), "own"),
        (("--prometheus", "http://x", "--query", "a", "--name", "timestamp_utc"), "a name of its own"),
        (("--prometheus", "http://x", "--query", "a", "--per-instance", "0"), "more than 0"),
        (("--prometheus", "http://x", "--query", "a", "--header", "nonsense"), "Name: value"),
        (("--since", "soon"), "a time ago such as 30d"),
        (("--since", "1d", "--until", "2d"), "no time between"),
        (("--since", "2999-01-01"), "no time between"),
        (("--step", "90s"), "not whole minutes"),
        (("--json",), "give --output"),
        (("-o", "load.xlsx"), ".csv, .csv.gz or .parquet"),
        (("--target", "api"), "there is no target 'api'"),
    ],
)
def test_mistakes_are_told(call, tmp_path, args, words):
    (tmp_path / "forescale.yaml").write_text("targets: {web: {group: web}}\n")
    code, out, err = call("history", "pull", *args)
    assert (code, out) == (2, "")
    assert words in " ".join(err.replace("│", " ").split())


def test_with_several_targets_one_must_be_named(call, tmp_path):
    (tmp_path / "forescale.yaml").write_text("targets: {web: {group: web}, api: {group: api}}\n")
    code, _, err = call("history", "pull")
    assert code == 2
    assert "choose one with --target: web, api" in err
