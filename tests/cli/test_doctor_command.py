"""`forescale doctor` from the command line, against a local AWS."""

import json
import os
import subprocess
import sys
import time

import pytest

from forescale.demo.local_aws import LocalAws
from forescale.runtime.clock import SystemClock


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with a configuration of a target on a healthy group, and the local AWS."""
    for name, value in (("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with LocalAws(SystemClock()) as aws:
        aws.create_group("web", desired=2, maximum=5, zones=("a",))
        now = time.time()
        for back in range(1, 15):
            aws.put_metric(
                "AWS/EC2 CPUUtilization",
                50.0,
                time=now - 60 * back,
                dimensions={"AutoScalingGroupName": "web"},
            )
        (tmp_path / "forescale.yaml").write_text(
            f"aws: {{region: eu-west-1, endpoint_url: '{aws.url}'}}\ntargets:\n  web: {{group: web}}\n"
        )
        yield tmp_path, aws


def doctor(directory, *options):
    return subprocess.run(
        [sys.executable, "-c", "from forescale.cli import main; main()", "doctor", *options],
        cwd=directory,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
        check=False,
    )


def test_all_is_well(here):
    directory, aws = here
    done = doctor(directory)
    assert done.returncode == 0, done.stderr
    assert "web: 2 in service, desired 2, min 1, max 5" in done.stdout
    assert "0 failed" in done.stdout
    assert {w.operation for w in aws.writes()} <= {
        "SimulatePrincipalPolicy",
        "CreateLaunchTemplate",
        "CreateAutoScalingGroup",
    }


def test_a_failed_check_is_exit_1_and_says_what_helps(here):
    directory, _ = here
    file = directory / "forescale.yaml"
    file.write_text(file.read_text().replace("{group: web}", "{group: wbe}"))
    done = doctor(directory)
    assert done.returncode == 1
    assert "groups there: web" in done.stdout
    assert "describe-auto-scaling-groups" in done.stdout
    assert "Traceback" not in done.stderr


def test_json_for_scripts(here):
    directory, aws = here
    aws.faults.deny("GetMetricData")
    done = doctor(directory, "--json")
    checks = json.loads(done.stdout)
    assert done.returncode == 1
    assert {"target", "name", "verdict", "text", "hint"} == set(checks[0])
    assert [c["name"] for c in checks if c["verdict"] == "fail"] == ["metrics"]


def test_a_wrong_configuration_is_exit_2(tmp_path):
    (tmp_path / "forescale.yaml").write_text("targets: {}\n")
    assert doctor(tmp_path).returncode == 2
