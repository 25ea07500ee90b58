"""Health over HTTP: `/health` says that the loop turns, `/ready` that every target is looked after."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

import msgspec

from forescale.model.errors import ConfigError

# Problems by target; none is health.
Problems = Callable[[], dict[str, str]]


class HealthServer:
    """Serves `/health` and `/ready` as JSON from a thread of its own; 200 or 503.

    `alive` and `ready` give what is wrong, by name. Raises `ConfigError` where the address
    cannot be had.
    """

    def __init__(self, host: str, port: int, *, alive: Problems, ready: Problems) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                checks = {"/health": alive, "/ready": ready}
                check = checks.get(self.path.partition("?")[0])
                problems = check() if check else {"path": f"try {' or '.join(checks)}"}
                body = msgspec.json.encode({"ok": not problems, "problems": problems})
                self.send_response(404 if check is None else 503 if problems else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Probes come every few seconds and say nothing new."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigError(
                f"cannot serve health on {host}:{port}: {error.strerror}",
                hint="set health.port to a free port, or to 0 for any",
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, name="health", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
