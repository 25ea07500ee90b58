"""What AWS says, in the words of the error tree, over HTTP."""

import asyncio
import socket
import time

import pytest

from forescale.aws import AwsSettings, Clients, Credentials, Rejected
from forescale.aws import clients as clients_module
from forescale.demo.local_aws import CREDENTIALS
from forescale.model.errors import AdapterError, ConfigError, Denied, NotFound, Throttled, Unavailable

CODES = [
    ("Throttling", 400, Throttled),
    ("ThrottlingException", 400, Throttled),
    ("RequestLimitExceeded", 503, Throttled),
    ("TooManyRequestsException", 429, Throttled),
    ("AccessDenied", 403, Denied),
    ("AccessDeniedException", 400, Denied),
    ("UnauthorizedOperation", 403, Denied),
    ("ExpiredToken", 403, Denied),
    ("InvalidClientTokenId", 403, Denied),
    ("UnrecognizedClientException", 400, Denied),
    ("AuthFailure", 401, Denied),
    ("RequestExpired", 400, Denied),
    ("InternalFailure", 500, Unavailable),
    ("ServiceUnavailable", 503, Unavailable),
    ("SomethingNew", 502, Unavailable),
    ("InvalidInstanceID.NotFound", 400, NotFound),
    ("ValidationError", 400, Rejected),
    ("ScalingActivityInProgress", 400, Rejected),
]


def describe(clients, **options):
    return asyncio.run(clients.call("autoscaling", "describe_auto_scaling_groups", **options))


@pytest.mark.parametrize(("code", "status", "kind"), CODES)
def test_each_code_is_the_right_kind(aws, clients, code, status, kind):
    aws.faults.fail("DescribeAutoScalingGroups", code, "because", status=status, times=None)
    with pytest.raises(AdapterError) as caught:
        describe(clients)
    assert type(caught.value) is kind
    assert "autoscaling:DescribeAutoScalingGroups in eu-west-1: because" in caught.value.message
    assert getattr(caught.value, "code", code) == code


def test_json_protocol_errors_are_read_too(aws, clients):
    aws.faults.fail("GetMetricData", "AccessDenied", "no", status=403, times=None)
    with pytest.raises(Denied, match="no") as caught:
        asyncio.run(
            clients.call("cloudwatch", "get_metric_data", MetricDataQueries=[], StartTime=0, EndTime=60)
        )
    assert "cloudwatch:GetMetricData" in caught.value.hint


def test_a_denial_says_what_to_allow_and_an_expiry_how_to_log_in(aws, clients):
    aws.faults.deny("DescribeAutoScalingGroups")
    with pytest.raises(Denied) as caught:
        describe(clients)
    assert "allow autoscaling:DescribeAutoScalingGroups" in caught.value.hint
    aws.faults.fail("DescribeAutoScalingGroups", "ExpiredToken", "old", status=403, times=None)
    with pytest.raises(Denied) as caught:
        describe(clients)
    assert "aws sso login" in caught.value.hint


def test_a_validation_error_that_says_not_found_is_not_found(aws, clients):
    with pytest.raises(NotFound, match="'nope' not found"):
        asyncio.run(
            clients.call(
                "autoscaling", "set_desired_capacity", AutoScalingGroupName="nope", DesiredCapacity=1
            )
        )


def test_wrong_parameters_are_rejected_without_a_call(aws, clients):
    with pytest.raises(Rejected):
        describe(clients, NoSuch=1)
    assert aws.requests == []


def test_a_throttled_api_is_paused_by_the_clock_without_calls_and_others_are_not(aws, clients, clock):
    aws.faults.throttle("DescribeAutoScalingGroups", times=None)
    with pytest.raises(Throttled) as first:
        describe(clients)
    assert first.value.after == 1.0
    sent = len(aws.requests)
    with pytest.raises(Throttled, match="paused") as second:
        describe(clients)
    assert len(aws.requests) == sent
    assert second.value.after == pytest.approx(1.0)
    asyncio.run(clients.call("autoscaling", "describe_policies"))
    aws.faults.clear()
    describe(clients, region="us-east-1")
    aws.faults.clear()
    describe(clients, region="us-east-1")
    clock.advance(clock.now() + 1.0)
    describe(clients)


def test_one_quick_retry_hides_a_single_hiccup(aws, clients):
    aws.faults.fail("DescribeAutoScalingGroups", "InternalFailure", "hiccup", status=500, times=1)
    describe(clients)
    assert len(aws.calls("DescribeAutoScalingGroups")) == 2


def test_nobody_listening_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    clients = Clients(
        AwsSettings(region="eu-west-1", endpoint_url=f"http://127.0.0.1:{port}"),
        writable=False,
        credentials=CREDENTIALS,
    )
    with pytest.raises(Unavailable):
        describe(clients)
    clients.close()


def test_no_answer_is_unavailable_within_the_time_out(monkeypatch):
    monkeypatch.setattr(clients_module, "READ_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        clients = Clients(
            AwsSettings(region="eu-west-1", endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}"),
            writable=False,
            credentials=CREDENTIALS,
        )
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            describe(clients)
        assert time.monotonic() - begun < 5
        clients.close()


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """A machine that knows no credentials, regions or profiles."""
    import os

    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_no_credentials_says_how_to_log_in(bare_machine, aws):
    clients = Clients(aws.settings, writable=False)
    with pytest.raises(Denied) as caught:
        describe(clients)
    assert "aws sso login" in caught.value.hint
    assert aws.requests == []
    clients.close()


def test_no_region_is_an_error_of_the_configuration(bare_machine):
    clients = Clients(AwsSettings(), writable=False, credentials=Credentials("a", "b"))
    with pytest.raises(ConfigError, match="no AWS region") as caught:
        describe(clients)
    assert "AWS_REGION" in caught.value.hint
    clients.close()


def test_the_region_comes_from_the_environment_where_it_is_not_configured(bare_machine, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    clients = Clients(AwsSettings(), writable=False, credentials=Credentials("a", "b"))
    assert clients.region() == "eu-north-1"
    assert clients.region("us-east-2") == "us-east-2"
    clients.close()


def test_an_unknown_profile_is_an_error_of_the_configuration(bare_machine):
    clients = Clients(AwsSettings(region="eu-west-1", profile="nobody"), writable=False)
    with pytest.raises(ConfigError, match="nobody"):
        describe(clients)
    clients.close()


def test_a_misspelt_region_is_told_apart_from_a_broken_network(bare_machine):
    from botocore.exceptions import EndpointConnectionError

    from forescale.aws.errors import translate

    lost = EndpointConnectionError(endpoint_url="https://autoscaling.eu-wset-1.amazonaws.com")
    problem = translate(lost, action="autoscaling:DescribePolicies", region="eu-wset-1")
    assert isinstance(problem, Unavailable)
    assert "eu-west-1" in problem.hint
    assert "spelt" not in translate(lost, action="autoscaling:DescribePolicies", region="eu-west-1").hint


def test_an_answer_that_is_not_aws_is_unavailable(arrivals):
    clients = Clients(
        AwsSettings(region="eu-west-1", endpoint_url=arrivals[0]), writable=False, credentials=CREDENTIALS
    )
    with pytest.raises(Unavailable, match="not an answer of AWS"):
        describe(clients)
    clients.close()


def test_a_role_is_assumed_even_by_clients_that_may_only_read(aws):
    settings = aws.settings.model_copy(
        update={"role_arn": "arn:aws:iam::123456789012:role/forescale", "external_id": "xyz"}
    )
    clients = Clients(settings, writable=False, credentials=CREDENTIALS)
    describe(clients)
    clients.close()
    assumed, described = aws.requests
    assert (assumed.service, assumed.operation) == ("sts", "AssumeRole")
    assert assumed.parameters["RoleArn"] == settings.role_arn
    assert assumed.parameters["ExternalId"] == "xyz"
    assert described.operation == "DescribeAutoScalingGroups"
