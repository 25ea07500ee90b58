"""What a target remembers of an experiment that runs on it."""

from forescale.model.tally import Sums
from forescale.model.value import Value


class Slice(Value, frozen=True, array_like=True):
    """A finished slice: what the target cost and violated, against the control in its shadow.

    `cost` is the ratio of the two costs per unit of demand, `violations` the difference of
    the two shares of violated requests. Both are of the same minutes and the same demand.
    """

    index: int
    treated: bool
    cost: float
    violations: float


class Trial(Value, frozen=True):
    """An experiment as far as it has come.

    Slices are numbered from the epoch: `index` is the one under way, `treated` says that the
    treatment decides in it, `whole` that nothing has disturbed it so far. `live` and
    `shadow` are the sums of the target and of the control in its shadow when the washout was over,
    None before. `control` and `treatment` are what the target cost under each, washouts left
    out. `ended` says why it is over; from then on the control decides.
    """

    name: str
    began: float
    index: int = -1
    treated: bool = False
    whole: bool = False
    live: Sums | None = None
    shadow: Sums | None = None
    slices: tuple[Slice, ...] = ()
    control: Sums = Sums()
    treatment: Sums = Sums()
    ended: str = ""
