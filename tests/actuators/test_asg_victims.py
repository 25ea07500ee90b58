"""Whom a scale-in through the lifecycle takes out, and names in an error."""

from hypothesis import given
from hypothesis import strategies as st

from forescale.actuators.asg import choose_victims, closest

zones = st.sampled_from(["a", "b", "c"])
fleets = st.lists(st.tuples(zones, st.booleans(), st.floats(0, 1e6)), max_size=20)


def describe(fleet):
    return [
        {
            "InstanceId": f"i-{n:02}",
            "AvailabilityZone": zone,
            "LifecycleState": "InService",
            "HealthStatus": "Healthy",
            "ProtectedFromScaleIn": protected,
        }
        for n, (zone, protected, _) in enumerate(fleet)
    ]


@given(fleets, st.integers(0, 20))
def test_victims_are_unprotected_distinct_and_as_many_as_there_can_be(fleet, count):
    instances = describe(fleet)
    launched = {f"i-{n:02}": at for n, (_, _, at) in enumerate(fleet)}
    chosen = choose_victims(instances, launched, count)
    free = {i["InstanceId"] for i in instances if not i["ProtectedFromScaleIn"]}
    assert set(chosen) <= free
    assert len(chosen) == len(set(chosen)) == min(count, len(free))


@given(st.lists(st.tuples(zones, st.just(False), st.floats(0, 1e6)), max_size=20), st.integers(0, 20))
def test_victims_keep_the_zones_balanced_and_are_the_oldest_of_their_zone(fleet, count):
    instances = describe(fleet)
    launched = {f"i-{n:02}": at for n, (_, _, at) in enumerate(fleet)}
    zone_of = {i["InstanceId"]: i["AvailabilityZone"] for i in instances}
    chosen = choose_victims(instances, launched, count)
    before = [list(zone_of.values()).count(z) for z in "abc"]
    left = [i for i in zone_of if i not in chosen]
    after = [[zone_of[i] for i in left].count(z) for z in "abc"]
    assert max(after) - min(after) <= max(max(before) - min(before), 1)
    for zone in "abc":
        gone = [launched[i] for i in chosen if zone_of[i] == zone]
        stays = [launched[i] for i in left if zone_of[i] == zone]
        assert not gone or not stays or max(gone) <= min(stays)


def test_many_names_are_shortened():
    names = [f"group-{i:02}" for i in range(30)]
    text = closest("group-07", names)
    assert text.startswith("group-07, ")
    assert text.endswith(" and 20 more")
