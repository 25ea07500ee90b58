"""A/B statistics: what a report says, how long a test must run, and both on simulated groups."""

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.engine.sequential import radius
from forescale.engine.settings import TargetSettings
from forescale.model.errors import ConfigError
from forescale.model.tally import Sums
from forescale.model.trial import Slice, Trial
from forescale.sim.ab import Verdict, comparisons_needed, needed, rehearse, report, together
from forescale.sim.backtest import backtest, play
from forescale.sim.generator import daily_load

START = 1_767_571_200.0
LEAD = 4


def tracking(target):
    return {"type": "target_tracking", "target": target}


def experiment(control="50%", treatment="70%", **fields):
    about = {"name": "it", "treatment": {"policies": [tracking(treatment)]}, "slice": "3h"}
    guards = {"cooldown": {"out": 0, "in": 0}}
    fields = {"policies": [tracking(control)], "guards": guards, "experiment": about | fields}
    return TargetSettings.model_validate(fields)


def trial(costs, violations=None, *, noise=0.02, seed=1, treated_first=True):
    """Slices whose treated ones cost and violate so much, relative to a control of 1 and 0."""
    rng, slices = np.random.default_rng(seed), []
    for i, cost in enumerate(costs):
        more = violations[i] if violations else 0.0
        for k, treated in enumerate((treated_first, not treated_first)):
            ratio = (cost if treated else 1.0) * exp(noise * rng.normal())
            slices.append(Slice(2 * i + k, treated, ratio, (more if treated else 0.0) + 1e-4 * rng.normal()))
    return Trial(
        "it", START, slices=tuple(slices), control=Sums(100, 1, 200, 1), treatment=Sums(100, 2, 150, 1)
    )


def told(costs, violations=None, **fields):
    return report([{"web": trial(costs, violations, **fields)}], experiment().experiment)


class TestReport:
    def test_cheaper_and_no_worse_is_better(self):
        found = told([0.8] * 14)
        assert (found.verdict, found.cost.verdict, found.violations.verdict) == (
            "better",
            "better",
            Verdict.SAME,
        )
        assert found.cost.low < found.cost.effect < found.cost.high < -0.1
        assert found.cost.effect == pytest.approx(-0.2, abs=0.02)
        assert (found.comparisons, found.slices, found.more) == (14, 28, None)
        assert (found.control.cost, found.treatment.cost) == (2.0, 1.5)

    def test_dearer_is_worse(self):
        assert told([1.2] * 14).verdict is Verdict.WORSE

    def test_as_cheap_is_no_difference(self):
        found = told([1.0] * 30)
        assert found.verdict is Verdict.SAME
        assert -0.05 < found.cost.low < 0 < found.cost.high < 0.05

    def test_a_certain_difference_that_is_too_small_to_matter_is_none(self):
        found = told([0.98] * 100, noise=0.01)
        assert found.cost.high < 0
        assert found.verdict is Verdict.SAME

    def test_cheaper_but_with_more_violations_is_mixed(self):
        found = told([0.8] * 14, [0.02] * 14)
        assert (found.verdict, found.violations.verdict) == (Verdict.MIXED, Verdict.WORSE)
        assert found.violations.low < 0.02 < found.violations.high

    def test_little_is_undecided_and_says_how_many_more(self):
        few = told([0.94] * 5, noise=0.08)
        assert (few.verdict, few.cost.verdict) == (Verdict.UNDECIDED, Verdict.UNDECIDED)
        assert 5 < few.more < 100
        none = told([])
        assert (none.verdict, none.comparisons, none.cost.low, none.more) == (
            Verdict.UNDECIDED,
            0,
            None,
            None,
        )

    def test_the_order_within_a_pair_does_not_matter(self):
        assert told([0.8] * 14, treated_first=False).verdict is Verdict.BETTER

    def test_a_matched_pair_is_compared_slice_by_slice(self):
        settings = experiment(design="matched", matched_with="api").experiment
        rng = np.random.default_rng(2)
        one = [Slice(i, True, 0.8 * exp(0.02 * rng.normal()), 0.0) for i in range(30)]
        two = [Slice(i, False, exp(0.02 * rng.normal()), 0.0) for i in range(5, 40)]
        trials = {"web": Trial("it", START, slices=tuple(one)), "api": Trial("it", START, slices=tuple(two))}
        found = report([trials], settings)
        assert (found.comparisons, found.targets, found.verdict) == (25, ("web", "api"), Verdict.BETTER)
        assert found.cost.effect == pytest.approx(-0.2, abs=0.02)
        alone = report([{"web": trials["web"]}], settings)
        assert (alone.comparisons, alone.verdict) == (0, Verdict.UNDECIDED)

    def test_of_several_pairs_what_they_show_at_the_same_time_is_one_comparison(self):
        """Two pairs that are moved by the same gusts prove no more than one."""
        settings = experiment(design="matched", matched_with="b").experiment
        gusts = np.random.default_rng(3).normal(0, 0.1, 30).tolist()
        treated = Trial(
            "it", START, slices=tuple(Slice(i, True, 0.9 * exp(g), 0.0) for i, g in enumerate(gusts))
        )
        control = Trial("it", START, slices=tuple(Slice(i, False, 1.0, 0.0) for i in range(25)))
        one, two = (
            report([{f"a{k}": treated, f"b{k}": control} for k in range(n)], settings) for n in (1, 2)
        )
        assert (one.cost.low, one.cost.high) == pytest.approx((two.cost.low, two.cost.high))
        assert (one.comparisons, two.comparisons, two.slices) == (25, 25, 110)
        assert two.targets == ("a0", "b0", "a1", "b1")

    @given(st.sampled_from(Verdict), st.sampled_from(Verdict))
    def test_one_verdict_from_two(self, cost, violations):
        found = together(cost, violations)
        assert (found is Verdict.UNDECIDED) == (Verdict.UNDECIDED in (cost, violations))
        if Verdict.SAME in (cost, violations):
            assert found in (cost, violations)


class TestPower:
    @pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
    @pytest.mark.parametrize("effect", [0.25, 0.6, 1.2, 4.0])
    def test_the_minimum_effect_is_found_with_the_stated_power(self, effect, power):
        n = comparisons_needed(effect, 1.0, 0.025, power)
        draws = effect + np.random.default_rng(4).normal(size=(4000, n))
        k = np.arange(1, n + 1)
        mean = draws.cumsum(axis=1) / k
        s = np.sqrt(np.maximum((draws**2).cumsum(axis=1) - k * mean**2, 0) / np.maximum(k - 1, 1))
        reach = np.array([min(radius(int(i), 0.025), 1e12) for i in k])
        found = (np.abs(mean) > reach * np.where(s > 0, s, 1.0)).any(axis=1).mean()
        assert found >= power - 0.02
        assert found <= power + 0.2 or n < 12

    def test_more_noise_and_smaller_effects_need_more(self):
        assert comparisons_needed(0.05, 0.1, 0.05, 0.8) < comparisons_needed(0.05, 0.2, 0.05, 0.8)
        assert comparisons_needed(0.10, 0.1, 0.05, 0.8) < comparisons_needed(0.05, 0.1, 0.05, 0.8)
        assert comparisons_needed(0.05, 0.0, 0.05, 0.8) == 2
        assert comparisons_needed(1e-9, 1.0, 0.05, 0.8) == 100_000

    def test_the_harder_of_both_outcomes_counts(self):
        settings = experiment().experiment
        assert needed(settings, 0.2, 0.0).cost > needed(settings, 0.02, 0.0).cost
        assert needed(settings, 0.02, 0.05).violations > needed(settings, 0.02, 0.005).violations
        assert needed(settings, 0.2, 0.0).both == needed(settings, 0.2, 0.0).cost


def load(seed, days):
    return daily_load(seed, days * 1440, start=START).scaled(40)


def seen(cfg, seed, days=4):
    found = rehearse(cfg, load(seed, days), LEAD, seed=seed)
    return report([{"web": found}], cfg.experiment)


class TestRehearsal:
    def test_50_against_70_percent_differ_in_cost(self):
        found = seen(experiment("50%", "70%"), 1)
        assert found.cost.verdict is Verdict.BETTER
        assert -0.35 < found.cost.effect < -0.2
        back = seen(experiment("70%", "50%"), 1)
        assert back.cost.verdict is Verdict.WORSE

    def test_a_strategy_against_itself_does_not(self):
        for seed in range(3):
            found = seen(experiment("60%", "60%", seed=seed), seed)
            assert found.cost.verdict not in (Verdict.BETTER, Verdict.WORSE)
            assert found.verdict is Verdict.SAME

    @pytest.mark.slow
    def test_a_strategy_against_itself_is_called_different_at_most_alpha_of_the_time(self):
        wrong = runs = 0
        for seed in range(30):
            found = seen(experiment("60%", "60%", seed=seed, minimum_effect={"cost": "0.01%"}), seed, days=6)
            wrong += found.cost.verdict in (Verdict.BETTER, Verdict.WORSE)
            runs += 1
        assert wrong / runs <= 0.1  # 5 % at most: more than 3 of 30 has a probability of 6 %

    def test_the_same_seed_gives_the_same(self):
        assert seen(experiment(), 2, days=1) == seen(experiment(), 2, days=1)

    def test_it_is_played_to_its_end_whatever_the_harm(self):
        cfg = experiment("50%", "100%", harm={"violations": "0.01%", "at_once": "0.01%"}, longest="3h")
        found = rehearse(cfg, load(1, 3), LEAD)
        assert (found.ended, len(found.slices) > 20) == ("", True)

    def test_there_is_nothing_to_rehearse_without_an_experiment(self):
        assert rehearse(TargetSettings(), load(1, 1), LEAD) is None


class TestBacktest:
    def test_of_an_experiment_the_control_is_scored(self):
        cfg = experiment()
        plain = TargetSettings.model_validate(
            cfg.model_dump(mode="json", by_alias=True, exclude={"experiment"}) | {"shadow": {"a": {}}}
        )
        trace = load(3, 1)
        (run, notes), (same, none) = play(cfg, trace, LEAD), play(plain, trace, LEAD)
        assert run.desired.tolist() == same.desired.tolist()
        assert none == ()
        assert "only its control is scored" in notes[0]

    def test_and_signals_are_looked_at_as_before(self):
        with pytest.raises(ConfigError, match="every policy reads a signal"):
            backtest(
                TargetSettings.model_validate(
                    {
                        "signals": {"cpu": {}, "q": {}},
                        "policies": [{"type": "threshold", "signal": "q", "above": 5, "below": 1}],
                    }
                ),
                load(3, 1),
                peak_instances=40,
                lead=LEAD,
                warmup=0,
            )
