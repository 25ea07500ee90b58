"""Prometheus, and whatever answers its query API: Mimir, Thanos, VictoriaMetrics, Amazon's own."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from forescale.model.errors import AdapterError, ConfigError, Denied, NotFound, Throttled, Unavailable
from forescale.model.protocols import Clock
from forescale.sources.history import Points, Progress, read_all, windows

MOST = 11_000
"""The most points of one series that Prometheus gives in an answer."""
_TIMEOUT = 60.0
_SHOWN = 4  # series that an error names


@dataclass(frozen=True)
class Connection:
    """Where Prometheus is, and how it is asked.

    `url` may have a path, as that of a tenant or a proxy; a user and a password in it are used.
    Without any of these the user's netrc file is looked at.
    """

    url: str = field(repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = _TIMEOUT

    @property
    def shown(self) -> str:
        """The URL without what is secret in it."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))

    def __post_init__(self) -> None:
        """Raises `ConfigError` where the URL is none."""
        try:
            parts = urlsplit(self.url)
            wrong = parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) < 1
        except ValueError:
            wrong = True
        if wrong:
            raise ConfigError(
                "that is not the URL of a Prometheus", hint="write for example http://prometheus:9090"
            )


class Prometheus:
    """A client of the query API; use it as `async with`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.warnings: dict[str, None] = {}
        """What Prometheus had to say about its answers, without repetitions."""
        self._client: Any = None

    async def __aenter__(self) -> Self:
        import httpx2

        connection = self.connection
        headers = dict(connection.headers)
        if connection.token:
            headers["Authorization"] = f"Bearer {connection.token}"
        self._client = httpx2.AsyncClient(auth=_auth(connection), headers=headers, timeout=connection.timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def query_range(self, query: str, start: float, end: float, step: float) -> Points:
        """The one series that a query gives, at most 11,000 steps: values of buckets in [start, end).

        The query is evaluated at the end of each bucket, when what it looks back on is the bucket
        itself. NaN and infinity are absence.

        Raises:
            AdapterError: no useful answer; `Denied`, `NotFound`, `Throttled` or `Unavailable` where
                it is one of these. Also where the query is wrong or gives several series.
        """
        data = await self._get({"query": query, "start": start + step, "end": end, "step": step})
        if data.get("resultType") != "matrix":
            raise AdapterError(f"{query!r} does not give numbers over time but {data.get('resultType')}")
        result = data.get("result", [])
        if len(result) > 1:
            raise _several(query, result)
        values = result[0].get("values", ()) if result else ()
        points = ((float(time) - step, float(value)) for time, value in values)
        return {time: value for time, value in points if isfinite(value)}

    async def _get(self, parameters: Mapping[str, Any]) -> Any:
        """The `data` of an answer. By POST, as a query may be longer than a URL."""
        import httpx2

        where = self.connection.shown
        url = f"{self.connection.url.rstrip('/')}/api/v1/query_range"
        try:
            answer = await self._client.post(url, data=parameters)
        except httpx2.TimeoutException as error:
            text = f"{where} did not answer within {self.connection.timeout:g} s"
            raise Unavailable(text, hint="read less at once, or a larger step") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            hint = "is it up, and the URL right?"
            raise Unavailable(f"{where}: {error or type(error).__name__}", hint=hint) from error
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.status_code == 200 and isinstance(body, dict) and body.get("status") == "success":
            self.warnings.update(dict.fromkeys(body.get("warnings", ())))
            return body.get("data") or {}
        raise _refused(where, answer, body if isinstance(body, dict) else {})


async def read_queries(
    client: Prometheus,
    clock: Clock,
    queries: Mapping[str, str],
    span: tuple[float, float],
    step: float,
    *,
    progress: Progress | None = None,
) -> dict[str, dict[float, float]]:
    """The series of several queries over any span, by name; absent steps are not there.

    Args:
        client: entered.
        clock: waits between tries.
        queries: PromQL by name.
        span: start and end, in seconds since the epoch.
        step: seconds.
        progress: told after each window.

    Raises:
        AdapterError: a query could not be read.
    """
    reads = {name: _reader(client, query, step) for name, query in queries.items()}
    found, failed = await read_all(reads, list(windows(*span, step, MOST)), clock, progress)
    for error in failed.values():
        raise error
    return found


def _reader(client: Prometheus, query: str, step: float) -> Any:
    async def read(start: float, end: float) -> Points:
        return await client.query_range(query, start, end, step)

    return read


def _auth(connection: Connection) -> Any:
    """Basic authentication; None leaves it to the URL, or to a token in the headers."""
    import httpx2

    if connection.user is not None:
        return httpx2.BasicAuth(connection.user, connection.password or "")
    if connection.token or "@" in urlsplit(connection.url).netloc:
        return None
    try:
        return httpx2.NetRCAuth(os.environ.get("NETRC"))
    except (OSError, ValueError, SyntaxError):  # none there, or one that cannot be read
        return None


def _several(query: str, result: Sequence[Mapping[str, Any]]) -> AdapterError:
    labels = [", ".join(f"{k}={v}" for k, v in sorted(s.get("metric", {}).items())) for s in result[:_SHOWN]]
    more = "; ..." if len(result) > _SHOWN else ""
    return AdapterError(
        f"{query!r} gives {len(result)} series where one is needed: {'; '.join(labels)}{more}",
        hint="add them up, sum(...), or choose one by its labels",
    )


def _refused(where: str, answer: Any, body: Mapping[str, Any]) -> AdapterError:
    """The error that an answer stands for."""
    said = str(body.get("error") or "")
    text = f"{where} says: {said or f'{answer.status_code} {answer.reason_phrase}'.strip()}"
    match answer.status_code:
        case 401 | 403:
            hint = "set PROMETHEUS_USER and PROMETHEUS_PASSWORD, or PROMETHEUS_TOKEN"
            return Denied(text, hint=hint)
        case 404 | 405 if not said:
            hint = "give its base URL, with the path if it has one: the part before /api/v1"
            return NotFound(f"{where} has no /api/v1/query_range", hint=hint)
        case 429:
            return Throttled(text)
        case 500 | 502 | 503 | 504:
            return Unavailable(text)
        case 400 if said:
            return AdapterError(text, hint="try the query in Prometheus's own web page")
        case 422:
            return AdapterError(text, hint="a simpler query, a larger --step, or a recording rule")
    if not body:
        return AdapterError(f"{where} does not answer as Prometheus does ({answer.status_code})")
    return AdapterError(text)
