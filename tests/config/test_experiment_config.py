"""An experiment and strategies in the shadow, as people write them."""

import re
from pathlib import Path

TEXT = """\
region: eu-west-1
targets:
  web:
    group: web-asg
    shadow:
      calm: {{policies: [{{type: target_tracking, target: 40%}}]}}
    experiment: &experiment
      name: tighter
      treatment: {{policies: [{{type: target_tracking, target: 70%}}]}}
      minimum_effect: {{cost: 3%}}
      {web}
  api:
    group: api-asg
    {api}
"""
MATCHED = "experiment: {{<<: *experiment, matched_with: {}}}"


def test_an_experiment_and_a_shadow(loads):
    config = loads(TEXT.format(web="slice: 4h", api=""))
    web = config.targets["web"]
    assert (web.experiment.slice, web.experiment.minimum_effect.cost) == (4 * 3600, 0.03)
    assert web.treated.policies[0].target == 0.7
    assert list(web.arms) == ["control", "calm"]
    assert type(web).model_validate_json(web.model_dump_json()) == web  # as the ledger keeps it


def test_a_matched_pair(loads):
    config = loads(TEXT.format(web="design: matched\n      matched_with: api", api=MATCHED.format("web")))
    assert config.targets["api"].experiment.matched_with == "web"


def test_a_pair_that_does_not_match(complaint):
    web = "design: matched\n      matched_with: api"
    for api in ("", MATCHED.format("other")):
        found = complaint(TEXT.format(web=web, api=api))
        assert "experiment.matched_with is 'api': there must be such a target" in found.message
        assert "whose matched_with is 'web'" in found.message
    api = "experiment: {<<: *experiment, matched_with: web, seed: 5}"
    assert "must be the same" in complaint(TEXT.format(web=web, api=api)).message


def test_what_the_page_on_experiments_shows_can_be_loaded(loads):
    page = (Path(__file__).parents[2] / "docs" / "ab.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    shadow, experiment = (loads(block).targets["web"] for block in blocks)
    assert list(shadow.arms) == ["status-quo"]
    assert experiment.treated.policies[0].target == 0.7
