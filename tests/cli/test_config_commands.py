"""`forescale init`, `check` and `schema`, as a user calls them."""

import json
import sys

import pytest

from forescale.cli import main
from forescale.config import schema
from forescale.config.presets import PRESETS


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Run the command line in this process, in an empty directory: exit code, output, error output."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "FORESCALE_CONFIG", "DRY_RUN"):
        monkeypatch.delenv(name, raising=False)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.mark.parametrize("preset", PRESETS)
def test_what_init_writes_check_accepts(call, tmp_path, preset):
    code, out, _ = call("init", "--preset", preset, "--group", "my asg", "--region", "us-east-2")
    assert code == 0
    assert "forescale check" in out
    assert "forescale doctor" in out
    assert "forescale run" in out
    code, out, _ = call("check")
    assert code == 0
    assert out.startswith("OK forescale.yaml: ")
    assert "asg my asg in us-east-2" in out


def test_init_says_what_is_left_to_do(call, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    _, out, _ = call("init", "web.yaml")
    assert "Put the name of your group where it says web-asg." in out
    assert "forescale check web.yaml" in out
    assert "region: ap-south-1" in (tmp_path / "web.yaml").read_text()


def test_init_overwrites_only_if_told(call, tmp_path):
    path = tmp_path / "forescale.yaml"
    path.write_text("mine")
    code, _, err = call("init")
    assert (code, path.read_text()) == (2, "mine")
    assert "--force" in err
    assert call("init", "--force")[0] == 0
    assert "web-asg" in path.read_text()


def test_init_lists_presets_and_knows_no_others(call, tmp_path):
    code, out, _ = call("init", "--list-presets")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(PRESETS)
    code, _, err = call("init", "--preset", "nope")
    assert code == 2
    assert "asg-requests" in err
    assert list(tmp_path.iterdir()) == []


def test_init_into_a_directory_that_is_not_there(call):
    code, _, err = call("init", "no/such/place.yaml")
    assert code == 2
    assert "no/such/place.yaml cannot be written: No such file or directory" in err


def test_check_shows_every_error_at_its_place(call, tmp_path):
    (tmp_path / "forescale.yaml").write_text("interval: 10\ntargets:\n  web: {grup: a}\n")
    code, out, err = call("check")
    assert (code, out) == (2, "")
    assert "forescale.yaml:1:11: interval: 10 has no unit: write 10s" in err
    assert "forescale.yaml:3:9: targets.web.grup: unknown key 'grup'; did you mean 'group'?" in err
    assert "    3 |   web: {grup: a}\n      |         ^" in err


def test_check_for_scripts(call, tmp_path):
    path = tmp_path / "forescale.yaml"
    path.write_text("interval: 10\ntargets:\n  web: {group: a}\n")
    code, out, err = call("check", "--json")
    assert (code, err) == (2, "")
    assert json.loads(out) == [
        {
            "file": "forescale.yaml",
            "line": 1,
            "column": 11,
            "path": "interval",
            "message": "10 has no unit: write 10s, 10m, 10h or 10d",
            "read": "10",
            "expected": "",
        }
    ]
    path.write_text("region: eu-west-1\ntargets:\n  web: {group: a}\n")
    code, out, _ = call("check", "--json")
    assert (code, json.loads(out)) == (0, [])
    code, out, _ = call("check", "nope.yaml", "--json")
    assert (code, [p["message"] for p in json.loads(out)]) == (2, ["there is no file nope.yaml"])


def test_check_without_a_file_suggests_init(call):
    code, _, err = call("check")
    assert code == 2
    assert "there is no file forescale.yaml" in err
    assert "forescale init forescale.yaml" in err


def test_check_says_what_the_file_does(call, tmp_path):
    (tmp_path / "forescale.yaml").write_text(
        "region: eu-west-1\n"
        "targets:\n"
        "  web: {group: web-asg, guards: {min: 2, max: 9, max_step: {down: 1}}}\n"
    )
    _, out, _ = call("check")
    assert out.splitlines() == [
        "OK forescale.yaml: 1 target, evaluated every 10s, dry run",
        "",
        "web",
        "  scales    asg web-asg in eu-west-1",
        "  demand    cpu in percent",
        "  policy    target_tracking: target 60%, out after 3m, in after 15m, in below 90%",
        "  guards    2 to 9",
        "            max step down 1",
        "            cooldown out 1m in 5m preempt yes",
        "  lead time 4m until it is learned",
    ]


def test_check_show_is_a_configuration_with_secrets_masked(call, tmp_path):
    path = tmp_path / "forescale.yaml"
    path.write_text("store: mysql://me:hunter2@h/d\nregion: a\ntargets:\n  web: {group: web-asg}\n")
    code, out, _ = call("check", "--show")
    assert code == 0
    assert "hunter2" not in out
    assert "store: mysql://me:***@h/d" in out
    assert "dry_run: true" in out
    path.write_text(out)
    assert call("check")[0] == 0


def test_the_file_may_be_named_by_the_environment(call, tmp_path, monkeypatch):
    (tmp_path / "other.yaml").write_text("region: a\ntargets: {web: {group: g}}\n")
    monkeypatch.setenv("FORESCALE_CONFIG", "other.yaml")
    code, out, _ = call("check")
    assert code == 0
    assert out.startswith("OK other.yaml")


def test_schema_is_printed_or_written(call, tmp_path):
    _, out, _ = call("schema")
    assert json.loads(out) == schema()
    code, out, _ = call("schema", "--output", "s.json")
    assert (code, out) == (0, "wrote s.json\n")
    assert json.loads((tmp_path / "s.json").read_text()) == schema()
    code, _, err = call("schema", "--output", "no/s.json")
    assert code == 2
    assert "no/s.json cannot be written" in err
