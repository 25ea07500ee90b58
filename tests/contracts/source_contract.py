"""What every source must do. `test_sources.py` applies it to each one that is registered."""

import asyncio

import pytest

from forescale.model.errors import AdapterError, Throttled
from forescale.model.sample import Sample, Window
from forescale.model.settings import SignalSettings


class SourceContract:
    """The contract. The fixture `world` is the harness of one source, beside its real service.

    A harness has `hub` (from the registry), `source(*signals)`, `publish(signal, time, value)`,
    `fail(kind)` ("down", "throttled", "denied"), `recover()`, `writes()`, `now` and
    `pass_time(seconds)`. Its signals are of one minute.
    """

    def read(self, world, source, back=600.0):
        return sorted(
            asyncio.run(source.read(Window(world.now - back, world.now))), key=lambda s: (s.signal, s.time)
        )

    def values(self, world, source, **options):
        return [
            (s.signal, s.time, s.value) for s in self.read(world, source, **options) if s.value is not None
        ]

    def test_its_settings_are_signals_and_say_its_type(self, world, kind):
        settings = world.hub.settings
        assert issubclass(settings, SignalSettings)
        assert settings.model_fields["type"].default == kind

    def test_every_setting_is_described(self, world):
        lacking = [n for n, f in world.hub.settings.model_fields.items() if not f.description]
        assert lacking == []

    def test_it_gives_samples_of_its_signals_within_the_window(self, world):
        for minute in range(1, 13):
            world.publish("a", world.now - 60 * minute, float(minute))
        samples = self.read(world, world.source("a"))
        assert all(isinstance(s, Sample) for s in samples)
        assert [s.value for s in samples] == [float(minute) for minute in range(10, 0, -1)]
        assert all(world.now - 600 <= s.time < world.now for s in samples)
        assert {(s.signal, s.unit, s.estimated) for s in samples} == {("a", "percent", False)}
        assert all(s.source for s in samples)

    def test_absence_is_never_0(self, world):
        world.publish("a", world.now - 300, 5.0)
        world.publish("a", world.now - 60, 0.0)
        found = self.values(world, world.source("a", "b"))
        assert found == [("a", world.now - 300, 5.0), ("a", world.now - 60, 0.0)]

    def test_without_data_there_is_no_value_and_no_error(self, world):
        assert self.values(world, world.source("a")) == []

    def test_reading_again_gives_the_same(self, world):
        world.publish("a", world.now - 120, 5.0)
        source = world.source("a")
        assert self.values(world, source) == self.values(world, source) != []

    def test_a_second_source_on_the_same_data_sees_the_same(self, world):
        world.publish("a", world.now - 120, 5.0)
        assert self.values(world, world.source("a")) == self.values(world, world.source("a")) != []

    def test_late_data_is_given_when_it_comes(self, world):
        source = world.source("a")
        world.publish("a", world.now - 120, 5.0)
        self.read(world, source)
        late = world.now - 60
        world.pass_time(10)
        world.publish("a", late, 6.0)
        assert ("a", late, 6.0) in self.values(world, source)

    @pytest.mark.parametrize("failure", ["down", "throttled", "denied"])
    def test_failures_are_adapter_errors_and_leave_no_trace(self, world, failure):
        world.publish("a", world.now - 60, 5.0)
        source = world.source("a")
        world.fail(failure)
        with pytest.raises(Throttled if failure == "throttled" else AdapterError) as caught:
            self.read(world, source)
        assert caught.value.message
        world.recover()
        world.pass_time(70)
        assert [value for _, _, value in self.values(world, source)] == [5.0]

    def test_targets_read_at_the_same_moment_do_not_mix(self, world):
        world.publish("a", world.now - 60, 5.0)
        world.publish("b", world.now - 60, 7.0)
        sources = [world.source("a"), world.source("b"), world.source("a", "b")]

        async def read_all():
            window = Window(world.now - 600, world.now)
            return await asyncio.gather(*(s.read(window) for s in sources))

        found = [sorted((s.signal, s.value) for s in samples) for samples in asyncio.run(read_all())]
        assert found == [[("a", 5.0)], [("b", 7.0)], [("a", 5.0), ("b", 7.0)]]

    def test_reading_writes_nothing(self, world):
        self.read(world, world.source("a", "b"))
        assert world.writes() == []
