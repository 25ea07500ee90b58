"""What the models refuse: where it stands, what was read, and what would be right."""

import json
import random
from copy import deepcopy

import pytest
from ruamel.yaml import YAML

from forescale.config import InvalidConfig, Problem, load
from forescale.config.presets import PRESETS, template
from forescale.config.problems import mask

TOP = "region: eu-west-1\ntargets:\n  web:\n    group: web-asg\n"


# (what follows TOP, line, column, path, message, expected)
TABLE = [
    ("    guards: {mn: 2}", 5, 14, "guards.mn", "unknown key 'mn'; did you mean 'min'?", "min, max"),
    ("    guards: {min: two}", 5, 19, "guards.min", "read 'two'", "a whole number, at least 0"),
    ("    guards: {min: -1}", 5, 19, "guards.min", "read -1", "a whole number, at least 0"),
    ("    guards: {min: 2.5}", 5, 19, "guards.min", "read 2.5", "a whole number, at least 0"),
    ("    guards: {min: 5, max: 2}", 5, 27, "guards.max", "max (2) is below min (5)", ""),
    ("    guards: 5", 5, 13, "guards", "read 5", "keys and values"),
    ("    guards: {cooldown: {in: 60}}", 5, 29, "guards.cooldown.in", "60 has no unit: write 60s", ""),
    ("    guards: {cooldown: {in_: 60s}}", 5, 25, "guards.cooldown.in_", "did you mean 'in'?", "out, in"),
    ("    lead_time: 5 minutes", 5, 16, "lead_time", "'5 minutes' is not a duration", ""),
    ("    demand: {signal: rps}", 5, 22, "demand.signal", "'rps' is not one of the signals (cpu)", ""),
    (
        "    signals: {cpu: {unit: percents}}",
        5,
        27,
        "signals.cpu.unit",
        "did you mean 'percent'?",
        "percent,",
    ),
    ("    signals: {cpu: {unit: count}}", 3, 3, "", "demand.per_instance is needed", ""),
    ("    signals: {cpu: {metric: 5}}", 5, 29, "signals.cpu.metric", "read 5, which is no text", "in quotes"),
    ("    signals: {}", 5, 5, "signals", "read empty: {}", "keys and values"),
    ("    policies: {type: step}", 5, 5, "policies", "read keys and values", "a list"),
    ("    policies: [{}]", 5, 16, "policies[0]", "'type' is missing", "type: target_tracking"),
    ("    policies: [{type: stp}]", 5, 23, "policies[0].type", "'stp'; did you mean 'step'?", "step"),
    (
        "    policies:\n      - type: target_tracking\n        target: 60",
        7,
        17,
        "policies[0].target",
        "60 is not a ratio between 0 and 1: write 60% if that is meant",
        "",
    ),
    (
        "    policies:\n    - {type: step, out: [{at: 70}, {at: 90, by: 0}]}",
        6,
        49,
        "policies[0].out[1].by",
        "0 is not an amount",
        "",
    ),
    (
        "    policies: [{type: step, out: [{by: 2}]}]",
        5,
        35,
        "policies[0].out[0]",
        "'at' is missing",
        "number",
    ),
    ("    policies: [{type: threshold, signal: memory}]", 5, 42, "policies[0].signal", "not one of the", ""),
    (
        "    policies: [{type: schedule, timezone: Mars/Base, entries: [{min: 1}]}]",
        5,
        43,
        "policies[0].timezone",
        "'Mars/Base' is not a known time zone",
        "",
    ),
    ("    actuator: {group: b}", 4, 5, "group", "'group' and actuator.group are both given", "one of them"),
    ("  api: {}", 5, 3, "targets.api", "it does not say what it scales", "group: NAME"),
    ("  api:", 5, 3, "targets.api", "read nothing", "keys and values"),
    ("  a b: {group: x}", 5, 3, "targets.a b", "'a b' is not a name", "letters, digits"),
    ("log: {level: inof}", 5, 14, "log.level", "read 'inof'; did you mean 'info'?", "debug, info"),
    ("interval: 0.5s", 5, 11, "interval", "read '0.5s'", "a duration"),
    ("health: {port: 99999}", 5, 16, "health.port", "read 99999", "at most 65535"),
    ("store: mysq://u:hunter2@h/d", 5, 8, "store", "not a database that is supported", ""),
    ("dryrun: false", 5, 1, "dryrun", "unknown key 'dryrun'; did you mean 'dry_run'?", "region, aws"),
    ("aws: {endpoint_url: localhost}", 5, 21, "aws.endpoint_url", "read 'localhost'", "such as http://"),
]


@pytest.mark.parametrize(("text", "line", "column", "path", "message", "expected"), TABLE)
def test_one_mistake(complaint, text, line, column, path, message, expected):
    found = complaint(f"{TOP}{text}\n")
    if text.startswith("    "):
        path = f"targets.web.{path}".rstrip(".")
    assert found.path == path
    assert message in found.message
    assert expected in found.expected
    assert (found.line, found.column) == (line, column)
    assert "hunter2" not in str(found)


def test_all_mistakes_at_once(problems):
    lines = [
        "regoin: eu-west-1",
        "interval: 10",
        "log: {level: loud}",
        "defaults:",
        "  guards: {cooldown: {out: 60}, mx: 3}",
        "targets:",
        "  web:",
        "    group: shared",
        "    demand: {signal: cppu}",
        "    policies:",
        "      - {type: trakking}",
        "      - {type: schedule, entries: [{min: two}, {max: 3}]}",
        "    guards: {min: ${NOT_SET}}",
        "  api:",
        "    group: shared",
        "    guards: {min: 5, max: 2}",
        "  none: {}",
    ]
    found = [(p.line, p.column) for p in problems("\n".join(lines))]
    assert found == [
        (1, 1),
        (2, 11),
        (3, 14),
        (5, 28),
        (5, 33),
        (9, 22),
        (11, 16),
        (12, 42),
        (13, 19),
        (15, 12),
        (16, 27),
        (17, 3),
    ]


def test_a_wrong_default_is_shown_once_where_it_is_written(complaint):
    text = "region: a\ndefaults:\n  guards:\n    cooldown: {in: 5}\ntargets:\n"
    found = complaint(text + "".join(f"  t{i}: {{group: g{i}, guards: {{min: 1}}}}\n" for i in range(5)))
    assert (found.line, found.column, found.path) == (4, 20, "defaults.guards.cooldown.in")


def test_a_default_that_does_not_suit_one_target_is_shown_there(complaint):
    text = "region: a\ndefaults: {guards: {min: 4}}\ntargets:\n  web: {group: a}\n"
    text += "  api: {group: b, guards: {max: 2}}\n"
    found = complaint(text)
    assert (found.line, found.path) == (5, "targets.api.guards.max")
    assert found.message == "max (2) is below min (4)"


def test_a_mistake_behind_an_anchor_is_where_it_is_written(problems):
    text = "x-g: &g {min: two}\nregion: a\ntargets:\n"
    text += "  a: {group: a, guards: *g}\n  b: {group: b, guards: {<<: *g}}\n"
    assert {(p.line, p.column) for p in problems(text)} == {(1, 15)}


def test_the_same_group_twice_names_both_places(problems, tmp_path):
    text = "region: eu-west-1\ntargets:\n  web: {group: shared}\n"
    text += "  api: {actuator: {type: asg, group: shared, region: eu-west-1}}\n"
    text += "  far: {actuator: {type: asg, group: shared, region: us-east-1}}\n"
    (found,) = problems(text)
    assert (found.line, found.column, found.path) == (4, 38, "targets.api.actuator.group")
    assert f"already scaled by target 'web' ({tmp_path}/forescale.yaml:3:16)" in found.message


def test_the_region_of_the_machine_counts_for_shared_groups(loads, problems):
    text = "targets:\n  web: {group: g}\n  api: {actuator: {type: asg, group: g, region: eu-west-1}}\n"
    assert len(loads(text).targets) == 2
    assert len(problems(text, {"AWS_REGION": "eu-west-1"})) == 1


def test_defaults_are_merged_key_by_key(loads):
    config = loads(
        "region: a\n"
        "defaults:\n"
        "  guards: {min: 2, max: 9, cooldown: {out: 30s}}\n"
        "  policies: [{type: threshold}]\n"
        "  signals: {cpu: {period: 5m}}\n"
        "targets:\n"
        "  web: {group: a, guards: {max: 20, cooldown: {in: 9m}}}\n"
        "  api: {group: b, policies: [{type: target_tracking}], signals: {mem: {metric: CWAgent m}}}\n"
    )
    web, api = config.targets["web"], config.targets["api"]
    assert (web.guards.min, web.guards.max) == (2, 20)
    assert (web.guards.cooldown.out, web.guards.cooldown.in_) == (30.0, 540.0)
    assert [p.type for t in (web, api) for p in t.policies] == ["threshold", "target_tracking"]
    assert list(api.signals) == ["cpu", "mem"]
    assert api.signals["cpu"].period == 300.0


def test_the_least_that_is_valid(loads):
    config = loads("region: eu-west-1\ntargets: {web: {group: web-asg}}\n")
    web = config.targets["web"]
    assert config.dry_run is True
    assert config.interval == 10.0
    assert [(p.type, p.target) for p in web.policies] == [("target_tracking", 0.6)]
    assert web.signals["cpu"].metric == "AWS/EC2 CPUUtilization"
    assert (web.actuator.type, web.actuator.group, config.aws.region) == ("asg", "web-asg", "eu-west-1")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("store: mysql://me:hunter2@h/d", "store: mysql://me:***@h/d"),
        ("store: mysql://me:hun@ter2@h/d", "store: mysql://me:***@h/d"),
        ("postgresql://h/d?password=hunter2&x=1", "postgresql://h/d?password=***&x=1"),
        ('{user: me, password: "hunter2", a: 1}', "{user: me, password: ***, a: 1}"),
        ("api_key: hunter2", "api_key: ***"),
        ("smtp_password: ${SMTP}", "smtp_password: ${SMTP}"),
        ("https://host:8080/path", "https://host:8080/path"),
        ("min: 2", "min: 2"),
    ],
)
def test_masking(text, hidden):
    assert mask(text) == hidden


def test_a_password_on_the_offending_line_is_hidden(complaint):
    found = complaint(TOP + "store: {url: 'mysql://me:hunter2@h/d', x: 1}\n")
    assert found.line == 5
    assert "hunter2" not in f"{found} {found!r}"


ODD = [None, True, -1, 0, 7, 3.5, "", "x", "${NOPE}", "${SET}", "${", "60", "60%", "5m", "asg", [], {}, [1]]
ODD += [{"type": "step"}, {"a": 1}, {"type": "x"}, [{}], "2026-01-01", 10**30, "*", [[]], {"min": {}}]
KEYS = ["typo", "min", "type", "max", "cpu", "in", "per", "group", "x-a", "targets"]


def _places(data, path=()):
    if path:
        yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from _places(value, (*path, key))


def _spoil(data, rng):
    """Change, add or remove one thing."""
    *path, last = rng.choice(list(_places(data)))
    holder = data
    for key in path:
        holder = holder[key]
    action = rng.random()
    if action < 0.6:
        holder[last] = deepcopy(rng.choice(ODD))
    elif action < 0.8 and isinstance(holder, dict):
        holder[rng.choice(KEYS)] = deepcopy(rng.choice(ODD))
    else:
        del holder[last]


@pytest.mark.parametrize("preset", PRESETS)
def test_spoilt_files_are_loaded_or_refused_in_words(write, preset):
    """Whatever is changed in a good file, it loads, or every problem has its place."""
    rng = random.Random(preset)
    good = YAML(typ="safe").load(template(preset))
    outcomes = set()
    for _ in range(40):
        data = json.loads(json.dumps(good, default=str))
        for _ in range(rng.randint(1, 3)):
            if data:
                _spoil(data, rng)
        text = json.dumps(data, indent=1)
        path = write(text)
        try:
            load(path, {"SET": "12"})
        except InvalidConfig as error:
            refused = error.problems
        else:
            refused = ()
        outcomes.add(bool(refused))
        for problem in refused:
            assert isinstance(problem, Problem)
            assert 1 <= problem.line <= text.count("\n") + 1
            assert problem.message
    assert outcomes == {True, False}
