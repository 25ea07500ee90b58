"""What is short is written out before the models see it."""

from forescale.config.expand import drop_free_keys, expand_file, expand_targets
from forescale.config.parse import parse
from forescale.config.tree import Document

FILE = """\
x-note: &max 9
region: eu-west-1
defaults:
  actuator: {region: us-east-1}
  signals: {cpu: {type: other, period: 60s}}
  policies: [{type: step}]
targets:
  web:
    group: web-asg
    signals: {cpu: {period: 5m}, memory: {metric: CWAgent mem}}
    guards: {max: *max}
  api:
    actuator: {type: swarm, group: api}
    signals: {cpu: {type: cloudwatch}}
    policies: []
"""


def test_everything_is_written_out():
    tree = parse(Document("f", tuple(FILE.splitlines())))
    drop_free_keys(tree)
    assert expand_file(tree) == []
    assert expand_targets(tree) == []
    assert tree.data() == {
        "aws": {"region": "eu-west-1"},
        "targets": {
            "web": {
                "actuator": {"type": "asg", "region": "us-east-1", "group": "web-asg"},
                "signals": {
                    "cpu": {"type": "other", "period": "5m"},
                    "memory": {"type": "cloudwatch", "metric": "CWAgent mem"},
                },
                "policies": [{"type": "step"}],
                "guards": {"max": 9},
            },
            "api": {
                "actuator": {"type": "swarm", "group": "api", "region": "us-east-1"},
                "signals": {"cpu": {"type": "cloudwatch"}},
                "policies": [],
            },
        },
    }


def test_values_keep_their_places():
    tree = parse(Document("f", tuple(FILE.splitlines())))
    expand_targets(tree)
    web = tree.children["targets"].children["web"]
    actuator = web.children["actuator"].children
    assert (actuator["group"].mark.line, actuator["group"].path) == (9, ("targets", "web", "group"))
    assert (actuator["region"].mark.line, actuator["region"].path) == (4, ("defaults", "actuator", "region"))
