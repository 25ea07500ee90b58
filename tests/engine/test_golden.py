"""Decision tables that a person can read: each file in `golden/` tells a story and is played here.

A file is a title, prose, a YAML block and a table with a row per evaluation. The columns up to
`order` are what happens, the others what was found and decided:

- `load`: demand in instances; CPU is made of it and of what serves, up to 100 %. Or a column
  per signal with its values. `-`: no datapoint. `~40`: an estimate.
- `order`: what else happens before the evaluation, see `Play.order`. `x29`: the row stands for
  29 evaluations that all left things as they are; the last one is shown.
- `desired`, `serves`, `boots`: the group as it was found.
- `decision`, `why`: what was decided, its reasons, its clamps (rule from→to), its blockers in
  bold with their end, and in italics what people are told besides.

The group does what it is told at once; launches serve after `boot`. A new story needs the
columns up to `order` only. To write the tables anew, after a change that is meant:

    UPDATE_GOLDEN=1 pytest tests/engine/test_golden.py

and then read the difference line by line before committing it.
"""

import os
import re
from pathlib import Path

import pytest
from engine_golden import play

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.md"))
POLICIES = ("target_tracking", "step", "threshold", "schedule", "predictive")
CLAMPS = ("min", "max", "absence", "stabilisation", "max_step", "min_life", "protected")
BLOCKERS = ("fleet_unknown", "suspended", "instance_refresh", "confirmation", "cooldown", "reversals")
BLOCKERS += ("pause", "backoff", "in_flight")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path):
    text = path.read_text(encoding="utf-8")
    found = play(text)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
        text = found
    assert found == text


def test_every_policy_and_every_guard_has_its_story():
    told = "\n".join(path.read_text(encoding="utf-8") for path in GOLDEN)
    missing = [policy for policy in POLICIES if f"type: {policy}," not in told]
    missing += [rule for rule in CLAMPS if not re.search(rf"; {rule} \d+→\d+", told)]
    missing += [rule for rule in BLOCKERS if f"**{rule}**" not in told]
    assert missing == []
