"""The JSON Schema that editors use: it admits the examples, and what they may be, and nothing spoilt."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from forescale.config import Config, InvalidConfig, load, schema

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
VALIDATOR = Draft202012Validator(schema())


def _read(path):
    return json.loads(json.dumps(YAML(typ="safe").load(path.read_text()), default=str))


def test_it_is_a_schema():
    Draft202012Validator.check_schema(schema())
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_fit(path):
    assert [error.message for error in VALIDATOR.iter_errors(_read(path))] == []


GOOD = {
    "region": "eu-west-1",
    "targets": {
        "web": {
            "group": "web-asg",
            "signals": {"cpu": {"metric": "AWS/EC2 CPUUtilization", "period": "60s"}},
            "policies": [{"type": "target_tracking", "target": "60%"}],
            "guards": {"min": 2, "max": 20, "cooldown": {"out": "60s"}},
        }
    },
}


def _changed(path, value):
    data = deepcopy(GOOD)
    holder = data
    for key in path[:-1]:
        holder = holder[key]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return data


WEB = ("targets", "web")
BAD = [
    (("dry_runn",), True),
    (("targets",), None),
    (("targets",), {}),
    (("targets", "a b"), {"group": "x"}),
    (("interval",), 10),
    (("interval",), "10 minutes"),
    (("log",), {"level": "loud"}),
    (("defaults",), {"guards": {"mx": 1}}),
    ((*WEB, "group"), None),
    ((*WEB, "group"), 5),
    ((*WEB, "guards", "min"), "two"),
    ((*WEB, "guards", "min"), -1),
    ((*WEB, "guards", "mn"), 1),
    ((*WEB, "guards", "cooldown", "out"), 60),
    ((*WEB, "signals", "cpu", "unit"), "percents"),
    ((*WEB, "signals", "cpu", "metric"), "CPUUtilization"),
    ((*WEB, "policies", 0, "type"), None),
    ((*WEB, "policies", 0, "type"), "tracking"),
    ((*WEB, "policies", 0, "target"), 60),
    ((*WEB, "policies"), {"type": "step"}),
    ((*WEB, "policies"), [{"type": "schedule"}]),
    ((*WEB, "actuator"), {"type": "asgg", "group": "x"}),
]


@pytest.mark.parametrize(("path", "value"), BAD)
def test_what_is_spoilt_does_not_fit(path, value, write):
    data = _changed(path, value)
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(InvalidConfig):
        load(write(json.dumps(data)), {})


FINE = [
    (("dry_run",), "${DRY}"),
    (("interval",), "${INTERVAL:-10s}"),
    (("interval",), 0),
    (("x-anything",), {"a": [1]}),
    (("defaults",), {"guards": {"max": 5}, "actuator": {"region": "us-east-1"}}),
    ((*WEB, "guards", "max"), "${MAX}"),
    ((*WEB, "guards", "cooldown", "out"), "1h30m"),
    ((*WEB, "signals", "cpu"), {"period": "5m"}),
    ((*WEB, "signals", "cpu", "unit"), "${ssm:/unit}"),
    ((*WEB, "policies", 0, "target"), 0.6),
    ((*WEB, "policies", 0, "target"), "${TARGET}"),
    ((*WEB, "demand"), {"per_instance": "${PER}"}),
]


@pytest.mark.parametrize(("path", "value"), FINE)
def test_shorthands_references_and_partial_settings_fit(path, value):
    assert [error.message for error in VALIDATOR.iter_errors(_changed(path, value))] == []


def test_every_key_is_described():
    def undescribed(part, path):
        for key, inner in part.get("properties", {}).items():
            said = inner.get("description") or "$ref" in inner or "anyOf" in inner or key == "type"
            yield from [] if said else [f"{path}.{key}"]

    found = schema()
    parts = {"": found, **found["$defs"]}
    assert [missing for path, part in parts.items() for missing in undescribed(part, path)] == []


def test_durations_read_as_people_write_them():
    interval = schema()["properties"]["interval"]
    assert interval["default"] == "10s"
    assert {"const": 0} in interval["anyOf"]


def test_the_models_are_left_as_they_are():
    before = Config.model_json_schema()
    schema()
    assert Config.model_json_schema() == before
