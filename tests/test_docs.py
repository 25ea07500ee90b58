"""What the documents say is true of the code."""

import json
import re
from pathlib import Path

import pytest

from forescale.cli import COMMANDS
from forescale.config import load

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What boto3 calls, and what IAM calls it.
CALL = re.compile(r'"(autoscaling|ec2|cloudwatch|ssm|iam|sts)",\s*"((?:[a-z]+_)+[a-z]+)"')
OPTIONAL = {
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:CompleteLifecycleAction",
    "iam:SimulatePrincipalPolicy",
    "sts:GetCallerIdentity",  # always allowed
}


def permissions(name):
    document = json.loads((ROOT / "docs" / "iam" / name).read_text())
    return {action for statement in document["Statement"] for action in statement["Action"]}


def called():
    text = "".join(
        p.read_text() for p in (ROOT / "src" / "forescale").rglob("*.py") if p.parent.name != "demo"
    )
    return {
        f"{service}:{''.join(w.title() for w in call.split('_'))}" for service, call in CALL.findall(text)
    }


def test_the_policies_allow_what_is_called_and_no_more():
    allowed = permissions("read-only.json") | permissions("act.json")
    assert called() - OPTIONAL == allowed


def test_the_reading_policy_only_reads():
    assert all(re.search(r":(Describe|Get|List)", action) for action in permissions("read-only.json"))


def test_every_optional_permission_is_explained():
    page = (ROOT / "docs" / "iam" / "README.md").read_text()
    assert all(action in page for action in OPTIONAL - {"sts:GetCallerIdentity"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not link.startswith(("http://", "https://")):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_that_are_shown_exist(document):
    text = document.read_text()
    shown = re.findall(r"^(?:\$ |    )?(?:\.venv/bin/)?forescale ([a-z]+)\b", text, flags=re.MULTILINE)
    assert set(shown) <= set(COMMANDS)


def test_the_readme_tells_of_every_command_that_a_newcomer_needs():
    text = (ROOT / "README.md").read_text()
    for command in set(COMMANDS) - {"once"}:
        assert f"forescale {command}" in text, command


def test_the_configuration_in_the_readme_is_valid(tmp_path):
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        file = tmp_path / "forescale.yaml"
        file.write_text(block)
        assert load(file).dry_run


def test_the_policy_in_the_plugin_guide_works():
    text = (ROOT / "docs" / "adding-a-plugin.md").read_text()
    source = re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)[1]
    names: dict = {"__name__": "guide"}
    exec(compile(source, "guide.py", "exec", dont_inherit=True), names)
    policy = names["QuietFloor"](floor=4)
    from forescale.model.decision import Observation
    from forescale.model.fleet import FleetStatus

    fleet = FleetStatus(5, 1, 10, 5)
    assert policy.propose(Observation(0.0, fleet, 240.0, demand=1.0), None).lower == 4
    assert policy.propose(Observation(0.0, fleet, 240.0, demand=9.0), None).lower is None
    assert policy.propose(Observation(0.0, fleet, 240.0), None).blind


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_left_to_be_filled_in(document):
    assert not re.search(r"\b(TODO|FIXME|TBD|XXX|FIGURES|BENCH_)", document.read_text())


def test_no_document_carries_a_path_of_somebodys_machine():
    for document in [*DOCUMENTS, *(ROOT / "examples").glob("*.yaml")]:
        assert not re.search(r"/(home|root|work|Users)/", document.read_text()), document
