"""What an actuator sees of the thing it scales."""

from forescale.model.value import Value


class LeadTime(Value, frozen=True):
    """Seconds from a decision to serving, learned from `samples` launches (0: configured)."""

    seconds: float
    samples: int = 0


class FleetStatus(Value, frozen=True):
    """A scalable target as last observed. Counts are instances.

    `launched` holds the launch times of the instances in service, ascending, or None where
    the actuator cannot know them. `suspended` names suspended processes (`Launch`,
    `Terminate`, ...), `refreshing` the instance refresh under way, `others` whatever else
    may write the desired capacity (scaling policies, scheduled actions), `faults` recent
    failures to launch.
    """

    desired: int
    minimum: int
    maximum: int
    in_service: int
    pending: int = 0
    draining: int = 0
    standby: int = 0
    protected: int = 0
    launched: tuple[float, ...] | None = None
    suspended: tuple[str, ...] = ()
    refreshing: str = ""
    others: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    lead_time: LeadTime | None = None
