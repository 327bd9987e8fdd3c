"""The calibration suite in short: intervals cover, rules keep their error rates."""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _benchmarks_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.parametrize("place", range(6))
def test_intervals_cover(place: int) -> None:
    """Nominally 95 %, and 93 % at least, as far as the mean of 100 studies a case is known."""
    from benchmarks.calibration.coverage import SHORT, coverages

    found = coverages(SHORT[place : place + 1], 100)
    by_group: dict[str, list[float]] = {}
    for one in found:
        assert one.undefined == 0, one
        assert one.share > 0.85, one
        by_group.setdefault(one.group, []).append(one.share)
    for group, shares in by_group.items():
        least = 0.88 if group.startswith("skewed") else 0.93
        noise = 2.5 * (least * (1 - least) / (100 * len(shares))) ** 0.5
        assert np.mean(shares) > least - noise, (group, shares)


def test_rules_keep_their_error_rates() -> None:
    from benchmarks.calibration.rules import rates, rules

    for rule in rules():
        for rate in rates(rule, 40):
            if rate.allowed is not None:
                assert rate.share <= rate.allowed + 3 * (rate.allowed / 40) ** 0.5, rate
            else:
                assert rate.share > 0, rate


def test_a_rule_that_errs_is_seen() -> None:
    from benchmarks.calibration.rules import Rule, markdown, rates

    rule = Rule("none", "heads", {"a coin": lambda rng: rng.random() < 0.5}, repeats=100)
    (rate,) = rates(rule)
    assert not rate.kept
    assert "| none | heads | a coin | 5" in markdown([rate]) or "| 4" in markdown([rate])


def test_fabricated_means_have_the_variance_they_are_given() -> None:
    from benchmarks.calibration.fabricated import Layout, crossed, right_or_wrong, standard

    rng = np.random.default_rng(0)
    terms = {"seed": 1.0, "draw": 0.5, "image": 0.25, "seed × image": 0.25}
    means = [crossed(rng, Layout(3, 4, 5), terms).mean() for _ in range(2000)]
    assert np.var(means) == pytest.approx(2.0, rel=0.15)
    for law in ("normal", "gamma", "exponential", "lognormal", "rare"):
        x = standard(rng, (200_000,), law)
        assert (x.mean(), x.var()) == pytest.approx((0, 1), abs=0.25), law
    right = [right_or_wrong(rng, Layout(2, 3, 50), 0.9, {"image": 1.0}).mean() for _ in range(500)]
    assert np.mean(right) == pytest.approx(0.9, abs=0.01)
