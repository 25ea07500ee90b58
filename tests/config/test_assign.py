"""Settings given on the command line go before those of the file, and are checked like them."""

import pytest

from forescale.config import InvalidConfig, Overrides, load
from forescale.config.assign import assign
from forescale.config.parse import parse
from forescale.config.tree import Document
from forescale.model.errors import ConfigError

FILE = """\
defaults:
  guards: {min: 2, max: 20}
  policies:
    - {type: target_tracking, target: 60%}
targets:
  web: {group: web}
"""
TWO = FILE + "  api: {group: api, guards: {min: 3}}\n"


@pytest.fixture
def loaded(tmp_path):
    def read(*sets, text=FILE, target=None, budget=None, env=None):
        path = tmp_path / "forescale.yaml"
        path.write_text(text)
        return load(path, env or {}, overrides=Overrides(sets, budget, target)).targets

    return read


def refused(loaded, *sets, **how):
    with pytest.raises(InvalidConfig) as caught:
        loaded(*sets, **how)
    assert len(caught.value.problems) == 1, caught.value
    return caught.value.problems[0]


def test_any_key_can_be_set_and_the_rest_stays(loaded):
    web = loaded("guards.max=50", "policies[0].target=75%", "lead_time=90s")["web"]
    assert (web.guards.min, web.guards.max) == (2, 50)
    assert web.policies[0].target == 0.75
    assert web.lead_time == 90.0


def test_the_last_of_two_settings_counts(loaded):
    assert loaded("guards.max=50", "guards.max=60")["web"].guards.max == 60


@pytest.mark.parametrize("key", ["policies[0].target", "policies.0.target"])
def test_an_item_of_a_list_is_named_by_its_index(loaded, key):
    assert loaded(f"{key}=0.4")["web"].policies[0].target == 0.4


def test_a_value_is_yaml(loaded):
    web = loaded("policies=[{type: target_tracking, target: 50%}, {type: threshold, by: 2}]")["web"]
    assert [policy.type for policy in web.policies] == ["target_tracking", "threshold"]
    assert loaded("guards.max=null")["web"].guards.max is None
    assert loaded("guards.max=${MOST}", env={"MOST": "33"})["web"].guards.max == 33


def test_what_the_file_does_not_have_is_added(loaded):
    signal = "signals.rps={metric: AWS/ApplicationELB RequestCount, unit: count}"
    web = loaded(signal, "demand={signal: rps, per_instance: 100}", "guards.cooldown.in=10m")["web"]
    assert web.signals["rps"].type == "cloudwatch"
    assert web.guards.cooldown.in_ == 600.0


def test_one_of_several_targets_is_changed_and_shared_defaults_are_not(loaded):
    found = loaded("guards.max=50", "policies[0].target=70%", text=TWO, target="api")
    assert (found["api"].guards.max, found["api"].policies[0].target) == (50, 0.7)
    assert (found["web"].guards.max, found["web"].policies[0].target) == (20, 0.6)


def test_without_a_choice_of_several_nothing_is_changed(loaded):
    assert loaded("guards.max=50", text=TWO)["web"].guards.max == 20


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("guards.min_lif=3m", "did you mean 'min_life'", "cooldown"),
        ("guards.max=many", "read 'many'", "a whole number"),
        ("policies[0].target=170%", "more than the whole", ""),
        ("policies[3].target=50%", "policies has one item in the file", "an index below 1"),
        ("guards[0]=1", "guards has no items in the file", "the whole list"),
        ("guards.min.max=1", "guards.min has no keys", ""),
        ("guards.max", "read 'guards.max'", "KEY=VALUE"),
        ("=3", "read '=3'", "KEY=VALUE"),
        ("guards..max=3", "read 'guards..max=3'", "KEY=VALUE"),
        ("policies=[{type: ", "is not YAML", ""),
        ("guards.max=${MOST}", "MOST is not set", ""),
        ("guards.min=30", "max (20) is below min (30)", ""),
    ],
)
def test_a_mistake_names_the_option_and_the_key(loaded, text, said, expected):
    problem = refused(loaded, text)
    assert said in problem.message
    assert expected in problem.expected
    if "below min" not in said:  # that is said where the guards stand
        assert text in problem.file
        assert problem.line == 0


def test_a_budget_without_a_predictive_policy_is_refused(loaded):
    with pytest.raises(ConfigError, match="--budget needs a predictive policy") as caught:
        loaded(budget="1%")
    assert "type: predictive" in caught.value.hint


def test_a_budget_is_that_of_the_first_predictive_policy():
    """On the tree, so that it holds whatever options the policy has."""
    text = """\
targets:
  web:
    policies: [{type: target_tracking}, {type: predictive, budget: 1%}, {type: predictive}]
"""
    root = parse(Document("file.yaml", tuple(text.split("\n"))))
    assert assign(root, Overrides(budget="status-quo"), {}) == []
    policies = root.data()["targets"]["web"]["policies"]
    assert policies[1] == {"type": "predictive", "budget": "status-quo"}
    assert "budget" not in policies[0] | policies[2]
