"""A local AWS for the demo and the tests: moto over HTTP, with what it lacks in front of it."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from forescale.aws import AwsSettings, Clients, Credentials
from forescale.demo.aws_faults import Faults, Request
from forescale.demo.aws_groups import Groups
from forescale.demo.aws_metrics import Datum, MetricKey, MetricStore
from forescale.demo.aws_wire import AwsError, Call, Reply, read_call, refuse, reply
from forescale.model.errors import ForescaleError
from forescale.model.protocols import Clock

CREDENTIALS = Credentials(access_key="local", secret_key="local")  # noqa: S106 - moto takes anything
IMAGE = "ami-0123456789abcdef0"
TEMPLATE = "forescale-demo"
_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")
_running = threading.Lock()


class LocalAws:
    """moto's Auto Scaling, EC2, IAM, SSM and STS on a free port of this machine, while entered.

    In front of moto, over the same HTTP interface: instances that take time to boot, scaling
    activities, lifecycle hooks that hold, instance refreshes to look at, bounds on the desired
    capacity, all statistics and simple metric math, and faults on demand. moto's state is
    the process's, so there is one local AWS at a time.

    Args:
        clock: every time that this AWS shows is its.
        boot_delay: seconds from launch to service, or what gives them for each launch.
        region: where the helpers work; clients may use any.
        seed: of moto's random ids.

    `faults` makes calls fail, `requests` is what was asked, `forbidden` holds the actions that
    IAM's policy simulator denies, such as `autoscaling:SetDesiredCapacity`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        boot_delay: float | Callable[[], float] = 180.0,
        region: str = "eu-west-1",
        seed: int = 0,
    ) -> None:
        self.region, self.faults, self.metrics = region, Faults(), MetricStore()
        self.requests: list[Request] = []
        self.forbidden: set[str] = set()
        self._clock, self._seed = clock, seed
        self._boot = boot_delay if callable(boot_delay) else lambda: boot_delay
        self._lock = threading.RLock()
        self._exit = ExitStack()
        self.groups: Groups
        self._moto: Any = None
        self._port = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if not _running.acquire(blocking=False):
                raise ForescaleError("a local AWS is already running in this process")
            stack.callback(_running.release)
            # Read by moto when it is imported or a backend is made: 800 images take it seconds.
            stack.enter_context(_environment("MOTO_EC2_LOAD_DEFAULT_AMIS", "false"))
            self._moto, backends = _open_moto(self._seed)
            stack.callback(_reset_moto, self._seed)
            self.groups = Groups(backends, self._clock, self._boot)
            server = _serve(self)
            stack.callback(server.server_close)
            self._port = server.server_port
            thread = threading.Thread(
                target=server.serve_forever, args=(0.02,), name="local-aws", daemon=True
            )
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> AwsSettings:
        """The settings that lead here."""
        return AwsSettings(region=self.region, endpoint_url=self.url)

    def clients(self, *, writable: bool = True, now: Callable[[], float] | None = None) -> Clients:
        """Forescale's own clients for this AWS; pauses after a throttle go by its clock."""
        return Clients(self.settings, writable=writable, credentials=CREDENTIALS, now=now or self._clock.now)

    def create_group(
        self,
        name: str,
        *,
        minimum: int = 1,
        maximum: int = 5,
        desired: int = 1,
        instance_type: str = "t3.small",
        zones: Iterable[str] = ("a", "b", "c"),
        booted: bool = True,
        **options: Any,
    ) -> None:
        """Create a launch template, where there is none yet, and a group.

        Args:
            name: of the group.
            minimum: its min size.
            maximum: its max size.
            desired: its desired capacity.
            instance_type: of the launch template.
            zones: letters of its availability zones.
            booted: its instances serve at once, as if launched a boot time ago.
            options: further parameters of CreateAutoScalingGroup.
        """
        clients = self.clients()
        try:
            template = f"{TEMPLATE}-{instance_type}"
            self._create_template(clients, template, instance_type)
            clients.client("autoscaling").create_auto_scaling_group(
                AutoScalingGroupName=name,
                MinSize=minimum,
                MaxSize=maximum,
                DesiredCapacity=desired,
                LaunchTemplate={"LaunchTemplateName": template},
                AvailabilityZones=[f"{self.region}{zone}" for zone in zones],
                **options,
            )
        finally:
            clients.close()
        if booted:
            with self._lock:
                self.groups.serve_now(self.region, name)

    def put_metric(
        self,
        metric: str,
        value: float,
        *,
        time: float | None = None,
        dimensions: Mapping[str, str] | None = None,
        region: str | None = None,
    ) -> None:
        """Publish a datapoint, as PutMetricData does, without the HTTP.

        Args:
            metric: namespace and name, as in a signal: `AWS/EC2 CPUUtilization`.
            value: what was measured.
            time: when; now where left out.
            dimensions: of the metric.
            region: where it is not the local AWS's own.
        """
        namespace, _, name = metric.partition(" ")
        key = MetricKey(region or self.region, namespace, name, tuple(sorted((dimensions or {}).items())))
        with self._lock:
            self.metrics.put(key, Datum(self._clock.now() if time is None else time, ((float(value), 1.0),)))

    def starve(self, name: str, *, message: str = "") -> None:
        """Let launches of a group fail for want of capacity, until `feed`."""
        self.groups.extras(self.region, name).starved = message or (
            "We currently do not have sufficient t3.small capacity in the Availability Zone you requested. "
            "Launching EC2 instance failed."
        )

    def feed(self, name: str) -> None:
        """Let launches of a group succeed again."""
        self.groups.extras(self.region, name).starved = ""

    def refresh(self, name: str, status: str = "InProgress") -> None:
        """Show an instance refresh of a group, in this status."""
        refreshes = self.groups.extras(self.region, name).refreshes
        refreshes.insert(
            0,
            {
                "InstanceRefreshId": f"00000000-0000-4000-9000-{len(refreshes) + 1:012d}",
                "AutoScalingGroupName": name,
                "Status": status,
                "StartTime": self._clock.now(),
            },
        )

    def calls(self, operation: str = "") -> list[Request]:
        """The requests there were, of one operation or all."""
        return [r for r in self.requests if operation in ("", r.operation)]

    def writes(self) -> list[Request]:
        """The requests that were not mere reads."""
        return [r for r in self.requests if not r.operation.startswith(("Describe", "Get", "List"))]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application: our own answers, else moto's."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        call = read_call(environ, body)
        if call is None:
            return self._pass_on(environ, body, start_response)
        self.requests.append(
            Request(call.service, call.operation, call.region, call.parameters, self._clock.now())
        )
        try:
            self.faults.strike(call)
            with self._lock:
                self.groups.advance()
                answer = self._answer(call)
                if answer is None:
                    return self._forward(environ, call, body, start_response)
        except AwsError as error:
            answer = refuse(call, error)
        return _send(answer, start_response)

    def _answer(self, call: Call) -> Reply | None:
        """Our own answer; None where moto's will do."""
        groups, region, parameters = self.groups, call.region, call.parameters
        match call.service, call.operation:
            case "autoscaling", "SetDesiredCapacity":
                result = groups.set_desired_capacity(region, parameters)
            case "autoscaling", "TerminateInstanceInAutoScalingGroup":
                result = groups.terminate_instance(region, parameters)
            case "autoscaling", "CompleteLifecycleAction":
                result = groups.complete_lifecycle_action(region, parameters)
            case "autoscaling", "RecordLifecycleActionHeartbeat":
                result = groups.record_heartbeat(region, parameters)
            case "autoscaling", "DescribeScalingActivities":
                result = groups.describe_activities(region, parameters)
            case "autoscaling", "DescribeInstanceRefreshes":
                result = groups.describe_refreshes(region, parameters)
            case "cloudwatch", "PutMetricData":
                result = self.metrics.put_metric_data(region, parameters, self._clock.now())
            case "cloudwatch", "GetMetricData":
                result = self.metrics.get_metric_data(region, parameters)
            case "iam", "SimulatePrincipalPolicy":
                result = self._simulate(parameters)
            case _:
                return None
        return reply(call, result)

    def _simulate(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """SimulatePrincipalPolicy: everything is allowed but what is `forbidden`."""
        return {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalResourceName": parameters.get("ResourceArns", ["*"])[0],
                    "EvalDecision": "implicitDeny" if action in self.forbidden else "allowed",
                }
                for action in parameters["ActionNames"]
            ],
            "IsTruncated": False,
        }

    def _forward(
        self, environ: dict[str, Any], call: Call, body: bytes, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if (call.service, call.operation) == ("autoscaling", "UpdateAutoScalingGroup"):
            self.groups.resize(call.region, call.parameters)  # moto would resize without a boot delay
            pairs = [(k, v) for k, v in parse_qsl(body.decode()) if k not in _SIZES]
            body = urlencode(pairs).encode()
        answer = self._pass_on(environ, body, start_response)
        self.groups.advance()
        return answer

    def _pass_on(
        self, environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return list(self._moto(environ, start_response))

    def _create_template(self, clients: Clients, name: str, instance_type: str) -> None:
        ec2 = clients.client("ec2")
        known = ec2.describe_launch_templates(Filters=[{"Name": "launch-template-name", "Values": [name]}])
        if not known["LaunchTemplates"]:
            ec2.create_launch_template(
                LaunchTemplateName=name,
                LaunchTemplateData={"ImageId": IMAGE, "InstanceType": instance_type},
            )


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _open_moto(seed: int) -> tuple[Any, Mapping[str, Any]]:
    """Moto's server application, empty, and its Auto Scaling backends by region."""
    try:
        from moto.autoscaling.models import autoscaling_backends
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    except ImportError as error:
        raise ForescaleError(
            f"the local AWS needs moto: {error}", hint="pip install 'forescale[demo]'"
        ) from error
    _reset_moto(seed)
    return DomainDispatcherApplication(create_backend_app), autoscaling_backends[DEFAULT_ACCOUNT_ID]


def _reset_moto(seed: int) -> None:
    from moto.moto_api._internal import mock_random
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    mock_random.seed(seed)


def _serve(app: LocalAws) -> Any:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        """A handler that does not log each request."""

        def log(self, *_: Any) -> None:
            """Nothing."""

    return make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)


def _send(answer: Reply, start_response: Callable[..., Any]) -> Iterable[bytes]:
    headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
    start_response(f"{answer.status} {'OK' if answer.status == 200 else 'Error'}", headers)
    return [answer.body]
