"""What every actuator must do. `test_actuators.py` applies it to each one that is registered."""

import asyncio

import pytest

from forescale.model.decision import Direction
from forescale.model.effect import Action, Done, NoOp, Refused, Retry
from forescale.model.errors import AdapterError, NotFound, Throttled
from forescale.model.fleet import FleetStatus
from forescale.model.settings import Settings


class ActuatorContract:
    """The contract. The fixture `world` is the harness of one actuator, beside its real service.

    A harness has `hub` (from the registry), `actuator(writable=True, lost=False)` on a target
    of 2 instances in service, min 1 and max 10 (`lost`: one that does not exist),
    `desired()`, `set_desired(n)` as somebody else would, `fail(kind)` ("down", "throttled",
    "denied"), `recover()`, `writes()`, `now` and `pass_time(seconds)`; launches take two minutes.
    """

    def action(self, world, previous, desired, *, age=60.0):
        direction = Direction.OUT if desired > previous else Direction.IN
        return Action("t-1", "t", direction, previous, desired, world.now, world.now + age)

    def apply(self, world, previous, desired, **options):
        outcome = asyncio.run(world.actuator(**options).apply(self.action(world, previous, desired)))
        assert outcome.action == "t-1"
        return outcome

    def observe(self, world):
        return asyncio.run(world.actuator().observe())

    def test_its_settings_say_its_type(self, world, kind):
        settings = world.hub.settings
        assert issubclass(settings, Settings)
        assert settings.model_fields["type"].default == kind

    def test_every_setting_is_described(self, world):
        lacking = [n for n, f in world.hub.settings.model_fields.items() if not f.description]
        assert lacking == []

    def test_it_observes(self, world):
        fleet = self.observe(world)
        assert isinstance(fleet, FleetStatus)
        assert (fleet.desired, fleet.minimum, fleet.maximum) == (2, 1, 10)
        assert (fleet.in_service, fleet.pending, fleet.draining) == (2, 0, 0)

    def test_its_instances_are_those_in_service(self, world):
        actuator = world.actuator()
        fleet = asyncio.run(actuator.observe())
        ids = [ref.id for ref in actuator.instances()]
        assert len(ids) == len(set(ids)) == fleet.in_service

    def test_observing_writes_nothing(self, world):
        self.observe(world)
        assert world.writes() == []

    def test_what_does_not_exist_is_not_found_and_says_what_does(self, world):
        with pytest.raises(NotFound) as caught:
            asyncio.run(world.actuator(lost=True).observe())
        assert caught.value.message
        assert caught.value.hint

    @pytest.mark.parametrize("desired", [1, 5])
    def test_it_applies_both_ways(self, world, desired):
        assert self.apply(world, 2, desired) == Done("t-1", desired)
        assert world.desired() == desired

    def test_it_returns_when_accepted_not_when_serving(self, world):
        self.apply(world, 2, 4)
        fleet = self.observe(world)
        assert (fleet.desired, fleet.in_service, fleet.pending) == (4, 2, 2)
        world.pass_time(120)
        assert self.observe(world).in_service == 4

    def test_twice_is_once(self, world):
        assert self.apply(world, 2, 4) == self.apply(world, 2, 4) == Done("t-1", 4)
        assert len(world.writes()) == 1

    def test_what_somebody_else_wrote_is_left_alone(self, world):
        world.set_desired(5)
        before = len(world.writes())
        assert isinstance(self.apply(world, 2, 4), Refused)
        assert world.desired() == 5
        assert len(world.writes()) == before

    @pytest.mark.parametrize("desired", [0, 11])
    def test_the_targets_own_bounds_hold(self, world, desired):
        outcome = self.apply(world, 2, desired)
        assert isinstance(outcome, Refused)
        assert str(desired) in outcome.why
        assert world.desired() == 2

    def test_an_expired_action_is_not_done(self, world):
        action = self.action(world, 2, 4, age=60.0)
        world.pass_time(61)
        assert isinstance(asyncio.run(world.actuator().apply(action)), Refused)
        assert world.desired() == 2
        assert world.writes() == []

    def test_a_dry_run_says_so_and_writes_nothing(self, world):
        outcome = self.apply(world, 2, 4, writable=False)
        assert isinstance(outcome, NoOp)
        assert "dry run" in outcome.why
        assert world.desired() == 2
        assert world.writes() == []

    @pytest.mark.parametrize("failure", ["down", "throttled"])
    def test_what_will_pass_is_to_be_retried(self, world, failure):
        world.fail(failure)
        outcome = self.apply(world, 2, 4)
        assert isinstance(outcome, Retry)
        assert outcome.after > 0
        assert outcome.why

    def test_a_denial_is_refused_in_words(self, world):
        world.fail("denied")
        outcome = self.apply(world, 2, 4)
        assert isinstance(outcome, Refused)
        assert "allow" in outcome.why

    @pytest.mark.parametrize("failure", ["down", "throttled", "denied"])
    def test_observing_fails_with_an_adapter_error_and_recovers(self, world, failure):
        actuator = world.actuator()
        world.fail(failure)
        with pytest.raises(Throttled if failure == "throttled" else AdapterError):
            asyncio.run(actuator.observe())
        world.recover()
        world.pass_time(60)
        assert asyncio.run(actuator.observe()).desired == 2
