"""The live view of the demo: load against capacity, and each decision with its reasons."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from forescale.model.decision import Decision, Direction
from forescale.model.fleet import FleetStatus
from forescale.model.settings import format_duration
from forescale.ui.chart import chart
from forescale.ui.render import headline, when, why

_SHOWN = 7
# Lines of the view around its chart: the frame, the axis, the legend, blank lines, the status, the decisions.
_AROUND = 2 + 1 + 1 + 2 + 2 + _SHOWN
_CHART = (4, 12)


@dataclass
class View:
    """What has been played so far. `title` says of what."""

    title: str
    minutes: int
    demand: list[float | None] = field(default_factory=list)
    serving: list[int] = field(default_factory=list)
    decisions: deque[Decision] = field(default_factory=lambda: deque(maxlen=_SHOWN))
    latest: Decision | None = None
    fleet: FleetStatus | None = None

    def minute(self, demand: float | None, serving: int) -> None:
        """One minute more."""
        self.demand.append(demand)
        self.serving.append(serving)

    def decided(self, decision: Decision) -> None:
        """A decision; those that do something stay to be read."""
        self.latest = decision
        if decision.direction is not Direction.HOLD:
            self.decisions.append(decision)

    def render(self, width: int = 100, height: int = 40) -> RenderableType:
        """The whole view, for a terminal of `width` columns and `height` lines.

        It is always equally high, a line less than the terminal at most (20 lines at least): a
        view that grows or reaches the last line would scroll.
        """
        least, most = _CHART
        lines = min(max(height - 1 - _AROUND, least), most)
        picture = chart(self.demand, self.serving, width=max(width - 12, 20), height=lines)
        legend = (
            Text("      demand ", "dim", no_wrap=True, overflow="ellipsis")
            .append("█", "green")
            .append("   serving ", "dim")
        )
        legend.append("━", "bold yellow").append("   too little capacity ", "dim").append("█", "red")
        body = Group(picture, legend, Text(), self._status(), Text(), self._table())
        return Panel(body, title=self._title(), title_align="left", border_style="dim")

    def _title(self) -> Text:
        now = when(self.latest.time)[:16] if self.latest else ""
        share = len(self.demand) / max(self.minutes, 1)
        return Text.assemble((self.title, "bold"), f"  {now}  {share:.0%}")

    def _status(self) -> Text:
        """Two lines, whatever there is to say."""
        text = Text(no_wrap=True, overflow="ellipsis")
        if self.latest is None:
            return text.append("waiting for the first evaluation\n")
        for name, value in self._numbers(self.latest):
            text.append(f"{name} ", "dim").append(value, "bold").append("   ")
        text.append("\n")
        if self.latest.lead_time is not None:
            learned = self.fleet.lead_time if self.fleet else None
            text.append("lead time ", "dim").append(format_duration(self.latest.lead_time), "bold")
            text.append(f" (from {learned.samples} launches)   " if learned else "   ")
        if self.latest.blockers:
            text.append(f"held back: {self.latest.blockers[0].rule}", "yellow")
        return text

    @staticmethod
    def _numbers(latest: Decision) -> Iterator[tuple[str, str]]:
        yield "demand", "absent" if latest.demand is None else f"{latest.demand:.1f}"
        yield "in service", str(latest.in_service)
        yield "booting", str(latest.pending)
        yield "desired", str(latest.desired)
        if latest.demand is not None and latest.in_service:
            yield "used", f"{latest.demand / latest.in_service:.0%}"

    def _table(self) -> RenderableType:
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(no_wrap=True, style="dim", min_width=5)
        table.add_column(no_wrap=True, min_width=28)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for decision in self.decisions:
            table.add_row(when(decision.time)[11:16], headline(decision), Text(why(decision)))
        for _ in range(_SHOWN - len(self.decisions)):
            table.add_row("", "", "")
        return table
