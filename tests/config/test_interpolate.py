"""References to the environment and to SSM: what they become, and what is said where they cannot."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.config import InvalidConfig, load
from forescale.config.interpolate import BATCH, fill_variables
from forescale.config.parse import parse, scalar
from forescale.config.tree import Document
from forescale.model.errors import Denied

FILE = """\
region: eu-west-1
targets:
  web:
    group: ${GROUP}
    guards: {min: 1, max: ${MAX:-20}}
"""


class Parameters:
    """SSM with these parameters; remembers what was asked for."""

    def __init__(self, **values):
        self.values = {name.replace("_", "/"): value for name, value in values.items()}
        self.calls = []

    def __call__(self, names):
        self.calls.append(tuple(names))
        return {name: self.values[name] for name in names if name in self.values}


def test_a_variable_is_typed_as_if_it_stood_there(loads):
    target = loads(FILE, {"GROUP": "web", "MAX": "7"}).targets["web"]
    assert (target.actuator.group, target.guards.max) == ("web", 7)


def test_a_fallback_holds_where_a_variable_is_absent_or_empty(loads):
    assert loads(FILE, {"GROUP": "web"}).targets["web"].guards.max == 20
    assert loads(FILE, {"GROUP": "web", "MAX": ""}).targets["web"].guards.max == 20


def test_quotes_keep_text(loads, complaint):
    assert (
        loads(FILE.replace("${GROUP}", '"${GROUP}"'), {"GROUP": "123"}).targets["web"].actuator.group == "123"
    )
    found = complaint(FILE, {"GROUP": "123"})
    assert (found.line, found.column, found.expected) == (4, 12, "text; put it in quotes")


def test_parts_of_a_value_and_dollar_signs(loads):
    text = FILE.replace("${GROUP}", "web-${STAGE}-$$a-$b-$${STAGE}")
    assert loads(text, {"STAGE": "prod"}).targets["web"].actuator.group == "web-prod-$a-$b-${STAGE}"


def test_what_is_filled_in_adds_no_structure_and_is_not_read_again(loads):
    value = "a}, min: 9, x: ${OTHER}"
    assert loads(FILE, {"GROUP": value, "OTHER": "z"}).targets["web"].actuator.group == value


def test_a_variable_that_is_not_set(complaint):
    found = complaint(FILE, {"GROUPS": "web"})
    assert (found.line, found.column, found.path) == (4, 12, "targets.web.group")
    assert found.message == "the environment variable GROUP is not set; did you mean GROUPS?"
    assert found.read == "${GROUP}"


@pytest.mark.parametrize("text", ["${", "${a b}", "${}", "${ssm:}", "${GROUP-x}", "${ssm:/a b}", "a${"])
def test_what_is_no_reference(problems, text):
    found = problems(FILE.replace("${GROUP}", f'"{text}"'), {"GROUP": "x"})
    assert [(p.line, p.expected) for p in found] == [(4, "${NAME}, ${NAME:-fallback} or ${ssm:/path/name}")]


def test_a_wrong_value_is_shown_by_its_reference(complaint):
    found = complaint(FILE, {"GROUP": "web", "MAX": "hunter2"})
    assert (found.read, found.expected) == ("${MAX:-20}", "a whole number, at least 0 or null")
    found = complaint(FILE.replace("min: 1, max", "min_life"), {"GROUP": "web", "MAX": "hunter2"})
    assert found.message.startswith("'${MAX:-20}' is not a duration")
    assert "hunter2" not in str(found)


# What a plain scalar may look like without ending early or being something else than a scalar.
_PLAIN = st.from_regex(r"[A-Za-z0-9.+~][A-Za-z0-9.+~%_-]{0,12}", fullmatch=True)


@settings(deadline=None)
@given(_PLAIN)
def test_filling_in_is_writing_there(text):
    filled, written = (parse(Document("f", (line,))) for line in ("k: ${X}", f"k: {text}"))
    try:
        expected = scalar(text)
    except ValueError:
        assert fill_variables(filled, {"X": text})
        return
    assert fill_variables(filled, {"X": text}) == []
    assert filled.data() == written.data() == {"k": expected}


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_quoted_values_arrive_whatever_they_hold(value):
    tree = parse(Document("f", ('k: "<${X}>"',)))
    assert fill_variables(tree, {"X": value}) == []
    assert tree.data() == {"k": f"<{value}>"}


def test_parameters_are_read_once_and_in_batches(loads):
    names = [f"/p/{i}" for i in range(BATCH * 2 + 3)]
    targets = "\n".join(f"  t{i}: {{group: '${{ssm:{name}}}'}}" for i, name in enumerate(names))
    again = "  u: {group: ${ssm:/p/0}-b, guards: {max: ${ssm:/p/max}}}"
    ssm = Parameters()
    ssm.values = {name: f"g{name}" for name in names} | {"/p/max": "12"}
    config = loads(f"region: a\ntargets:\n{targets}\n{again}\n", ssm=ssm)
    assert [len(call) for call in ssm.calls] == [BATCH, BATCH, 4]
    assert sorted(sum(ssm.calls, ())) == sorted([*names, "/p/max"])
    assert config.targets["t22"].actuator.group == "g/p/22"
    assert (config.targets["u"].actuator.group, config.targets["u"].guards.max) == ("g/p/0-b", 12)


def test_ssm_is_left_alone_where_nothing_refers_to_it(loads):
    ssm = Parameters()
    loads(FILE, {"GROUP": "web"}, ssm)
    assert ssm.calls == []


def test_parameters_that_do_not_exist_each_at_its_line(problems):
    text = FILE.replace("${GROUP}", "${ssm:/web/group}").replace("${MAX:-20}", "${ssm:/web/max}")
    found = problems(text, ssm=Parameters(_web_max="5"))
    assert [(p.line, p.message) for p in found] == [
        (4, "SSM has no parameter /web/group in this region and account")
    ]
    found = problems(text, ssm=Parameters())
    assert [p.line for p in found] == [4, 5]


def test_a_parameter_may_have_a_fallback(loads):
    text = FILE.replace("${GROUP}", "${ssm:/web/group:-web}")
    assert loads(text, ssm=Parameters()).targets["web"].actuator.group == "web"
    assert loads(text, ssm=Parameters(_web_group="other")).targets["web"].actuator.group == "other"


def test_ssm_that_cannot_be_read_is_said_at_each_reference(problems):
    def denied(names):
        raise Denied("ssm:GetParameters is not allowed")

    text = FILE.replace("${GROUP}", "${ssm:/web/group:-web}").replace("${MAX:-20}", "${ssm:/web/max}")
    found = problems(text, ssm=denied)
    assert [p.line for p in found] == [4, 5]
    assert {p.message for p in found} == {"SSM cannot be read: ssm:GetParameters is not allowed"}


@pytest.fixture(scope="module")
def moto_url():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def test_the_parameter_store_itself(write, moto_url, credentials):
    import boto3

    ssm = boto3.client("ssm", "eu-west-1", endpoint_url=moto_url)
    for i in range(12):
        ssm.put_parameter(Name=f"/web/{i}", Value=f"group-{i}", Type="String")
    ssm.put_parameter(Name="/web/max", Value="31", Type="SecureString")
    ssm.put_parameter(Name="/web/old", Value="group-old", Type="String")
    ssm.put_parameter(Name="/web/old", Value="group-new", Type="String", Overwrite=True)
    targets = "\n".join(f"  t{i}: {{group: '${{ssm:/web/{i}}}'}}" for i in range(12))
    path = write(
        f"region: ${{REGION}}\naws: {{endpoint_url: '{moto_url}'}}\ntargets:\n{targets}\n"
        "  old: {group: '${ssm:/web/old:1}', guards: {max: ${ssm:/web/max}}}\n"
    )
    config = load(path, {"REGION": "eu-west-1"})
    assert [config.targets[f"t{i}"].actuator.group for i in (0, 11)] == ["group-0", "group-11"]
    assert config.targets["old"].actuator.group == "group-old"
    assert config.targets["old"].guards.max == 31


def test_the_parameter_store_out_of_reach(problems, credentials):
    text = (
        "region: eu-west-1\naws: {endpoint_url: 'http://127.0.0.1:9'}\n"
        "targets:\n  web: {group: '${ssm:/web/group}'}\n"
    )
    (found,) = problems(text)
    assert (found.line, found.path) == (4, "targets.web.group")
    assert found.message.startswith("SSM cannot be read: ")


def test_aws_settings_cannot_come_from_ssm(problems, credentials):
    found = problems("aws: {role_arn: '${ssm:/role}'}\nregion: eu-west-1\ntargets: {web: {group: a}}\n")
    assert [p.message for p in found] == [
        "SSM cannot be read: the aws settings are wrong, or themselves refer to SSM"
    ]


def test_no_secret_appears_anywhere(write, tmp_path):
    """Whatever is wrong with the file, the values filled in are not in what is said of it."""
    secret = "c0rrect-h0rse"
    text = "store: ${S}\ninterval: ${S}\nlog: {level: ${S}, format: '${S}'}\n"
    text += "health: {port: ${S}, host: [${S}]}\n"
    text += "retention: x${S}x\nregion: [${S}]\naws: {role_arn: ${ssm:/s}, profile: {a: ${S}}}\n"
    text += "defaults: {guards: {min: ${S}, cooldown: ${S}, min_life: 5${S}}, lead_time: ${ssm:/s}}\n"
    text += "targets:\n  web:\n    group: {a: ${S}}\n    demand: {signal: ${S}, scope: ${S}}\n"
    text += "    policies: [{type: ${S}}, {type: schedule, timezone: ${S}, entries: [{days: ${S}}]}]\n"
    text += "  api: {group: b, policies: ${S}, signals: {cpu: {metric: ${S}, unit: ${S}, period: ${S}}}}\n"
    path = write(text)
    with pytest.raises(InvalidConfig) as refused:
        load(path, {"S": secret, "FORESCALE_DRY_RUN": secret}, lambda names: dict.fromkeys(names, secret))
    assert len(refused.value.problems) > 15
    said = f"{refused.value} {refused.value.problems!r} {refused.value.hint}"
    assert secret not in said
    assert Path(path).name in said
