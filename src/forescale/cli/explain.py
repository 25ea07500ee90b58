"""`forescale explain`."""

from collections.abc import Collection
from typing import Annotated

import typer

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, FileOption, Json
from forescale.model.errors import ForescaleError


def explain(
    decision: Annotated[
        str | None, typer.Argument(help="A decision, such as web-42, or a target; left out: every target.")
    ] = None,
    file: FileOption = DEFAULT_FILE,
    json: Json = False,
) -> None:
    """Explain a decision: what was seen, proposed, clamped and blocked, and what came of it.

    Without an id, the newest decision of each target.

      forescale explain web-42
    """
    from forescale.cli.book import open_ledger, outcome_of
    from forescale.ui.render import explanation

    with open_ledger(file) as (config, ledger):
        if decision is None or decision in config.targets:
            names = list(config.targets) if decision is None else [decision]
            found = [d for name in names if (d := ledger.latest_decision(name))]
        else:
            one = ledger.decision(decision)
            found = [one] if one else []
        outcomes = [outcome_of(ledger, d) for d in found]
        states = ledger.states()
    if not found:
        raise _nothing(decision, config.targets)
    if json:
        pairs = zip(found, outcomes, strict=True)
        print_json([{"decision": item, "outcome": outcome} for item, outcome in pairs])
        return
    for i, (item, outcome) in enumerate(zip(found, outcomes, strict=True)):
        if i:
            out.print()
        state = states.get(item.target)
        out.print(explanation(item, outcome, state if state and item.id.endswith(f"-{state.seq}") else None))


def _nothing(wanted: str | None, targets: Collection[str]) -> ForescaleError:
    if wanted is None or wanted in targets:
        what = "no decision was made yet" + (f" for {wanted}" if wanted else "")
        return ForescaleError(what, hint="decisions are made by: forescale run, or once")
    target = wanted.rpartition("-")[0]
    if target in targets:
        return ForescaleError(
            f"there is no decision {wanted!r} in the ledger", hint=f"list them: forescale ledger {target}"
        )
    return ForescaleError(
        f"{wanted!r} is neither a decision nor a target: there are {', '.join(targets)}",
        hint="list decisions: forescale ledger",
    )
