"""The calibration suite in short: intervals cover, rules keep their error rates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.questions.overfitting.question import Overfitting
from tacit.questions.registry import QUESTIONS
from tacit.questions.shared.rates import Tally, known, stated

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


def test_rules_keep_their_error_rates_and_those_in_the_package() -> None:
    """On other studies than the kept rates are from, as far as 25 of them can tell."""
    from benchmarks.calibration.__main__ import disagreeing
    from benchmarks.calibration.rules import rates, rules

    for rule in rules():
        found = rates(rule, 25, seed=1)
        for case, tally in found.null.items():
            assert tally.share <= rule.at_most + 3 * (rule.at_most / 25) ** 0.5, (rule.name, case)
        assert not disagreeing(rule.name, found)


def test_every_sentence_has_a_rate_and_every_rate_a_sentence() -> None:
    from benchmarks.calibration.rules import rules

    # Any question about runs that go on falling is held to this one (`Question.answer`).
    used = {name for question in QUESTIONS.values() for name in question.rules} | {"unfinished"}
    assert used == set(known()) == {rule.name for rule in rules()}
    for name, question in QUESTIONS.items():
        decided_by = "" if question.rules else question.room("words").DECIDED_BY
        assert question.rules or decided_by.startswith("Nothing"), name
    for name, one in known().items():
        assert not [case for case, tally in one.null.items() if not tally.kept(one.allowed)], name


def test_the_page_and_the_document_tell_the_same_rates() -> None:
    from benchmarks.calibration.__main__ import MARKS, RATES
    from benchmarks.calibration.rules import markdown, written

    document = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    between = document.split(MARKS["rules"][0])[1].split(MARKS["rules"][1])[0]
    assert between.strip() == markdown(known()).strip()
    assert written(known()) == RATES.read_text(encoding="utf-8")
    gap = known()["train-test-gap"]
    said = stated(Overfitting.rules)
    assert f"in at most {100 * gap.errs:.1f} %" in said
    with pytest.raises(KeyError, match="no-rule"):
        stated(["no-rule"])


def test_rates_that_are_not_those_kept_are_seen() -> None:
    from benchmarks.calibration.__main__ import disagreeing

    kept = known()["train-test-gap"]
    assert not disagreeing("train-test-gap", kept)
    other = replace(kept, null={case: Tally(30, 100) for case in kept.null})
    assert len(disagreeing("train-test-gap", other)) == len(kept.null)


def test_a_rule_that_errs_is_seen() -> None:
    from benchmarks.calibration.rules import Rule, exceeded, markdown, rates

    rule = Rule("none", "heads", {"a coin": lambda rng: rng.random() < 0.5}, repeats=100)
    found = rates(rule)
    assert len(exceeded(found)) == 1
    assert f"| heads | a coin | {found.null['a coin'].said}.0 % of 100" in markdown({"none": found})


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


def test_what_other_intervals_would_cover_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Student's t covers 95 % of normal units, and less of skewed ones; Johnson's more."""
    from benchmarks.calibration import alternatives
    from benchmarks.calibration.fabricated import Layout

    studies = {
        law: alternatives.Studies(alternatives.units_of(law, 3000, 5))
        for law in ("normal", "exponential")
    }
    covers = {}
    for law, of in studies.items():
        for name in ("Student's t", "Johnson's t", "Hall, none shorter"):
            low, high = alternatives.INTERVALS[name](of)
            covers[law, name] = np.mean((low <= 0) & (high >= 0))
    assert covers["normal", "Student's t"] == pytest.approx(0.95, abs=0.015)
    assert covers["exponential", "Student's t"] < 0.91 < covers["exponential", "Johnson's t"]
    assert covers["normal", "Hall, none shorter"] > covers["normal", "Student's t"]
    monkeypatch.setattr(alternatives, "LAYOUTS", (Layout(seeds=2, images=36),))
    rows = [row.split("|")[5:7] for row in alternatives.crossed_factors(60).splitlines()[2:]]
    assert len(rows) == 2
    # Satterthwaite's alone is never the wider.
    assert all(float(own.split()[0]) >= float(alone.split()[0]) for own, alone in rows)
