"""How many labels, on which representation: the rule on fabricated trials, and what it says."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.figures.sink import Figures
from tacit.questions.base import Measurement, Setting
from tacit.questions.finding import Finding
from tacit.questions.label_efficiency.numbers import BINS, TRIALS, Curves
from tacit.questions.label_efficiency.question import Labels
from tacit.questions.label_efficiency.words import words
from tacit.questions.shared.pairs import Pair

SCRATCH, NEAREST, LOGISTIC, GRAPH, KNOWN, ALL = (
    {"method": "scratch"},
    {"codes": "pixels", "method": "nearest"},
    {"codes": "vae", "method": "logistic"},
    {"codes": "vae", "method": "poisson-mbo"},
    {"codes": "vae", "method": "poisson-mbo", "shares": "known"},
    {"codes": "classifier", "method": "all-labels"},
)
BUDGETS = (1, 10, 100)


def measured(
    accuracy: Mapping[str, Sequence[float]],
    *,
    seeds: int = 1,
    draws: int = 10,
    noise: float = 0.004,
    budgets: Sequence[int] = BUDGETS,
) -> dict[int, Measurement]:
    """Trials with these mean accuracies at the budgets; what a draw is worth is shared by all."""
    found = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shared = rng.standard_normal((len(budgets), draws))
        values = {"per-class": 1.0, "pooled": 0.0, "copies": 0.0, "unlabelled": 0.0}
        n_labels = 10 * np.repeat(budgets, draws)
        arrays: dict[str, NDArray[Any]] = {
            f"{TRIALS}/budget": np.repeat(budgets, draws),
            f"{TRIALS}/draw": np.tile(np.arange(draws), len(budgets)),
            f"{TRIALS}/labels": n_labels,
            f"{TRIALS}/fewest-of-a-class": np.repeat(budgets, draws),
            "class-counts": np.full(10, 6000),
        }
        for name, means in accuracy.items():
            own = rng.standard_normal((len(budgets), draws))
            trials = np.array(means)[:, None] + noise * (shared + own) * ("all" not in name)
            arrays[f"{TRIALS}/{name}.test"] = trials.ravel()
            values[f"{name}/oracle"] = float("all-labels" in name)
        found[seed] = Measurement(values, arrays)
    return found


def curves(
    pairs: Mapping[str, Sequence[float]], tables: Sequence[dict[str, Any]], **how: Any
) -> Curves:
    return Curves(measured(pairs, **how), [Pair(**table) for table in tables])


AHEAD = {
    "scratch": (0.40, 0.80, 0.94),
    "pixels.nearest": (0.50, 0.75, 0.88),
    "vae.poisson-mbo": (0.90, 0.95, 0.96),
}


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_pair_that_is_ahead_wins_and_says_by_how_much(seeds: int) -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH], seeds=seeds)
    assert [found.winner(b).name for b in BUDGETS] == ["vae.poisson-mbo"] * 3
    assert found.alike(10) == []
    text = words(found)
    assert text.startswith("With 10 labels per class use the codes of vae with Poisson MBO")
    value = found.numbers()["at-10.accuracy"].value
    assert value == pytest.approx(0.95, abs=0.005)
    assert f": {100 * value:.2f} % (" in text.split(";")[0]
    times = r"more than 10 times (\([\d.]+ to more than 10\) )?as many labels"
    needed = f"from scratch needs {times} to match it"
    assert re.search(needed, text)
    assert "at 100 per class it is still behind" in text
    assert "The one recommended is better than each of the 2 others on the same draws." in text
    assert "Going from 10 to 100 per class brings the one recommended +1" in text
    over = "3 seeds" if seeds > 1 else "5 draws"
    assert over in found.numbers()["at-10.accuracy"].interval


def test_pairs_that_are_alike_are_said_to_be() -> None:
    alike = AHEAD | {"vae.logistic": (0.90, 0.9505, 0.97), "scratch": (0.4, 0.8, 0.9705)}
    found = curves(alike, [SCRATCH, NEAREST, LOGISTIC, GRAPH], noise=0.01)
    assert {p.name for p in found.alike(10)} | {found.winner(10).name} == {
        "vae.logistic",
        "vae.poisson-mbo",
    }
    text = words(found)
    assert "Not distinguishable from the one recommended on the same draws: vae · " in text
    assert "the 2 others are worse" in text
    winner = found.winner(10).name
    if winner == "vae.logistic":
        assert "at 100 per class the two are not distinguishable" in text


def test_the_baseline_may_win() -> None:
    found = curves(
        {"scratch": (0.6, 0.9, 0.99), "pixels.nearest": (0.4, 0.6, 0.7)}, [SCRATCH, NEAREST]
    )
    text = words(found)
    assert text.startswith("With 10 labels per class use a network trained from scratch: 90.")
    assert "no representation was needed" in text
    assert found.savings(10) is None
    assert "at-10.label-savings" not in found.numbers()


def test_nothing_is_reported_on_the_draws_that_chose() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH])
    assert not set(found.choosing) & set(found.reporting)
    before = found.numbers()
    for name in ("scratch", "vae.poisson-mbo"):
        trials = found.first.arrays[f"{TRIALS}/{name}.test"].reshape(3, 10)
        trials[:, found.choosing] += 0.01
    after = Curves(found.measured, found.pairs)
    assert after.winner(10).name == "vae.poisson-mbo"
    for name in ("at-10.accuracy", "at-10.minus-scratch", "at-10.label-savings"):
        assert after.numbers()[name] == before[name]


def test_a_lucky_choice_is_corrected_by_the_other_draws() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH])
    trials = found.first.arrays[f"{TRIALS}/pixels.nearest.test"].reshape(3, 10)
    trials[1, found.choosing] = 0.99
    assert found.winner(10).name == "pixels.nearest"
    text = words(found)
    assert text.startswith("With 10 labels per class the draws disagree: raw pixels")
    assert "on the others, where from scratch and vae · Poisson MBO did better" in text
    assert found.savings(10) is not None
    assert found.numbers()["at-10.minus-scratch"].value == pytest.approx(-5, abs=1)


@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_label_savings_are_read_off_the_baselines_curve(factor: float) -> None:
    rise = 0.15 / math.log(10)
    accuracy = {
        "scratch": [0.6 + rise * math.log(b) for b in BUDGETS],
        "vae.poisson-mbo": [0.6 + rise * math.log(b * factor) for b in BUDGETS],
    }
    found = curves(accuracy, [SCRATCH, GRAPH], noise=0.003)
    number = found.numbers()["at-10.label-savings"]
    assert number.value is not None
    assert number.low is not None
    assert number.high is not None
    assert number.low <= factor <= number.high
    assert number.value == pytest.approx(factor, rel=0.15)
    censored = found.numbers()["at-100.label-savings"]
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
    assert "For comparison, with all labels: classifier 99.5 %." in words(found)
    only = curves({"vae.poisson-mbo.known-shares": (0.9, 0.9, 0.9)}, [KNOWN])
    assert only.winner(10).knows_shares


def test_codes_of_a_run_that_had_labels_are_a_ceiling_too() -> None:
    tables = [SCRATCH, {"codes": "classifier", "method": "nearest"}]
    made = measured({"scratch": (0.4, 0.8, 0.94), "classifier.nearest": (0.98, 0.98, 0.98)})
    made[0].values["classifier.nearest/oracle"] = 1.0
    found = Curves(made, [Pair(**table) for table in tables])
    assert found.winner(10).name == "scratch"


def test_two_draws_decide_nothing() -> None:
    found = curves(AHEAD, [SCRATCH, NEAREST, GRAPH], draws=2)
    text = words(found)
    assert "it cannot be told whether the others are worse" in text
    assert found.numbers()["at-10.accuracy"].low is None


def test_few_false_winners_where_all_are_alike() -> None:
    """A winner among equals is called better than another in at most about 5 % of studies."""
    tables = [{"codes": f"run-{k}", "method": "nearest"} for k in range(6)]
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        made = measured({Pair(**t).name: (0.8, 0.8, 0.8) for t in tables})
        for table in tables:
            trials = made[0].arrays[f"{TRIALS}/{Pair(**table).name}.test"]
            trials[:] = 0.8 + 0.01 * rng.standard_normal(len(trials))
        found = Curves(made, [Pair(**table) for table in tables])
        wrong += any(c.verdict in ("higher", "lower") for c in found.comparisons(10).values())
    assert wrong <= 8


def answered(tmp_path: Path, made: dict[int, Measurement], tables: Sequence[Any]) -> Finding:
    question = Labels(pairs=tuple(Pair(**table) for table in tables))
    names = tuple("0123456789")
    return question.answer(
        made,
        Setting("label-efficiency", Figures(tmp_path), names, 60_000, 10_000, (1, 28, 28), "mnist"),
    )


def test_the_finding_shows_every_pair_and_budget(tmp_path: Path) -> None:
    accuracy = AHEAD | {"classifier.all-labels": (0.99, 0.99, 0.99)}
    made = measured(accuracy)
    made[0].arrays[f"{TRIALS}/vae.poisson-mbo.unlabelled"] = np.linspace(0.9, 0.95, 30)
    made[0].arrays[f"{TRIALS}/vae.poisson-mbo.calibration-error"] = np.linspace(0.01, 0.02, 30)
    made[0].arrays["vae.poisson-mbo/bins"] = np.ones((3, 10, BINS, 3))
    made[0].values |= {"copies": 3.0, "unlabelled": 1.0}
    made[0].arrays["class-counts"] = np.array([50, *([6000] * 9)])
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
    assert "At 1 per class some class has fewer than two labels" in said
    assert "given this pretraining and test set" in said
    assert "At 10 per class its confidence differs from its accuracy by" in finding.answer
    assert finding.numbers["at-10.test-minus-unlabelled"].value is not None


def test_one_budget_and_no_baseline_are_enough(tmp_path: Path) -> None:
    made = measured({"pixels.nearest": (0.5,), "vae.poisson-mbo": (0.9,)}, budgets=[7])
    finding = answered(tmp_path, made, [NEAREST, GRAPH])
    assert finding.answer.startswith("With 7 labels per class use the codes of vae")
    assert "scratch" not in finding.answer
    one = answered(tmp_path / "one", measured({"pixels.nearest": (0.5,)}, budgets=[1]), [NEAREST])
    assert one.answer.startswith("With 1 label per class use raw pixels with the nearest neighbour")


@pytest.mark.parametrize(
    ("table", "fault"),
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
def test_pairs_that_make_no_sense_are_refused(table: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Pair(**table)


def test_a_recipe_replaces_what_it_names_and_nothing_else() -> None:
    pair = Pair(codes="vae", method="propagate-then-train", recipe={"epochs": 1})
    assert pair.trained_by().epochs == 1
    assert pair.trained_by().q == 0.7


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"pairs": []}, "at least 1"),
        ({"pairs": [NEAREST, NEAREST]}, "'pixels.nearest' twice"),
        ({"pairs": [NEAREST], "budgets": [1, 1]}, "hold one twice"),
        ({"pairs": [NEAREST], "budgets": [0]}, "greater than or equal to 1"),
        ({"pairs": [NEAREST], "draws": 1}, "greater than or equal to 2"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Labels.model_validate(arguments)


def test_work_follows_trials_and_what_a_way_does() -> None:
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
