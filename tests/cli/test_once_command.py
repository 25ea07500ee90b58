"""`forescale once`, as a user calls it: against a local AWS over HTTP, now."""

import json
import sqlite3
import sys
import time

import pytest
import structlog

from forescale.cli import main
from forescale.demo.local_aws import LocalAws
from forescale.model.event import Override
from forescale.runtime.clock import SystemClock
from forescale.store import Ledger
from runtime_world import assert_replays, desired_writes, publish

CONFIG = """\
aws: {{region: eu-west-1, endpoint_url: "{url}"}}
store: ledger.db
targets:
  web: {{group: web-asg}}
"""


@pytest.fixture
def aws():
    """A local AWS of this moment: a group of 4 that has had little to do for half an hour."""
    with LocalAws(SystemClock(), boot_delay=120.0) as aws:
        aws.create_group("web-asg", maximum=20, desired=4)
        publish(aws, "web-asg", 15.0, minutes=30)
        aws.requests.clear()
        yield aws


@pytest.fixture
def folder(tmp_path, monkeypatch, aws):
    """An empty directory with a configuration, and credentials."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "FORESCALE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forescale.yaml").write_text(CONFIG.format(url=aws.url))
    return tmp_path


@pytest.fixture
def call(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", *args])
        with pytest.raises(SystemExit) as stopped:
            main()
        structlog.reset_defaults()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


def add(folder, text):
    with (folder / "forescale.yaml").open("a") as file:
        file.write(text)


def test_the_first_call_can_decide(call, aws, folder):
    """The policies look back a quarter of an hour: that is read, not waited for."""
    code, out, err = call("once")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "web-1 scale in 4 → 1"
    assert "demand 0.60 is 15% of 4 serving: below 54%, so 1" in " ".join(lines)
    assert aws.writes() == []


def test_for_scripts(call):
    code, out, _ = call("once", "--json")
    (decision,) = json.loads(out)
    assert code == 0
    assert (decision["id"], decision["current"], decision["desired"]) == ("web-1", 4, 1)


def test_allowed_to_act_it_does(call, aws, folder):
    assert call("once", "--act")[0] == 0
    assert desired_writes(aws) == [1]
    code, out, _ = call("once", "--act", "--json")
    (decision,) = json.loads(out)
    assert (code, decision["id"], decision["direction"]) == (0, "web-2", "hold")
    assert desired_writes(aws) == [1]
    with Ledger.open(str(folder / "ledger.db"), read_only=True) as ledger:
        assert_replays(ledger, "web")
        assert ledger.leases() == ()


def test_the_option_wins_over_the_file(call, aws, folder):
    add(folder, "dry_run: false\n")
    assert call("once", "--dry-run")[0] == 0
    assert aws.writes() == []
    assert call("once")[0] == 0
    assert desired_writes(aws) == [1]


def test_an_order_that_waits_is_carried_out(call, aws, folder):
    with Ledger.open(str(folder / "ledger.db")) as ledger:
        ledger.post("web", Override(7, time.time() + 3600, "ada"), time.time())
    assert call("once", "--act")[0] == 0
    assert desired_writes(aws) == [7]


def test_a_group_that_is_not_there_and_one_that_is(call, folder):
    add(folder, "  lost: {group: web-agg}\n")
    code, out, err = call("once", "--json")
    web, lost = sorted(json.loads(out), key=lambda decision: decision["target"], reverse=True)
    assert code == 4
    assert web["desired"] == 1
    assert "groups there: web-asg" in lost["blockers"][0]["why"]
    (told,) = [json.loads(line) for line in err.splitlines()]
    assert told["event"] == "group failing"
    assert "describe-auto-scaling-groups --region eu-west-1" in told["hint"]


def test_a_wrong_region(call, folder):
    text = (folder / "forescale.yaml").read_text()
    (folder / "forescale.yaml").write_text(text.replace("eu-west-1", "eu-west-3"))
    code, out, _ = call("once")
    assert code == 4
    assert "not found in eu-west-3; there are no groups there" in " ".join(out.split())


def test_no_region_at_all(call, folder):
    text = (folder / "forescale.yaml").read_text()
    (folder / "forescale.yaml").write_text(text.replace("region: eu-west-1, ", ""))
    code, out, err = call("once")
    assert code == 4
    assert "no AWS region" in out
    assert "set aws.region in the configuration" in err
    assert "Traceback" not in err


def test_no_credentials(call, folder, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(folder))
    code, out, err = call("once")
    assert code == 4
    assert "Unable to locate credentials" in " ".join(out.split())
    assert "aws sso login" in err
    assert "Traceback" not in err


def test_nobody_answers(call, folder, aws):
    text = (folder / "forescale.yaml").read_text()
    (folder / "forescale.yaml").write_text(text.replace(aws.url, "http://127.0.0.1:1"))
    code, out, _ = call("once")
    assert code == 4
    assert "127.0.0.1:1" in " ".join(out.split())


def test_metrics_that_are_not_there(call, folder, aws):
    aws.create_group("quiet-asg", maximum=20, desired=3)
    add(folder, "  quiet: {group: quiet-asg}\n")
    code, out, _ = call("once", "--json")
    (quiet,) = [d for d in json.loads(out) if d["target"] == "quiet"]
    assert code == 0
    assert (quiet["direction"], quiet["desired"]) == ("hold", 3)
    assert "absent or stale" in quiet["reasons"][0]["text"]


def test_a_ledger_that_is_locked(call, folder, aws):
    assert call("once")[0] == 0
    text = (folder / "forescale.yaml").read_text()
    (folder / "forescale.yaml").write_text(text.replace("ledger.db", "'sqlite:///ledger.db?timeout=0.1'"))
    lock = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        code, out, err = call("once", "--act")
    finally:
        lock.close()
    assert (code, out) == (3, "")
    assert "another process holds its lock" in err
    assert aws.writes() == []


def test_a_ledger_that_fails_in_the_midst(call, folder, aws, monkeypatch):
    """It could be opened and the target taken, but the decision cannot be written."""
    from forescale.model.errors import StoreError

    def full(_ledger, _entries):
        raise StoreError("the disk is full", hint="free some space")

    monkeypatch.setattr(Ledger, "commit", full)
    code, out, err = call("once", "--act")
    assert (code, out) == (3, "")
    assert "error: the disk is full" in err
    assert aws.writes() == []
