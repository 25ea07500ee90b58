"""The demo's view: what it says, and that it never scrolls a terminal."""

import io

import pytest
from rich.console import Console

from forescale.model.decision import Blocker, Decision, Direction, Reason
from forescale.model.fleet import FleetStatus, LeadTime
from forescale.ui.view import View


def decision(number=1, direction=Direction.OUT, **changes):
    return Decision(
        **{
            "id": f"web-{number}",
            "target": "web",
            "time": 1_700_006_400.0 + 60 * number,
            "event": str(number),
            "direction": direction,
            "current": 10,
            "wanted": 12,
            "desired": 12,
            "demand": 8.25,
            "in_service": 10,
            "pending": 2,
            "reasons": (Reason("target_tracking", "demand 8.25 is 82% of 10 serving: above 60%, so 12"),),
        }
        | changes
    )


def drawn(view, width=80, height=24):
    console = Console(width=width, height=height, file=io.StringIO())
    console.print(view.render(width, height))
    return console.file.getvalue().splitlines()


def busy(title="demo"):
    """A view in which there is much to say."""
    view = View(title, 600)
    for minute in range(400):
        view.minute(5.0 + minute % 7, 8)
    for number in range(1, 20):
        view.decided(decision(number))
    held = Blocker("minimum instance life", "too young", until=1_700_009_000.0)
    view.decided(decision(20, Direction.HOLD, lead_time=247.0, blockers=(held,)))
    view.fleet = FleetStatus(12, 1, 40, 10, lead_time=LeadTime(seconds=247.0, samples=1234))
    return view


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 24), (100, 40), (200, 60), (40, 21)])
def test_it_leaves_the_last_line_free_however_much_there_is_to_say(width, height):
    lines = drawn(busy(), width, height)
    assert len(lines) < height
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("width", [60, 100])
def test_it_is_always_equally_high(width):
    assert len(drawn(View("demo", 600), width)) == len(drawn(busy(), width))


def test_it_tells_where_the_group_is_and_what_holds_it_back():
    text = "\n".join(drawn(busy(), 100, 40))
    for part in (
        "demand 8.2 ",
        "in service 10",
        "booting 2",
        "desired 12",
        "used 82%",
        "lead time 4m7s (from 1234 launches)",
        "held back: minimum instance life",
        "67%",
    ):
        assert part in text


def test_decisions_that_did_something_stay_to_be_read_and_others_do_not():
    lines = drawn(busy(), 100, 40)
    assert any("web-19  scale out 10 → 12" in line for line in lines)
    assert not any("web-20" in line for line in lines)


def test_a_title_from_a_file_is_no_markup():
    assert "a[/]b[red]" in drawn(busy("a[/]b[red]"))[0]
