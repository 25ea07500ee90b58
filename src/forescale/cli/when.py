"""Times and times ago, as people write them on a command line."""

from datetime import UTC, datetime

import typer


def moment(text: str, option: str, now: float | None = None) -> float:
    """Seconds since the epoch of `2026-05-01`, of `2026-05-01T08:00Z`, or, with `now`, of `30d` ago.

    Times without a zone are UTC. Raises `typer.BadParameter`, which names the option.
    """
    from forescale.model.settings import parse_duration

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        if now is not None:
            try:
                return now - parse_duration(text)
            except ValueError:
                pass
        ago = " or a time ago such as 30d" if now is not None else ""
        raise typer.BadParameter(
            f"{text!r} is not a time: write 2026-05-01 or 2026-05-01T08:00Z (UTC){ago}", param_hint=option
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
