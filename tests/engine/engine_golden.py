"""Plays the stories of `golden/`; `test_golden` says how such a file reads."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from engine_witness import Witness
from ruamel.yaml import YAML

from forescale.engine.settings import TargetSettings
from forescale.forecast.base import LEVELS
from forescale.model.decision import Direction
from forescale.model.effect import Act, Decided, Done, Notice, Refused, Retry
from forescale.model.event import Commanded, Forecasted, Observed, Override, Pause, Reported, Resume
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast
from forescale.model.sample import Sample, Unit
from forescale.model.settings import parse_duration
from forescale.model.state import State

FOUND = ("desired", "serves", "boots", "decision", "why")


class Play:
    """One story: the header says how the world is, the rows what happens in it."""

    def __init__(self, header):
        self.cfg = TargetSettings.model_validate(header.get("settings") or {})
        self.zone = ZoneInfo(header.get("timezone", "UTC"))
        start = datetime.fromisoformat(str(header["start"]))
        self.now = start.replace(tzinfo=self.zone).timestamp()
        self.every = parse_duration(header.get("every", "1m"))
        self.boot = parse_duration(header.get("boot", 0))
        self.group = {"minimum": 0, "maximum": 50, "protected": 0, "refreshing": "", "suspended": ()}
        self.group |= header.get("group", {})
        age = parse_duration(header.get("age", "30d"))
        # When each instance was launched, the oldest first; it serves one boot later.
        self.launched = [self.now - age] * header["desired"]
        self.state, self.witness, self.count = State("web"), Witness(), 0
        self.answer, self.unseen = "done", False
        self.ahead = None  # what is forecast: median and 99 % quantile of demand

    @property
    def desired(self):
        return len(self.launched)

    def order(self, text):  # noqa: C901 - a list of orders, one line or two each
        """What else happens: people, other writers, the group, the actuator's next answers."""
        word, _, rest = text.partition(" ")
        match word:
            case "pause":
                self.command(Pause(self.now + parse_duration(rest), "ada"))
            case "override":
                count, _, span = rest.partition(" for ")
                self.command(Override(int(count), self.now + parse_duration(span), "ada"))
            case "resume":
                self.command(Resume("ada"))
            case "write":  # somebody else does
                self.resize(int(rest))
            case "unseen":  # the group cannot be observed
                self.unseen = True
            case "protected" | "maximum":
                self.group[word] = int(rest)
            case "refreshing":
                self.group[word] = rest
            case "suspended":
                self.group[word] = tuple(rest.split())
            case "forecast":  # from now on, each minute: `forecast 6..9`; or `forecast none`
                self.ahead = None if rest == "none" else tuple(map(float, rest.split("..")))
            case "throttled" | "refused" | "dies":  # how the actuator answers next
                self.answer = text
            case _:
                raise ValueError(f"{text!r} is no order")

    def command(self, command):
        self.put(Commanded("by hand", self.now, command))

    def resize(self, desired):
        """What still boots goes first, then the oldest."""
        self.launched += [self.now] * (desired - self.desired)
        while self.desired > desired:
            self.launched.pop(-1 if self.launched[-1] + self.boot > self.now else 0)

    def put(self, event):
        self.state, effects = self.witness.step(self.state, event, self.cfg)
        return effects

    def fleet(self):
        serving = tuple(launched for launched in self.launched if launched + self.boot <= self.now)
        return FleetStatus(
            desired=self.desired,
            in_service=len(serving),
            pending=self.desired - len(serving),
            launched=serving,
            **self.group,
        )

    def samples(self, values):
        for signal, text in values.items():
            if text not in ("-", ""):
                start = self.now - self.cfg.signals[signal].period
                value, estimated = float(text.strip("~")), text.startswith("~")
                yield Sample(signal, start, value, Unit.PERCENT, "golden", estimated=estimated)

    def evaluate(self, values, orders):
        """One evaluation and what comes of it: the decision, and the cells that were found."""
        made = {}
        if "load" in values:  # shared by those who served since the last evaluation
            made = {self.cfg.demand.signal: utilisation(values.pop("load"), self.fleet().in_service)}
        self.now, self.unseen, self.count = self.now + self.every, False, self.count + 1
        for order in orders:
            self.order(order)
        if self.ahead is not None:
            self.put(Forecasted("forecast", self.now, forecast(self.now, *self.ahead)))
        fleet = self.fleet()
        samples = tuple(self.samples(values | made))
        event = Observed(
            f"r{self.count}", self.now, samples, None if self.unseen else fleet, blind=self.unseen
        )
        effects = self.put(event)
        (decision,) = (e.decision for e in effects if isinstance(e, Decided))
        notices = [e.kind for e in effects if isinstance(e, Notice)]
        for effect in effects:
            if isinstance(effect, Act):
                self.act(effect.action)
        found = ("?", "?", "?") if self.unseen else (fleet.desired, fleet.in_service, fleet.pending)
        told = (*found, decided(decision), self.why(decision, notices))
        return decision, made | dict(zip(FOUND, told, strict=True))

    def act(self, action):
        """The actuator's answer; `dies before` or `dies after`: nobody hears of it."""
        word, _, rest = self.answer.partition(" ")
        self.answer = "done"
        if word in ("done", "dies") and rest != "before":
            self.resize(action.desired)
        outcome = {
            "done": Done(action.id, action.desired),
            "throttled": Retry(action.id, parse_duration(rest) if word == "throttled" else 0.0, "throttled"),
            "refused": Refused(action.id, "not permitted"),
        }.get(word)
        if outcome is not None:
            self.put(Reported("r", self.now, outcome))

    def clock(self, seconds):
        """The time of day there; seconds only where there are any."""
        return re.sub(r":00$", "", f"{datetime.fromtimestamp(round(seconds), self.zone):%H:%M:%S}")

    def why(self, decision, notices):
        """Reasons, clamps, blockers and notices, briefly."""
        parts = list(dict.fromkeys(reason.text for reason in decision.reasons))
        parts += [f"{clamp.rule} {clamp.before}→{clamp.after}" for clamp in decision.clamps]
        for blocker in decision.blockers:
            until = f" until {self.clock(blocker.until)}" if blocker.until else f": {blocker.why}"
            parts.append(f"**{blocker.rule}**{until}")
        return "; ".join(parts + [f"_{kind}_" for kind in notices])


def forecast(now, median, high):
    """Quantiles on straight lines through the median and the 99 % quantile, evenly about the median."""
    row = [max(median + (high - median) * (p - 0.5) / 0.49, 0.0) for p in LEVELS]
    return Forecast(now, 300.0, "seasonal_naive", tuple(zip(LEVELS, row, strict=True)))


def utilisation(load, serving):
    """The percentage that a load in instances makes of those that serve: 100 at most, as CPU is."""
    return load if load == "-" else f"{min(float(load) / max(serving, 1) * 100, 100):.0f}"


def decided(decision):
    if decision.direction is Direction.HOLD:
        return "hold"
    return f"**{decision.direction} {decision.current}→{decision.desired}**"


def play(text):
    """The file as it would be written after playing it."""
    head, fence, rest = text.partition("```yaml\n")
    yaml, _, after = rest.partition("```\n")
    lines = [line for line in after.splitlines() if line.startswith("|")]
    names = cells_of(lines[0])
    inputs = names[1 : names.index("order") + 1]
    story = Play(YAML(typ="safe").load(yaml))
    rows = []
    for line in lines[2:]:
        given = dict(zip(names, cells_of(line), strict=False))
        rows.append(played(story, {name: given.get(name, "") for name in inputs}))
    outputs = [name for name in rows[0] if name not in ("time", *inputs, *FOUND)]
    return f"{head}{fence}{yaml}```\n\n{table(('time', *inputs, *outputs, *FOUND), rows)}\n"


def played(story, inputs):
    """One row: one evaluation, or as many alike as `x29` says."""
    orders = [order.strip() for order in inputs["order"].split(",") if order.strip()]
    times = next((int(order[1:]) for order in orders if re.fullmatch(r"x\d+", order)), 1)
    orders = [order for order in orders if not re.fullmatch(r"x\d+", order)]
    for i in range(times):
        values = {name: value for name, value in inputs.items() if name != "order"}
        decision, found = story.evaluate(values, orders if i == 0 else [])
        assert times == 1 or decision.direction is Direction.HOLD, f"{inputs} stands for an action: {found}"
    return {"time": story.clock(story.now), **inputs, **found}


def cells_of(line):
    return [cell.strip() for cell in line.strip()[1:-1].split("|")]


def table(columns, rows):
    """A Markdown table, padded for people who read it as it is."""
    body = [[str(row[name]) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *body]) for i in range(len(columns) - 1)] + [3]
    lines = [columns, ["-" * width for width in widths], *body]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join(f"| {' | '.join(line).rstrip()} |" for line in padded)
