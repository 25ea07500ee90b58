"""`.env`, `FORESCALE_*` and `DRY_RUN`."""

import pytest

from forescale.config.environment import Environment

FILE = "region: eu-west-1\nlog: {level: info}\ntargets: {web: {group: web}}\n"


def test_a_variable_overrides_a_setting(loads):
    config = loads(
        FILE,
        {
            "FORESCALE_DRY_RUN": "false",
            "FORESCALE_INTERVAL": "30s",
            "FORESCALE_LOG__LEVEL": "debug",
            "FORESCALE_HEALTH__PORT": "9000",
            "FORESCALE_AWS__PROFILE": "12345",
            "FORESCALE_REGION": "us-east-1",
            "FORESCALE_STORE": "mysql://u:p@h/d",
        },
    )
    assert (config.dry_run, config.interval, config.log.level) == (False, 30.0, "debug")
    assert config.health
    assert (config.health.port, config.health.host) == (9000, "127.0.0.1")
    assert (config.aws.profile, config.aws.region) == ("12345", "us-east-1")
    assert config.store.get_secret_value() == "mysql://u:p@h/d"


@pytest.mark.parametrize(
    ("env", "dry_run"),
    [
        ({}, True),
        ({"DRY_RUN": "false"}, False),
        ({"DRY_RUN": "0"}, False),
        ({"DRY_RUN": ""}, True),
        ({"DRY_RUN": "false", "FORESCALE_DRY_RUN": "true"}, True),
        ({"DRY_RUN": "false", "FORESCALE_DRY_RUN": ""}, False),
    ],
)
def test_dry_run(loads, env, dry_run):
    assert loads(FILE, env).dry_run is dry_run


def test_a_word_that_is_no_switch_is_refused(complaint):
    found = complaint(FILE, {"DRY_RUN": "nope"})
    assert (found.file, found.line, found.path) == ("environment variable DRY_RUN", 0, "dry_run")
    assert found.expected == "true or false"


def test_a_wrong_value_names_the_variable(complaint):
    found = complaint(FILE, {"FORESCALE_INTERVAL": "10"})
    assert str(found) == (
        "environment variable FORESCALE_INTERVAL: interval: '${FORESCALE_INTERVAL}' is not a duration: "
        "write for example 90s, 4m or 1h30m"
    )


def test_a_variable_that_nearly_names_a_setting_is_refused(complaint):
    assert complaint(FILE, {"FORESCALE_DRYRUN": "false"}).message == (
        "no setting is called FORESCALE_DRYRUN; did you mean FORESCALE_DRY_RUN?"
    )


def test_other_variables_are_left_alone(loads):
    config = loads(FILE, {"FORESCALE_SERVICE_HOST": "10.0.0.1", "FORESCALE_CONFIG": "x.yaml", "HOME": "/"})
    assert config.dry_run is True


def test_targets_are_out_of_reach(complaint):
    message = complaint(FILE, {"FORESCALE_TARGETS__WEB__GUARDS__MAX": "9"}).message
    assert "write ${NAME} in the file" in message


def test_dotenv_beside_the_file(write, loads):
    write("# comment\n\nexport GROUP='from dotenv'\nDRY_RUN=false\nMAX=3\n", ".env")
    text = "region: a\ntargets: {web: {group: ${GROUP}, guards: {max: ${MAX}}}}\n"
    config = loads(text, {"MAX": "5"})
    assert config.dry_run is False
    assert config.targets["web"].actuator.group == "from dotenv"
    assert config.targets["web"].guards.max == 5


def test_a_wrong_value_in_dotenv_is_placed_and_not_shown(write, problems):
    dotenv = write("A=1\n\nFORESCALE_STORE=nosuch://u:hunter2@h\nnot a pair\n", ".env")
    found = problems(FILE)
    assert [(p.file, p.line, p.excerpt) for p in found] == [(str(dotenv), 3, ""), (str(dotenv), 4, "")]
    assert "hunter2" not in repr(found)


def test_nothing_in_dotenv_is_expanded(write):
    dotenv = write("A=x\nB=${A}$$\n", ".env")
    assert Environment({}, dotenv) == {"A": "x", "B": "${A}$$"}


def test_the_process_environment_is_the_default(write, monkeypatch):
    from forescale.config import load

    path = write(FILE)
    monkeypatch.setenv("FORESCALE_DRY_RUN", "false")
    assert load(path).dry_run is False


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("sqlite:///l.db", "sqlite:///{dir}/l.db"),
        ("sqlite:///data/l.db?timeout=5", "sqlite:///{dir}/data/l.db?timeout=5"),
        ("sqlite:////var/l.db", "sqlite:////var/l.db"),
        ("data/l.db", "sqlite:///{dir}/data/l.db"),
        ("/var/l.db", "/var/l.db"),
        ("~/l.db", "~/l.db"),
        ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
    ],
)
def test_a_relative_ledger_lies_beside_the_file(loads, tmp_path, store, expected):
    config = loads(f"store: {store}\n{FILE}")
    assert config.store.get_secret_value() == expected.format(dir=tmp_path)
    assert "u:p@" not in f"{config!r} {config.model_dump_json()} {config.store}"
