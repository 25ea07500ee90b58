"""What the ledger keeps of a target's settings is the settings."""

import json

from hypothesis import HealthCheck, Phase, given, settings
from target_strategies import targets

from forescale.config import Config, InvalidConfig, Target, load, schema
from forescale.config.loader import load_tree
from forescale.config.words import in_words, literal, resolved, summary

_SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)
_NO_SHRINKING = settings(_SLOW, max_examples=30, phases=(Phase.explicit, Phase.generate))


@_SLOW
@given(targets())
def test_a_target_survives_its_json(data):
    target = Target.model_validate(data)
    text = target.model_dump_json()
    again = Target.model_validate_json(text)
    assert again == target
    assert again.model_dump_json() == text
    assert Target.model_validate(json.loads(text)) == target


@_NO_SHRINKING
@given(targets())
def test_what_check_shows_loads_to_the_same(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("config") / "c.yaml"
    path.write_text(json.dumps({"region": "eu-west-1", "targets": {"web": literal(data)}}))
    loaded = load_tree(path, {})
    assert loaded.config.targets["web"] == Target.model_validate(data)
    path.write_text(resolved(loaded))
    again = load(path, {})
    assert again == loaded.config
    assert summary(again)
    assert all(in_words(policy) for policy in again.targets["web"].policies)


@_SLOW
@given(targets())
def test_the_schema_admits_what_the_models_do(data):
    from jsonschema import Draft202012Validator

    Config.model_validate({"targets": {"web": data}})
    Draft202012Validator(schema()).validate({"targets": {"web": data}})


def test_secrets_stay_references(write):
    path = write(
        "region: eu-west-1\nstore: mysql://me:${DB_PASSWORD}@h/d\naws: {external_id: '${ssm:/id}'}\n"
        "targets: {web: {group: '${GROUP}', guards: {max: ${MAX}}}}\n"
    )
    env = {"DB_PASSWORD": "hunter2", "GROUP": "web-asg", "MAX": "9"}
    loaded = load_tree(path, env, lambda names: dict.fromkeys(names, "s3same"))
    shown = resolved(loaded)
    assert loaded.config.aws.external_id == "s3same"
    assert loaded.config.store.get_secret_value() == "mysql://me:hunter2@h/d"
    assert "hunter2" not in shown
    assert "s3same" not in shown
    assert "external_id: ${ssm:/id}" in shown
    assert "store: mysql://me:${DB_PASSWORD}@h/d" in shown
    assert "group: web-asg" in shown
    assert "max: 9" in shown


def test_the_error_type_is_a_config_error():
    assert InvalidConfig.exit_code == 2
