"""Reading history from a real Prometheus; and what a server says that is in trouble."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from forescale.model.errors import AdapterError, ConfigError, Denied, NotFound, Unavailable
from forescale.runtime.clock import SystemClock
from forescale.sources.prometheus import MOST, Connection, Prometheus, read_queries
from servers import PROMETHEUS_LOGIN, PROMETHEUS_NAN, PROMETHEUS_PIECES, PROMETHEUS_START

USER, PASSWORD = PROMETHEUS_LOGIN
END = PROMETHEUS_PIECES[-1][1]
# Without these windows Prometheus carries a value on for five minutes.
WEB = 'last_over_time(load{app="web"}[59s])'


@pytest.fixture(autouse=True)
def no_netrc(monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


def read(connection, queries, first, last, step=60.0, progress=None):
    """The points of minutes [first, last) by minute, for each query."""

    async def run():
        async with Prometheus(connection) as client:
            span = (PROMETHEUS_START + 60.0 * first, PROMETHEUS_START + 60.0 * last)
            found = await read_queries(client, SystemClock(), queries, span, step, progress=progress)
            return found, list(client.warnings)

    found, warnings = asyncio.run(run())
    return {
        name: {(time - PROMETHEUS_START) / 60: value for time, value in points.items()}
        for name, points in found.items()
    }, warnings


@pytest.mark.server
class TestReal:
    @pytest.fixture
    def connection(self, prometheus_url):
        return Connection(prometheus_url, user=USER, password=PASSWORD)

    def test_a_long_span_is_read_in_pieces_and_nothing_is_lost(self, connection):
        told = []
        found, _ = read(connection, {"web": WEB}, -1, END, progress=lambda *done: told.append(done))
        # A bucket's value is what the query gives at its end.
        expected = {
            minute - 1: minute
            for first, last in PROMETHEUS_PIECES
            for minute in range(first, last)
            if minute != PROMETHEUS_NAN
        }
        assert found["web"] == expected
        assert END > 2 * MOST
        assert told == [(1, 3), (2, 3), (3, 3)]

    def test_several_queries_and_a_rate_over_its_own_bucket(self, connection):
        queries = {
            "rate": "rate(calls_total[2m])",
            "sum": "sum(last_over_time(load[59s]))",
            "none": 'load{app="x"}',
        }
        found, _ = read(connection, queries, 0, 60)
        assert found["rate"][30] == pytest.approx(2.0)
        assert found["sum"][30] == 3 * 31
        assert found["none"] == {}

    def test_a_wider_step(self, connection):
        found, _ = read(connection, {"web": WEB}, 0, 60, step=600.0)
        assert found["web"] == {0: 10, 10: 20, 20: 30, 30: 40, 40: 50, 50: 60}

    def test_numbers_that_are_none_are_absent(self, connection):
        found, _ = read(connection, {"inf": "vector(1) / 0", "nan": "vector(0) / 0"}, 5, 9)
        assert found == {"inf": {}, "nan": {}}

    def test_several_series_are_refused_and_named(self, connection):
        with pytest.raises(AdapterError, match=r"gives 2 series .*app=jobs.*app=web") as caught:
            read(connection, {"all": "load"}, 0, 60)
        assert "sum(" in caught.value.hint

    def test_a_query_that_is_wrong_is_told_in_prometheus_own_words(self, connection):
        with pytest.raises(AdapterError, match="parse error"):
            read(connection, {"q": "sum(load"}, 0, 60)

    def test_what_gives_no_series_is_refused(self, connection):
        with pytest.raises(AdapterError, match="says: invalid expression type"):
            read(connection, {"q": "load[5m]"}, 0, 60)

    @pytest.mark.parametrize("login", [{}, {"user": USER, "password": "wrong"}, {"token": "wrong"}])
    def test_who_may_not_is_told_how_to_log_in(self, prometheus_url, login):
        with pytest.raises(Denied) as caught:
            read(Connection(prometheus_url, **login), {"q": "up"}, 0, 60)
        assert "PROMETHEUS_USER" in caught.value.hint

    def test_the_login_may_be_in_the_url_and_is_never_shown(self, prometheus_url):
        url = prometheus_url.replace("//", f"//{USER}:{PASSWORD.replace(' ', '%20')}@") + "/"
        found, _ = read(Connection(url), {"web": WEB}, 0, 2)
        assert found["web"] == {0: 1, 1: 2}
        with pytest.raises(AdapterError) as caught:
            read(Connection(url), {"q": "("}, 0, 60)
        assert "correct" not in str(caught.value)
        secretive = Connection("http://me:correct@x", password="correct", token="correct")
        assert "correct" not in repr(secretive) + secretive.shown

    def test_the_login_may_be_in_a_netrc_file(self, prometheus_url, tmp_path, monkeypatch):
        netrc = tmp_path / "netrc"
        netrc.write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n')
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        found, _ = read(Connection(prometheus_url), {"web": WEB}, 0, 2)
        assert found["web"] == {0: 1, 1: 2}

    def test_another_path_is_not_found(self, connection):
        wrong = Connection(f"{connection.url}/prometheus", user=USER, password=PASSWORD)
        with pytest.raises(NotFound, match="has no /api/v1/query_range"):
            read(wrong, {"q": "up"}, 0, 60)


OK = {"status": "success", "data": {"resultType": "matrix", "result": []}}


class Trouble(ThreadingHTTPServer):
    """Answers with what is next in `answers`, (status, body), then that all is well."""

    def __init__(self):
        self.answers, self.requests = [], []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append((self.path, dict(self.headers), parse_qs(body)))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, OK)
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def trouble():
    with Trouble() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fails(code, error):
    return (code, {"status": "error", "errorType": "execution", "error": error})


class Impatient(SystemClock):
    """Does not really wait."""

    async def sleep_until(self, wake):
        self.slept = [*getattr(self, "slept", []), wake - self.now()]


def ask(server, clock=None, **connection):
    async def run():
        async with Prometheus(Connection(server.url, **connection)) as client:
            found = await read_queries(client, clock or Impatient(), {"q": "up"}, (0.0, 600.0), 60.0)
            return found, list(client.warnings)

    return asyncio.run(run())


def test_it_is_tried_again_where_that_may_help(trouble):
    trouble.answers = [fails(503, "starting"), (429, "slow down"), fails(500, "oh")]
    clock = Impatient()
    assert ask(trouble, clock)[0] == {"q": {}}
    assert len(trouble.requests) == 4
    assert clock.slept == pytest.approx([1.0, 5.0, 4.0], abs=0.5)


def test_but_not_for_ever(trouble):
    trouble.answers = [fails(503, "starting")] * 99
    with pytest.raises(Unavailable, match="starting"):
        ask(trouble)
    assert 3 < len(trouble.requests) < 20


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (fails(422, "query processing would load too many samples"), AdapterError, "too many samples"),
        (fails(400, "bad"), AdapterError, "says: bad"),
        ((200, "<html>log in</html>"), AdapterError, "does not answer as Prometheus does"),
        ((200, {"status": "success", "data": {"resultType": "scalar"}}), AdapterError, "but scalar"),
        ((302, ""), AdapterError, "does not answer as Prometheus does"),
        ((403, "no"), Denied, "403"),
        (fails(404, "no such tenant"), AdapterError, "no such tenant"),
    ],
)
def test_what_cannot_be_used_is_told_at_once(trouble, answer, kind, words):
    trouble.answers = [answer]
    with pytest.raises(kind, match=words):
        ask(trouble)
    assert len(trouble.requests) == 1


def test_a_token_headers_and_a_long_query_reach_it(trouble):
    ask(trouble, token="secret", headers={"X-Scope-OrgID": "shop"})
    path, headers, form = trouble.requests[0]
    assert path == "/api/v1/query_range"
    assert headers["Authorization"] == "Bearer secret"
    assert headers["X-Scope-OrgID"] == "shop"
    assert form == {"query": ["up"], "start": ["60.0"], "end": ["600.0"], "step": ["60.0"]}


def test_warnings_are_passed_on(trouble):
    trouble.answers = [(200, {**OK, "warnings": ["some data is missing"]})]
    assert ask(trouble)[1] == ["some data is missing"]


def test_a_port_where_nobody_listens(trouble):
    connection = Connection("http://127.0.0.1:9")

    async def run():
        async with Prometheus(connection) as client:
            await client.query_range("up", 0.0, 60.0, 60.0)

    with pytest.raises(Unavailable) as caught:
        asyncio.run(run())
    assert "is it up" in caught.value.hint


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://x", "http://", "http://x:port", ""])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ConfigError, match="not the URL of a Prometheus"):
        Connection(url)
