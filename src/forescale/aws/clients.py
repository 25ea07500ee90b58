"""boto3 behind one door: lazy, in threads, with our errors, and unable to write where it must not."""

import asyncio
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from threading import RLock
from typing import Any

from forescale import __version__
from forescale.aws.errors import WriteForbidden, translate
from forescale.aws.limiter import Limiter
from forescale.aws.settings import AwsSettings, Credentials
from forescale.model.errors import ConfigError, Throttled

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
# One quick retry by boto3 bridges a broken connection; everything longer is the runtime's to decide.
ATTEMPTS = 2
THREADS = 16
# Each write is of one target alone, and may hang: so many can, before another one waits, and no read ever.
WRITERS = 64
_READS = re.compile(r"(Describe|Get|List)[A-Z]\w*")
# IAM's access level for it is Read; it answers "would this be allowed?" and changes nothing.
_ALSO_READS = frozenset({("iam", "SimulatePrincipalPolicy")})


class Clients:
    """The AWS clients of one process.

    Args:
        settings: account, region and endpoint.
        writable: False gives clients that refuse, before a request is even built, every
            operation that is not a Describe, Get or List (`WriteForbidden`).
        credentials: used instead of whatever the machine has.
        now: seconds, for the pauses after a throttle; a virtual clock's in the demo.
    """

    def __init__(
        self,
        settings: AwsSettings,
        *,
        writable: bool,
        credentials: Credentials | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.writable = writable
        self._credentials = credentials
        self._limiter = Limiter(now)
        self._readers = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="aws-write")
        self._lock = RLock()
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}

    def region(self, override: str | None = None) -> str:
        """The region in use: the override, the configured one, or the one the machine is set to.

        Raises `ConfigError` where there is none.
        """
        region = override or self.settings.region or self._open_session().region_name
        if not region:
            raise ConfigError(
                "no AWS region", hint="set aws.region in the configuration, or AWS_REGION: eu-west-1, ..."
            )
        return str(region)

    def client(self, service: str, region: str | None = None) -> Any:
        """The boto3 client of a service, made at the first call. Blocks; may be called from any thread."""
        key = (service, self.region(region))
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """Call an operation by its boto3 name, in a thread: `call("ec2", "describe_instances")`.

        Raises `Throttled`, `Denied`, `Unavailable`, `NotFound`, `Rejected`, or `WriteForbidden`.
        """
        run = partial(self._call, service, operation, region, parameters)
        pool = self._readers if _only_reads(service, _camel(operation)) else self._writers
        return await asyncio.get_running_loop().run_in_executor(pool, run)

    async def pages(
        self, service: str, operation: str, key: str, /, *, region: str | None = None, **parameters: Any
    ) -> list[Any]:
        """Everything under `key`, from every page of the answer. Raises as `call` does."""
        found: list[Any] = []
        while True:
            answer = await self.call(service, operation, region=region, **parameters)
            found.extend(answer.get(key, ()))
            if not answer.get("NextToken"):
                return found
            parameters["NextToken"] = answer["NextToken"]

    def close(self) -> None:
        """Drop the threads and connections. Calls under way end by themselves."""
        for pool in (self._readers, self._writers):
            pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _call(self, service: str, operation: str, region: str | None, parameters: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        where = self.region(region)
        action = f"{service}:{_camel(operation)}"
        api = f"{action} in {where}"
        self._limiter.check(api)
        try:
            answer: dict[str, Any] = getattr(self.client(service, where), operation)(**parameters)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            problem = translate(error, action=action, region=where)
            if isinstance(problem, Throttled):
                problem.after = self._limiter.throttled(api)
            raise problem from error
        self._limiter.succeeded(api)
        return answer

    def _make(self, service: str, region: str) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=WRITERS,
            user_agent_extra=f"forescale/{__version__}",
        )
        endpoint = self.settings.endpoint_url
        client = self._open_session().client(service, region, endpoint_url=endpoint, config=config)
        if not self.writable:
            # The first thing botocore does with a call, before the request is built, signed or sent.
            client.meta.events.register_first("provide-client-params.*.*", _refuse_writes)
            # And the last before it goes out, should a later botocore leave the first one out.
            client.meta.events.register_first("before-call.*.*", _refuse_writes)
        return client

    def _open_session(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = _open_session(self.settings, self._credentials)
            return self._session


def _refuse_writes(model: Any, **_: Any) -> None:
    """A botocore event handler."""
    service, operation = model.service_model.service_name, model.name
    if not _only_reads(service, operation):
        raise WriteForbidden(f"{service}:{operation} would write, and these clients may only read")


def _only_reads(service: str, operation: str) -> bool:
    return bool(_READS.fullmatch(operation)) or (service, operation) in _ALSO_READS


def _camel(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))


def _open_session(settings: AwsSettings, credentials: Credentials | None) -> Any:
    """A boto3 session; with a role, one that assumes it and renews by itself."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session(
            botocore_session=_bare_session(),
            profile_name=settings.profile,
            region_name=settings.region,
            aws_access_key_id=credentials.access_key if credentials else None,
            aws_secret_access_key=credentials.secret_key if credentials else None,
            aws_session_token=credentials.token if credentials else None,
        )
        return _assume(session, settings, settings.role_arn) if settings.role_arn else session
    except BotoCoreError as error:
        raise translate(error, action="sts:AssumeRole", region=settings.region or "no region") from error


def _bare_session() -> Any:
    from botocore.session import get_session

    session = get_session()
    session.register_component("data_loader", _service_models(os.environ.get("AWS_DATA_PATH")))
    return session


@cache
def _service_models(path: str | None) -> Any:
    """The loader of botocore, shared: every session of its own would parse megabytes of JSON anew."""
    from botocore.loaders import create_loader

    return create_loader(path)


def _assume(source: Any, settings: AwsSettings, role: str) -> Any:
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    extra = {"RoleSessionName": "forescale"}
    if settings.external_id:
        extra["ExternalId"] = settings.external_id
    inner = _bare_session()

    def make(service: str, **options: Any) -> Any:
        return source.client(service, endpoint_url=settings.endpoint_url, **options)

    fetcher = AssumeRoleCredentialFetcher(make, source.get_credentials(), role, extra_args=extra)
    renewed = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    inner._credentials = renewed  # botocore has no public way in
    return boto3.Session(botocore_session=inner, region_name=source.region_name)
