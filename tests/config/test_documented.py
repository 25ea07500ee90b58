"""The reference is what the models say, and the examples are what `init` writes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.config import load
from forescale.config.presets import GROUP, PRESETS, REGION, render, template
from forescale.config.reference import document, sections, undescribed

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "configuration.md"


def test_the_reference_is_up_to_date():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == document(text), "run: python -m forescale.config.reference docs/configuration.md"


def test_every_field_is_described():
    assert undescribed() == []


def test_every_model_says_what_it_is():
    assert [model.__name__ for _, model in sections() if not model.__doc__] == []


def test_titles_are_unambiguous():
    titles = [title for title, _ in sections()]
    assert len(set(titles)) == len(titles)
    assert {"guards.cooldown", "policies, type step", "actuator, type asg"} <= set(titles)


def test_the_document_speaks_of_what_is_not_in_the_models():
    text = DOCUMENT.read_text(encoding="utf-8")
    for word in ("${NAME:-fallback}", "${ssm:/path/name}", "`.env`", "FORESCALE_DRY_RUN", "DRY_RUN", "`$$`"):
        assert word in text


def test_the_examples_are_the_presets():
    examples = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.yaml")}
    assert examples == {preset.file: template(name) for name, preset in PRESETS.items()}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_loads_in_dry_run_for_a_group_and_region(write, preset):
    config = load(write(render(preset, group="my-asg", region="us-east-2")), {})
    assert config.dry_run is True
    assert config.aws.region == "us-east-2"
    assert next(iter(config.targets.values())).actuator.group == "my-asg"
    assert GROUP not in render(preset, group="my-asg")
    assert REGION not in render(preset, region="us-east-2")


def test_comments_keep_their_column():
    assert len(render("asg", group="a").splitlines()) == len(template("asg").splitlines())
    columns = {
        line.index("#") for line in render("asg", group="a", region="us-west-2").splitlines() if " #" in line
    }
    assert columns == {25}


_GROUPS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(PRESETS)), st.one_of(_GROUPS, st.sampled_from(["null", "1e3", "on", "2027-01-01"]))
)
def test_whatever_a_group_is_called(tmp_path_factory, preset, group):
    path = tmp_path_factory.mktemp("preset") / "c.yaml"
    path.write_text(render(preset, group=group), encoding="utf-8", newline="")
    assert next(iter(load(path, {}).targets.values())).actuator.group == group


def test_the_multi_target_example_inherits():
    config = load(ROOT / "examples" / "multi-target.yaml", {})
    assert [(t.guards.min, t.guards.max) for t in config.targets.values()] == [(2, 40), (2, 30), (0, 10)]
    assert {t.guards.cooldown.in_ for t in config.targets.values()} == {300.0}
    assert [p.type for t in config.targets.values() for p in t.policies] == [
        "target_tracking",
        "schedule",
        "target_tracking",
        "step",
        "threshold",
    ]


def test_the_horizontal_example_reads_what_its_system_read():
    """Seven EC2 metrics and memory, one minute wide, of each instance."""
    signals = load(ROOT / "examples" / "horizontal-signals.yaml", {}).targets["prod"].signals
    read = {signal.metric for signal in signals.values()}
    names = (
        "CPUUtilization NetworkIn NetworkOut DiskReadBytes DiskWriteBytes NetworkPacketsIn NetworkPacketsOut"
    )
    assert read == {f"AWS/EC2 {name}" for name in names.split()} | {"CWAgent mem_used_percent"}
    assert {(signal.period, signal.per, signal.max_age) for signal in signals.values()} == {
        (60.0, "instance", 180.0)
    }
