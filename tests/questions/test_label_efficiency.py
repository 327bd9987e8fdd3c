"""How many labels, on which representation: the rule on fabricated trials, and what it says."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.figures.sink import Figures
from tacit.labels.pairs import Pair
from tacit.questions.base import Measurement, Setting
from tacit.questions.finding import Finding
from tacit.questions.label_efficiency.numbers import Curves, Numbers, Trials, judging_half
from tacit.questions.label_efficiency.question import Labels
from tacit.questions.label_efficiency.words import caveats, headline, sentences
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.trials import BINS, Columns, OfPair
from tacit.questions.verdicts import Verdict

SCRATCH, NEAREST, LOGISTIC, GRAPH, NETWORK, KNOWN, ALL = (
    {"method": "scratch"},
    {"codes": "pixels", "method": "nearest"},
    {"codes": "vae", "method": "logistic"},
    {"codes": "vae", "method": "poisson-mbo"},
    {"codes": "vae", "method": "propagate-then-train"},
    {"codes": "vae", "method": "poisson-mbo", "shares": "known"},
    {"codes": "classifier", "method": "all-labels"},
)
BUDGETS = (1, 10, 100)
N = 1000


def measured(
    accuracy: Mapping[str, Sequence[float]],
    *,
    seeds: int = 1,
    draws: int = 10,
    noise: float = 0.004,
    budgets: Sequence[int] = BUDGETS,
    per_seed: Collection[str] | None = None,
) -> dict[int, Numbers]:
    """Trials with these mean accuracies at the budgets; what a draw is worth is shared by all.

    per_seed: the pairs that depend on the seed; by default all that are no oracle.
    """
    truth = np.arange(N) % 10
    half = judging_half(truth)
    hard = np.empty(N)  # each half has as many easy images
    for side in (half, ~half):
        hard[side] = (np.arange(N // 2) + 0.5) / (N // 2)
    found = {}
    for seed in range(seeds):
        columns, by_pair = {}, {}
        shared = np.random.default_rng(0).standard_normal((len(budgets), draws))
        for k, (name, means) in enumerate(accuracy.items()):
            varies = name in per_seed if per_seed is not None else "all" not in name
            rng = np.random.default_rng((k, seed if varies else 0))
            own = rng.standard_normal((len(budgets), draws))
            trials = np.array(means)[:, None] + noise * (shared + own) * ("all" not in name)
            right = hard < trials[..., None]
            columns[name] = Columns(test=right.mean(axis=2).ravel())
            by_pair[name] = OfPair("all-labels" in name, right)
        table = Trials(
            np.repeat(budgets, draws),
            np.tile(np.arange(draws), len(budgets)),
            10 * np.repeat(budgets, draws),
            np.repeat(budgets, draws),
            columns,
        )
        found[seed] = Numbers(True, False, 0, 0, np.full(10, 6000), truth, by_pair, table)
    return found


def curves(
    pairs: Mapping[str, Sequence[float]], tables: Sequence[dict[str, Any]], **how: Any
) -> Curves:
    return Curves(Seeds(measured(pairs, **how)), [Pair(**table) for table in tables])


def words(found: Curves) -> str:
    return " ".join(filter(None, sentences(found)))


AHEAD = {
    "scratch": (0.40, 0.80, 0.94),
    "pixels.nearest": (0.50, 0.75, 0.88),
    "vae.poisson-mbo": (0.90, 0.95, 0.96),
}


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_pair_that_is_ahead_wins_and_says_by_how_much(seeds: int) -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH], seeds=seeds)
    assert [found.winner(b).name for b in BUDGETS] == ["vae.poisson-mbo"] * 3
    assert found.those("alike", 10) == []
    text = words(found)
    assert headline(found).headline.startswith(
        "With 10 labels per class use vae · Poisson MBO: 94."
    )
    accuracy = found.numbers["at-10.accuracy"]
    assert accuracy.value == pytest.approx(0.95, abs=0.005)
    times = r"more than 10 times (\([\d.]+ to more than 10\) )?as many labels"
    needed = f"from scratch needs {times} to match it"
    assert re.search(needed, text)
    assert "at 100 per class it is still behind" in text
    assert "It is better than each of the 2 others on the same draws." in text
    assert "Going from 10 to 100 per class brings it 1" in text
    over = "5 draws × 500 test images"
    over = f"3 seeds × {over}" if seeds > 1 else f"{over}, given this seed"
    assert over in found.numbers["at-10.accuracy"].interval


def test_pairs_that_are_alike_are_said_to_be() -> None:
    alike = AHEAD | {"vae.logistic": (0.90, 0.9505, 0.97), "scratch": (0.4, 0.8, 0.9705)}
    found = curves(alike, [SCRATCH, NEAREST, LOGISTIC, GRAPH], noise=0.01)
    assert {p.name for p in found.those("alike", 10)} | {found.winner(10).name} == {
        "vae.logistic",
        "vae.poisson-mbo",
    }
    text = words(found)
    assert "Not distinguishable from it on the same draws: vae · " in text
    assert "worse: 2 of 3." in text
    winner = found.winner(10).name
    if winner == "vae.logistic":
        assert "at 100 per class the two are not distinguishable" in text


def test_the_baseline_may_win() -> None:
    found = curves(
        {"scratch": (0.6, 0.9, 0.99), "pixels.nearest": (0.4, 0.6, 0.7)}, [SCRATCH, NEAREST]
    )
    assert headline(found).headline.startswith("With 10 labels per class use from scratch: 90.")
    assert "No representation was needed" in words(found)
    assert found.efficiency(10) is None
    assert "at-10.label-efficiency" not in found.numbers


def test_nothing_is_reported_on_the_draws_and_images_that_chose() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH])
    assert not set(found.choosing) & set(found.reporting)
    assert found.told.sum() == N // 2
    truth = found.first.truth
    assert np.bincount(truth[found.told]).tolist() == [N // 20] * 10
    numbers = "at-10.accuracy", "at-10.label-efficiency", "at-10.gain-of-next-budget"
    before = found.numbers
    for name in ("scratch", "vae.poisson-mbo"):
        right = found.first.by_pair[name].right
        assert right is not None
        right[:, found.choosing] = ~right[:, found.choosing]
        right[..., ~found.told] = right[..., ~found.told] | (name == "vae.poisson-mbo")
    after = Curves(found.seeds, found.pairs)
    assert after.winner(10).name == "vae.poisson-mbo"
    for name in numbers:
        assert after.numbers[name] == before[name]


def test_what_more_labels_bring_is_of_one_pair_at_both_budgets() -> None:
    """Not of the next budget's own winner, which would count what was gained by choosing."""
    crossing = {"scratch": (0.2, 0.3, 0.4), "pixels.nearest": (0.5, 0.6, 0.65)}
    crossing |= {"vae.poisson-mbo": (0.4, 0.5, 0.8)}
    found = curves(crossing, [SCRATCH, NEAREST, GRAPH])
    assert [found.winner(b).name for b in BUDGETS[1:]] == ["pixels.nearest", "vae.poisson-mbo"]
    gain = found.gain(BUDGETS[1])
    assert gain is not None
    assert gain.value == pytest.approx(5, abs=0.5)
    assert found.gain(BUDGETS[2]) is None


def test_a_lucky_choice_is_corrected_by_the_other_draws_and_images() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH])
    right = found.first.by_pair["pixels.nearest"].right
    assert right is not None
    right[np.ix_([1], found.choosing, np.flatnonzero(~found.told))] = True
    found = Curves(found.seeds, found.pairs)
    assert found.winner(10).name == "pixels.nearest"
    assert headline(found).verdict == Verdict.CANNOT_TELL
    said = "The draws disagree: on those that did not choose, vae · Poisson MBO did better."
    assert said in words(found)
    assert found.numbers["at-10.accuracy"].value == pytest.approx(0.75, abs=0.01)


def test_a_pair_without_a_seed_is_judged_by_draws_and_images() -> None:
    """83 % against 94 %, three seeds: the same answers for every seed are no lack of spread."""
    accuracy = {"scratch": (0.94,), "pixels.nearest": (0.83,)}
    found = curves(accuracy, [SCRATCH, NEAREST], seeds=3, budgets=[10], per_seed={"scratch"})
    assert found.those("worse", 10) == [Pair(**NEAREST)]
    number = found.number(Pair(**NEAREST), 10)
    assert number.interval == "95 % over 10 draws × 1,000 test images"
    neither = curves(accuracy, [SCRATCH, NEAREST], seeds=3, budgets=[10], noise=0, per_seed=())
    assert neither.those("worse", 10) == [Pair(**NEAREST)]


def test_intervals_of_every_two_pairs_hold_together() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH])
    gap = found.measured(Pair(**GRAPH), 10) - found.measured(Pair(**SCRATCH), 10)
    assert found.leads(10)["scratch"] == gap.mean(together=3).scaled(100, "percentage points")


def test_like_is_compared_with_like() -> None:
    """A winner that learns from moved images is not held against a network that does not."""
    accuracy = {
        "scratch": (0.4,),
        "scratch-augmented": (0.53,),
        "vae.logistic": (0.98,),
        "vae.propagate-then-train": (0.9,),
    }
    tables = [{"method": "scratch"}, {"method": "scratch-augmented"}, LOGISTIC, NETWORK]
    plain = curves(accuracy, tables, budgets=[1])
    assert (plain.winner(1).name, plain.baseline(1)) == ("vae.logistic", Pair(method="scratch"))
    accuracy["vae.propagate-then-train"] = (0.99,)
    moved = curves(accuracy, tables, budgets=[1])
    assert moved.winner(1).name == "vae.propagate-then-train"
    assert moved.baseline(1) == Pair(method="scratch-augmented")
    assert "at-1.minus-scratch-augmented" in moved.numbers
    del accuracy["scratch-augmented"]
    only = curves(accuracy, [tables[0], *tables[2:]], budgets=[1])
    assert only.baseline(1) == Pair(method="scratch")
    unlike = "trained on images that are moved about; at 1 from scratch is not"
    assert unlike in " ".join(caveats(only))
    assert unlike not in " ".join(caveats(moved))


@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_label_efficiency_is_read_off_the_baselines_curve(factor: float) -> None:
    rise = 0.15 / math.log(10)
    accuracy = {
        "scratch": [0.6 + rise * math.log(b) for b in BUDGETS],
        "vae.poisson-mbo": [0.6 + rise * math.log(b * factor) for b in BUDGETS],
    }
    found = curves(accuracy, [SCRATCH, GRAPH], noise=0.003)
    number = found.numbers["at-10.label-efficiency"]
    assert number.value is not None
    assert number.low is not None
    assert number.high is not None
    assert number.low <= factor <= number.high
    assert number.value == pytest.approx(factor, rel=0.15)
    censored = found.numbers["at-100.label-efficiency"]
    assert censored.value is None
    assert "censored" in censored.interval


def test_what_knows_more_than_the_labels_cannot_win() -> None:
    accuracy = AHEAD | {
        "vae.poisson-mbo.known-shares": (0.99, 0.99, 0.99),
        "classifier.all-labels": (0.995, 0.995, 0.995),
    }
    found = curves(accuracy, [SCRATCH, NEAREST, GRAPH, KNOWN, ALL])
    assert found.winner(10).name == "vae.poisson-mbo"
    assert {p.name for p in found.oracles} == {"classifier.all-labels"}
    assert "With all labels, classifier is ahead of it by +4" in words(found)
    behind = found.numbers["at-10.behind-classifier.all-labels"]
    assert behind.value == pytest.approx(4.5, abs=0.5)
    assert behind.low is not None
    assert behind.low > 2
    only = curves({"vae.poisson-mbo.known-shares": (0.9, 0.9, 0.9)}, [KNOWN])
    assert only.winner(10).knows_shares


def test_codes_of_a_run_that_had_labels_are_an_oracle_too() -> None:
    tables = [SCRATCH, {"codes": "classifier", "method": "nearest"}]
    made = measured({"scratch": (0.4, 0.8, 0.94), "classifier.nearest": (0.98, 0.98, 0.98)})
    by_pair = made[0].by_pair
    by_pair["classifier.nearest"] = replace(by_pair["classifier.nearest"], oracle=True)
    found = Curves(Seeds(made), [Pair(**table) for table in tables])
    assert found.winner(10).name == "scratch"


def test_two_draws_tell_little() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH], draws=2)
    assert len(found.reporting) == 1
    assert "given this seed and this draw" in found.numbers["at-10.accuracy"].interval


def test_calibration_is_of_the_draws_that_report() -> None:
    made = measured(AHEAD)
    trials = made[0].trials
    off = np.where(np.arange(10) % 2 == 0, 0.5, 0.01) + np.linspace(0, 1e-4, 10)
    columns = replace(trials.pairs["vae.poisson-mbo"], calibration_error=np.tile(off, 3))
    trials.pairs["vae.poisson-mbo"] = columns
    bins = np.zeros((3, 10, BINS, 3))
    bins[:, 0::2, 0, 0], bins[:, 1::2, 1, 0] = 7, 1
    made[0].by_pair["vae.poisson-mbo"] = replace(made[0].by_pair["vae.poisson-mbo"], bins=bins)
    found = Curves(Seeds(made), [Pair(**table) for table in (SCRATCH, NEAREST, GRAPH)])
    error = found.numbers["at-10.calibration-error"].value
    assert error == pytest.approx(0.01, abs=1e-4)
    counted = found.bins(Pair(**GRAPH), 10)
    assert counted is not None
    assert counted[:2, 0].tolist() == [0, 5]


def setting(path: Path = Path(), source: str = "mnist") -> Setting:
    names = tuple("0123456789")
    return Setting("label-efficiency", Figures(path), names, 60_000, 10_000, source)


def answered(tmp_path: Path, made: dict[int, Numbers], tables: Sequence[Any]) -> Finding:
    question = Labels(pairs=tuple(Pair(**table) for table in tables))
    stored = {seed: Measurement.of(one) for seed, one in made.items()}
    return question.answer(stored, setting(tmp_path))


def test_on_whose_labels_settings_were_tuned_is_said() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH])
    for source in ("mnist", "mnist-5k"):
        found.source = source
        said = " ".join(caveats(found))
        assert "Settings of Poisson MBO were chosen on labels of mnist" in said
        assert "Settings of from scratch were chosen on labels of mnist and digits" in said
        assert said.count("these images among them: that flatters them here") == 2
    found.source = "steel"
    said = " ".join(caveats(found))
    assert said.count("and on none of these images") == 2
    assert "nearest neighbour were" not in said
    assert "no other label was looked at" not in said
    assert "test labels, on other draws and test images than its accuracy is reported on" in said


def test_the_finding_shows_every_pair_and_budget(tmp_path: Path) -> None:
    accuracy = AHEAD | {"classifier.all-labels": (0.99, 0.99, 0.99)}
    made = measured(accuracy)
    table = made[0].trials.pairs
    table["vae.poisson-mbo"] = replace(
        table["vae.poisson-mbo"],
        unlabelled=np.linspace(0.9, 0.95, 30),
        calibration_error=np.linspace(0.01, 0.02, 30),
    )
    by_pair = made[0].by_pair
    by_pair["vae.poisson-mbo"] = replace(by_pair["vae.poisson-mbo"], bins=np.ones((3, 10, BINS, 3)))
    counts = np.array([50, *([6000] * 9)])
    made[0] = replace(made[0], copies=3, unlabelled=1, class_counts=counts)
    finding = answered(tmp_path, made, [SCRATCH, NEAREST, GRAPH, ALL])
    assert [f.name for f in finding.figures] == [
        "label-efficiency-curves",
        "label-efficiency-trials",
        "label-efficiency-differences",
        "label-efficiency-reliability",
    ]
    table = finding.tables[0]
    assert len(table.rows) == 4
    marked = [cell for row in table.rows for cell in row if isinstance(cell, str) and "★" in cell]
    assert len(marked) == 3
    assert any("transductive" in str(row) for row in finding.tables[2].rows)
    said = " ".join(finding.caveats)
    assert "3 images of the test set also found among the training images" in said
    assert "1 image of the pool without a label" in said
    assert "0 (50)" in said
    assert "120.0 times the images of the smallest" in said
    assert "that alone puts 9.9 % of the images into a wrong class" not in said
    assert "to within 10 %: that alone puts 8.9 % of the images into a wrong class" in said
    assert "At 1 per class some class has fewer than two labels" in said
    assert "With one seed, every interval is given the models of that seed" in said
    assert "At 10 per class its confidence differs from its accuracy by" in finding.answer
    assert finding.numbers["at-10.test-minus-unlabelled"].value is not None


def test_one_budget_and_no_baseline_are_enough(tmp_path: Path) -> None:
    made = measured({"pixels.nearest": (0.5,), "vae.poisson-mbo": (0.9,)}, budgets=[7])
    finding = answered(tmp_path, made, [NEAREST, GRAPH])
    assert finding.headline.startswith("With 7 labels per class use vae")
    assert "scratch" not in finding.answer
    one = answered(tmp_path / "one", measured({"pixels.nearest": (0.5,)}, budgets=[1]), [NEAREST])
    assert one.headline.startswith("With 1 label per class pixels · nearest")


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ({"codes": "vae", "method": "scratch"}, "reads the images themselves"),
        ({"codes": "pixels", "method": "fine-tune"}, "takes a trained run"),
        ({"codes": "pca", "method": "all-labels"}, "takes a trained run"),
        ({"method": "nearest", "shares": "known"}, "no use for class shares"),
        ({"method": "nearest", "recipe": {"updates": 3}}, "trains no network"),
        ({"method": "scratch", "recipe": {"update": 3}}, "update"),
        ({"method": "nearer"}, "Input should be"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(table: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Pair(**table)


def test_a_recipe_replaces_what_it_names_and_nothing_else() -> None:
    pair = Pair(codes="vae", method="propagate-then-train", recipe={"epochs": 1})
    assert pair.trained_by().epochs == 1
    assert pair.trained_by().q == 0.7


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"pairs": []}, "at least 1"),
        ({"pairs": [NEAREST, NEAREST]}, "'pixels.nearest' twice"),
        ({"pairs": [NEAREST], "budgets": [1, 1]}, "twice"),
        ({"pairs": [NEAREST], "budgets": [0]}, "greater than or equal to 1"),
        ({"pairs": [NEAREST], "draws": 1}, "greater than or equal to 2"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Labels.model_validate(arguments)


def test_work_follows_trials_and_what_a_method_does() -> None:
    """A study's time is guessed from it before any work: half an hour is not called a second."""

    def work(method: str, **how: Any) -> float:
        codes = {} if method == "scratch" else {"codes": "vae"}
        return Labels(pairs=(Pair(method=method, **codes),), **how).work(60_000)

    assert work("scratch", draws=20) == 2 * work("scratch", draws=10)
    # 10 draws of 300 updates, with ten classes of ten labels, each update of all of them.
    assert work("scratch", budgets=[10], draws=10) == 10 * 300 * 100
    assert work("scratch", budgets=[1]) == work("scratch", budgets=[10])  # a batch is no cheaper
    orders = ("nearest", "logistic", "poisson", "poisson-mbo", "propagate-then-train")
    costs = [work(method) for method in orders]
    assert costs == sorted(costs)
    longer = Pair(codes="vae", method="propagate-then-train", recipe={"epochs": 40})
    assert longer.work(100, 60_000) > 5 * Pair(codes="vae", method="propagate-then-train").work(
        100, 60_000
    )
