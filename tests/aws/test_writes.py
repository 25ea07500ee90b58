"""Clients that may only read cannot write, whatever they are asked: nothing leaves the process."""

import re

import botocore.session
import pytest
from botocore.parsers import ResponseParserError

from forescale.aws import AwsSettings, Clients, Credentials, WriteForbidden

SERVICES = ("autoscaling", "cloudwatch", "ec2", "iam", "ssm", "sts", "ecs", "sqs")


@pytest.fixture
def make(arrivals):
    made = []

    def make(writable):
        settings = AwsSettings(region="eu-west-1", endpoint_url=arrivals[0])
        clients = Clients(settings, writable=writable, credentials=Credentials("a", "b"))
        made.append(clients)
        return clients

    yield make
    for clients in made:
        clients.close()


def operations(service):
    return botocore.session.get_session().get_service_model(service).operation_names


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_that_is_not_a_read_is_refused_before_it_is_sent(service, make, arrivals):
    client = make(writable=False).client(service)
    names = client.meta.method_to_api_mapping
    writes = {m: op for m, op in names.items() if not re.match(r"(Describe|Get|List)[A-Z]", op)}
    writes = {m: op for m, op in writes.items() if (service, op) != ("iam", "SimulatePrincipalPolicy")}
    assert writes
    for method in writes:
        with pytest.raises(WriteForbidden, match=f"{service}:{writes[method]} would write"):
            getattr(client, method)()
        with pytest.raises(WriteForbidden):
            client.generate_presigned_url(method)
    assert arrivals[1] == []


def test_reads_are_sent(make, arrivals):
    client = make(writable=False).client("autoscaling")
    with pytest.raises(ResponseParserError):
        client.describe_auto_scaling_groups()
    assert len(arrivals[1]) == 1


def test_the_permission_simulator_is_a_read(make, arrivals):
    client = make(writable=False).client("iam")
    with pytest.raises(ResponseParserError):
        client.simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:role/x", ActionNames=["a:b"]
        )
    assert len(arrivals[1]) == 1


def test_writable_clients_write(make, arrivals):
    client = make(writable=True).client("autoscaling")
    with pytest.raises(ResponseParserError):
        client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=1)
    assert len(arrivals[1]) == 1


def test_the_guard_covers_every_write_forescale_makes():
    """The names of the writes as they are in AWS's model, so that a rename there is noticed."""
    assert {
        "SetDesiredCapacity",
        "TerminateInstanceInAutoScalingGroup",
        "CompleteLifecycleAction",
    } <= set(operations("autoscaling"))
