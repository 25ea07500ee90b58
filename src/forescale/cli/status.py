"""`forescale status`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, File, Json

if TYPE_CHECKING:
    from forescale.config.settings import Config
    from forescale.model.decision import Decision
    from forescale.model.state import State
    from forescale.model.tally import Sums


def status(file: File = DEFAULT_FILE, json: Json = False) -> None:
    """Show what every target is doing, and what holds it back until when.

    Reads the ledger only, so it works beside a running process or without one.

      forescale status --json | jq '.targets[] | select(.blocked)'
    """
    import time

    from forescale.cli.book import open_ledger

    now = time.time()
    with open_ledger(file) as (config, ledger):
        states = ledger.states()
        rows = [_row(n, states.get(n), ledger.latest_decision(n), now) for n in config.targets]
        for row in rows:
            row |= _forecast(config, row["target"], states.get(row["target"]), now)
        leases = {lease.target: lease.holder for lease in ledger.leases() if lease.expires > now}
        interval, dry_run = config.interval, config.dry_run
    for row in rows:
        row["run_by"] = leases.get(row["target"])
    if json:
        print_json({"dry_run": dry_run, "interval": interval, "targets": rows})
        return
    _print(rows, interval, dry_run=dry_run)


def _row(name: str, state: "State | None", decision: "Decision | None", now: float) -> dict[str, Any]:
    from forescale.ui.render import comparison, why

    if state is None or decision is None:
        return {"target": name, "evaluated": None}
    lead = state.fleet.lead_time if state.fleet else None
    return {
        "target": name,
        "evaluated": decision.time,
        "age": now - decision.time,
        "decision": decision.id,
        "direction": decision.direction,
        "demand": decision.demand,
        "in_service": decision.in_service,
        "pending": decision.pending,
        "desired": decision.desired,
        "wanted": decision.wanted,
        "lead_time": decision.lead_time,
        "lead_time_launches": lead.samples if lead else 0,
        "blocked": [{"rule": b.rule, "why": b.why, "until": b.until} for b in decision.blockers],
        "pause": state.pause if state.pause and state.pause.until > now else None,
        "override": state.override if state.override and state.override.until > now else None,
        "others": list(state.fleet.others) if state.fleet else [],
        "faults": list(state.fleet.faults) if state.fleet else [],
        "why": why(decision),
        "recent": _sums(state.tally.recent),
        "arms": {name: _sums(arm.tally.recent) for name, arm in state.arms.items()},
        "comparison": comparison(state) if state.arms else "",
        "experiment": _trial(state),
    }


def _forecast(config: "Config", name: str, state: "State | None", now: float) -> dict[str, Any]:
    """The forecast in force, or why there is none, and the models behind it; nothing where nobody asks."""
    if not config.targets[name].forecasts:
        return {}
    from forescale.runtime.forecasting_files import read_about
    from forescale.ui.render import forecast_text, quantile

    about = read_about(config.models_folder, name) or {}
    lacking, found = str(about.get("lacking", "")), None
    forecast = state.forecast if state is not None else None
    if forecast is not None:
        found = {
            "model": forecast.model,
            "time": forecast.time,
            "age": now - forecast.time,
            "horizon": forecast.horizon,
            "error": forecast.error,
            "quantiles": {f"{100 * p:g}": quantile(forecast, p) for p in (0.5, 0.9, 0.99)},
            "scores": forecast.scores or {},
            "text": forecast_text(forecast, now),
        }
    elif not lacking:
        lacking = "none has been made yet"
    models = {key: about[key] for key in _ABOUT if key in about} or None
    return {"forecast": found, "no_forecast": lacking, "models": models}


_ABOUT = ("trained_at", "trained_until", "known_minutes", "lead_minutes", "models", "missing", "poison")


def _trial(state: "State") -> dict[str, Any] | None:
    """The experiment that runs on the target, or has ended."""
    trial = state.trial
    if trial is None:
        return None
    return {
        "name": trial.name,
        "treated": trial.treated,
        "slices": len(trial.slices),
        "ended": trial.ended or None,
    }


def _sums(sums: "Sums") -> dict[str, Any]:
    """Cost is what was billed per instance of demand, violations a share of all requests."""
    return {"cost": sums.cost, "violations": sums.violations, "instance_hours": sums.billed / 3600}


def _print(rows: list[dict[str, Any]], interval: float, *, dry_run: bool) -> None:
    from rich import box
    from rich.padding import Padding
    from rich.table import Table

    from forescale.model.settings import format_duration

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("target", "seen", "demand", "in service", "booting", "desired", "lead time"):
        table.add_column(column, justify="left" if column == "target" else "right", no_wrap=True)
    for row in rows:
        if row["evaluated"] is None:
            table.add_row(row["target"], "never")
            continue
        stale = row["age"] > 3 * interval
        age = f"[{'red' if stale else 'default'}]{format_duration(row['age'])} ago[/]"
        demand = "-" if row["demand"] is None else f"{row['demand']:.2f}"
        lead = format_duration(row["lead_time"]) if row["lead_time"] else "-"
        lead += f" ({row['lead_time_launches']})" if row["lead_time_launches"] else ""
        counts = [str(row[name]) for name in ("in_service", "pending", "desired")]
        table.add_row(row["target"], age, demand, *counts, lead)
    out.print(table)
    for row in rows:
        out.print(f"[bold]{row['target']}[/]")
        for line in _doing(row):
            out.print(Padding(line, (0, 0, 0, 2)))
    out.print("\ndry run: nothing is changed" if dry_run else "\nacting", style="dim")


def _doing(row: dict[str, Any]) -> Iterator[str]:
    """What the target is doing, and what people should know of it, in rich's markup."""
    from rich.markup import escape

    from forescale.ui.render import when

    if row["evaluated"] is None:
        yield "not evaluated yet: forescale run"
        return
    yield escape(row["why"])
    yield from _foreseen(row)
    if row["comparison"]:
        yield f"[dim]last 7 days: {escape(row['comparison'])}[/]"
    if (trial := row["experiment"]) is not None and trial["ended"]:
        yield f"[yellow]experiment {escape(trial['name'])} has ended: {escape(trial['ended'])}[/]"
    elif trial is not None:
        text = f"experiment {trial['name']}: {trial['slices']} slices so far (forescale ab report)"
        yield f"[dim]{escape(text)}[/]"
    for word, order in (("paused", row["pause"]), ("held", row["override"])):
        if order is not None:
            why = f": {order.why}" if order.why else ""
            yield f"[yellow]{word} by {escape(order.by)} until {when(order.until)} UTC{escape(why)}[/]"
    if row["run_by"] is None:
        yield "[red]no process runs it[/]"
    if row["others"]:
        yield f"[yellow]also written by: {escape(', '.join(row['others']))}[/]"
    if row["faults"]:
        yield f"[red]launches fail: {escape(row['faults'][0])}[/]"


def _foreseen(row: dict[str, Any]) -> Iterator[str]:
    """The forecast in force and since when its models are, or why there is none."""
    from rich.markup import escape

    from forescale.ui.render import when

    if row.get("no_forecast"):
        yield f"[yellow]no forecast: {escape(row['no_forecast'])}[/]"
    if row.get("forecast") is not None:
        trained = (row["models"] or {}).get("trained_at")
        since = f"; models of {when(trained)} UTC" if trained is not None else ""
        yield f"[dim]forecast: {escape(row['forecast']['text'])}{since}[/]"
