"""`forescale run`."""

import asyncio
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from forescale.cli.options import DEFAULT_FILE, DryRun, File

if TYPE_CHECKING:
    from forescale.config.settings import Config
    from forescale.runtime.session import Session


def run(file: File = DEFAULT_FILE, dry_run: DryRun = None) -> None:
    """Evaluate every target, each interval, until stopped.

    Dry run unless the configuration says [bold]dry_run: false[/] or [bold]--act[/] is given:
    then every decision is made and recorded, and the AWS clients cannot write.

    SIGTERM and Ctrl-C stop it gracefully: what is under way is finished and recorded. A
    process that is killed resumes where it was, without losing or repeating an action.

      forescale run forescale.yaml --dry-run
    """
    from forescale.config import load
    from forescale.runtime import log
    from forescale.runtime.clock import SystemClock
    from forescale.runtime.session import open_session

    config = load(file)
    if dry_run is not None:
        config = config.model_copy(update={"dry_run": dry_run})
    log.configure(config.log.format, config.log.level)
    with open_session(config, SystemClock()) as session, ExitStack() as stack:
        _announce(session, config, _serve_health(session, config, stack))
        asyncio.run(_run(session))


def _serve_health(session: "Session", config: "Config", stack: ExitStack) -> str:
    """Where it answers; empty where it is not wanted."""
    from forescale.runtime.health import HealthServer

    if config.health is None:
        return ""
    host, runtime = config.health.host, session.runtime
    server = HealthServer(host, config.health.port, alive=runtime.stalled, ready=runtime.late)
    stack.enter_context(server)
    return f"http://{host}:{server.port}"


def _announce(session: "Session", config: "Config", health: str) -> None:
    import structlog

    structlog.get_logger().info(
        "forescale runs dry: nothing will be changed" if config.dry_run else "forescale runs, and acts",
        targets=len(config.targets),
        interval=config.interval,
        ledger=session.ledger.label,
        **({"health": f"{health}/health", "ready": f"{health}/ready"} if health else {}),
    )


async def _run(session: "Session") -> None:
    import structlog

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, session.runtime.stop)
    await session.runtime.run()
    structlog.get_logger().info("forescale has stopped")
