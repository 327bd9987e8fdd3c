"""Which encoder for these images: what is compared, how it is said, and the built-in study."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from questions.test_label_efficiency import measured
from sentences import numbers_in
from tacit.encoders.base import About
from tacit.figures.sink import Figures
from tacit.images.dataset import Images, Split
from tacit.images.originals import Originals, of_arrays
from tacit.questions.base import Measurement, Setting
from tacit.questions.encoders.numbers import (
    NEIGHBOURS,
    Compared,
    Indicators,
    OfCodes,
    neighbours_kept,
)
from tacit.questions.encoders.question import Encoders
from tacit.questions.finding import Finding
from tacit.questions.label_efficiency.numbers import Curves
from tacit.questions.label_efficiency.question import Labels
from tacit.questions.shared.seeds import Seeds
from tacit.questions.verdicts import MOST_NUMBERS, MOST_WORDS, Verdict, words_in
from tacit.studies.description.named import builtin_names, study_text
from tacit.studies.description.reading import parse
from tacit.training.viewed import UnderViews, encode_views
from tacit.training.views import Views

CODES = ("pixels", "pca", "vae", "views", "features:far/own.npy")
AHEAD = {
    "pixels.nearest": (0.20, 0.30, 0.40),
    "pixels.poisson": (0.25, 0.35, 0.45),
    "pca.nearest": (0.20, 0.30, 0.40),
    "pca.poisson": (0.22, 0.31, 0.41),
    "vae.nearest": (0.30, 0.35, 0.45),
    "vae.poisson": (0.35, 0.40, 0.50),
    "views.nearest": (0.50, 0.60, 0.70),
    "views.poisson": (0.55, 0.66, 0.70),
    "own.nearest": (0.60, 0.70, 0.80),
    "own.poisson": (0.65, 0.75, 0.80),
}
RANKS = {"pixels": 50.0, "pca": 40.0, "vae": 8.0, "views": 20.0, "own": 60.0}


def question(codes: Sequence[str] = CODES, **how: Any) -> Encoders:
    how = {"methods": ("nearest", "poisson"), "budgets": (1, 10, 100)} | how
    return Encoders.model_validate({"codes": codes, **how})


def indicators(kept: Mapping[str, float] = MappingProxyType({})) -> Indicators:  # read alone
    return Indicators(
        {
            name: OfCodes(16, rank, 4000, np.full(50, kept[name]) if name in kept else None)
            for name, rank in RANKS.items()
        }
    )


def answered(
    accuracy: Mapping[str, Sequence[float]], path: Path, asked: Encoders | None = None, **how: Any
) -> Finding:
    asked = asked or question()
    about = About("features:far/own.npy", "own", "given", "0" * 64, 16, n_bytes=2_000_000)
    names = tuple("0123456789")
    setting = Setting(
        "encoders", Figures(path), names, 6000, 1000, "set", {}, {about.source: about}
    )
    seen = indicators({"pixels": 0.3, "pca": 0.35, "vae": 0.2, "views": 0.8})
    stored = {
        seed: Measurement.of(one).joined(Measurement.of(seen))
        for seed, one in measured(accuracy, **how).items()
    }
    return asked.answer(stored, setting)


def test_every_representation_is_held_by_its_best_method(tmp_path: Path) -> None:
    finding = answered(AHEAD, tmp_path)
    assert finding.verdict is Verdict.YES
    assert finding.headline.startswith("With 10 labels per class use own · Poisson: 75")
    numbers = finding.numbers
    assert numbers["at-10.views.behind"].value == pytest.approx(9, abs=0.5)
    assert numbers["at-10.pixels.behind"].value == pytest.approx(40, abs=0.5)
    # At 100 labels both methods are alike, and of each representation one is compared.
    assert numbers["at-100.views.behind"].value == pytest.approx(10, abs=0.5)
    assert "Percentage points behind it, each by its best method: views 9" in finding.answer
    assert [f.name for f in finding.figures] == [
        "encoders-curves",
        "encoders-differences",
    ]
    assert {len(row) for row in finding.tables[0].rows} == {4}
    assert [row[0] for row in finding.tables[0].rows][:3] == ["own", "views", "vae"]
    costs = {str(row[0]): row[1:] for row in finding.tables[1].rows}
    assert costs["own"][:2] == (16, "2.0 MB")


def test_what_no_label_chose_is_held_against_the_winner(tmp_path: Path) -> None:
    finding = answered(AHEAD, tmp_path)
    chosen, last = finding.tables[2].rows[-2:]
    assert chosen[:2] == ("would have chosen", "own, the winner")
    assert str(chosen[2]).startswith("views, 9")
    kept = finding.numbers["chosen-by-neighbours-kept.behind"]
    assert kept.value == pytest.approx(9, abs=0.5)
    assert "own.neighbours-kept" not in finding.numbers  # of given features there are no views
    compared = Compared(Curves(Seeds(measured(AHEAD)), question().tried), Seeds({0: indicators()}))
    # By hand: ranks of 50 40 8 20 60 are 4 3 1 2 5, of the accuracies 2 1 3 4 5.
    assert compared.correlation("effective-rank") == pytest.approx(1 - 6 * 16 / (5 * 24))
    assert last[0] == "rank correlation with accuracy"
    assert compared.correlation("neighbours-kept") is None


def test_the_pixels_may_be_the_best(tmp_path: Path) -> None:
    swapped = {
        name: AHEAD[{"pixels": "own", "own": "pixels"}.get(codes, codes) + f".{method}"]
        for name in AHEAD
        for codes, method in [name.split(".")]
    }
    finding = answered(swapped, tmp_path)
    assert finding.verdict is Verdict.NO
    assert "no encoder gains on the pixels: 75" in finding.headline


def test_the_pixels_win_only_where_no_encoder_may_be_as_good(tmp_path: Path) -> None:
    level = dict.fromkeys(AHEAD, (0.2, 0.3, 0.4))
    level |= {"pixels.poisson": (0.65, 0.75, 0.8), "own.poisson": (0.65, 0.749, 0.8)}
    finding = answered(level, tmp_path, noise=0.02)
    assert finding.verdict is Verdict.CANNOT_TELL


def test_each_representation_is_held_by_what_was_best_where_methods_are_chosen() -> None:
    """Lucky choosing draws and images make a method a representation's, and count no further."""
    seeds = Seeds(measured(AHEAD))
    found = Curves(seeds, question().tried)
    right = found.first.by_pair["views.nearest"].right
    assert right is not None
    right[np.ix_([1], found.choosing, np.flatnonzero(~found.told))] = True
    right[np.ix_([1], found.reporting)] = False
    after = Compared(Curves(seeds, question().tried), Seeds({0: indicators()}))
    nearest, poisson = (after.curves.accuracy(pair, 10).mean() for pair in after.pairs["views"])
    assert nearest < poisson
    assert after.best("views", 10).method == "nearest"


def test_alike_is_no_verdict_and_one_that_may_be_as_good_is_named(tmp_path: Path) -> None:
    alike = dict.fromkeys(AHEAD, (0.5, 0.6, 0.7))
    finding = answered(alike, tmp_path / "alike", noise=0.02)
    assert finding.verdict is Verdict.CANNOT_TELL
    assert "did best, but may not be the best" in finding.headline
    two = AHEAD | {"views.poisson": AHEAD["own.poisson"]}
    finding = answered(two, tmp_path / "two", noise=0.02)
    assert finding.verdict is Verdict.YES
    assert "may be as good." in finding.headline
    for said in (finding.headline,):
        assert words_in(said) <= MOST_WORDS
        assert numbers_in(said) <= MOST_NUMBERS


def test_neighbours_kept_is_one_where_views_change_nothing_and_chance_where_they_say_nothing():
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((200, 8)).astype(np.float32)
    assert neighbours_kept(codes, codes).tolist() == [1.0] * 200
    other = rng.standard_normal((200, 8)).astype(np.float32)
    # A little above 10 of 199: what lies in the middle is near to everything.
    assert NEIGHBOURS / 199 < neighbours_kept(codes, other).mean() < 2 * NEIGHBOURS / 199
    # The slow, obvious way, for a view that is half way.
    view = codes + 0.3 * other
    distance = torch.cdist(torch.from_numpy(codes).double(), torch.from_numpy(codes).double())
    of_view = torch.cdist(torch.from_numpy(view).double(), torch.from_numpy(codes).double())
    expected = []
    for i in range(200):
        distance[i, i] = of_view[i, i] = np.inf
        near = [set(d[i].argsort()[:NEIGHBOURS].tolist()) for d in (distance, of_view)]
        expected.append(len(near[0] & near[1]) / NEIGHBOURS)
    np.testing.assert_allclose(neighbours_kept(codes, view), expected, atol=1e-12)


class Corners:
    """An encoder from elsewhere: the first pixel of a picture, and its mean."""

    about = About("onnx:corners.onnx", "corners", "two numbers", "0" * 64, 2)

    def features(self, originals: Originals, progress: Any = None, nodes: Any = None) -> np.ndarray:
        pictures = [np.asarray(originals.picture(i, 8), float) for i in range(len(originals))]
        return np.array([[p.flat[0], p.mean()] for p in pictures])


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_under_views_are_read_by_encoders_from_elsewhere(channels: int) -> None:
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (n, channels, 6, 5), np.uint8) for n in (4, 3))
    sides = of_arrays(train, test)
    images = Split(Images(train, originals=sides[0]), Images(test, originals=sides[1]))
    found = encode_views(Corners(), images, Views(flip=1.0))
    assert found.train.shape == (0, 2)
    np.testing.assert_array_equal(found.test[:, 0], test[:, 0, 0, -1])
    np.testing.assert_allclose(found.test[:, 1], test.mean(axis=(1, 2, 3)))
    own, other = (UnderViews(sides[1], Views(flip=p)) for p in (1.0, 0.5))
    assert len({each.content(i) for each in (sides[1], own, other) for i in range(3)}) == 9
    assert found.about.key != Corners.about.key


def test_its_parts_are_those_of_label_efficiency_and_one_for_each_representation() -> None:
    asked = question(draws=4)
    parts = asked.parts()
    assert sum(isinstance(part, Labels) for part in parts.values()) == 10
    assert sum(isinstance(part, Encoders) for part in parts.values()) == 5
    assert asked.needs().keys() == {"vae", "views"}
    assert asked.encoders() == ("features:far/own.npy",)
    assert parts["own · Poisson"].draws == 4
    fewer = asked.without("views")
    assert fewer is not None
    assert "views" not in fewer.codes
    more = fewer.with_encoders(["features:a.npy", "features:far/own.npy"])
    assert more.codes == ("pixels", "pca", "vae", "features:far/own.npy", "features:a.npy")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"codes": []}, "at least 1"),
        ({"codes": ["features:a/own.npy", "features:b/own.npy"]}, "'own' twice"),
        ({"codes": ["pixels"], "methods": ["scratch"]}, "'scratch' uses no codes"),
        ({"codes": ["pixels"], "methods": ["poisson", "poisson"]}, "twice"),
        ({"codes": ["tim:resnet18"]}, "Did you mean"),
        ({"codes": ["pixels"], "views": "birds"}, "no recipe of views"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        question(**arguments)


def test_the_built_in_study_on_small_networks(tmp_path: Path) -> None:
    from studies.conftest import run_quietly

    assert "encoders" in builtin_names()
    study, (asked,) = parse(study_text("encoders")[1], "encoders")
    assert isinstance(asked, Encoders)
    assert set(study.runs) == set(asked.needs())
    text = study_text("encoders")[1].replace("updates: 600", "updates: 4")
    text = text.replace("epochs: 30", "epochs: 1").replace("width: 16", "width: 2")
    text = text.replace("pca, autoencoder, ", "").replace("contrastive-photographs, ", "")
    text = text.replace("draws: 10", "methods: [nearest, poisson]")
    path = tmp_path / "few.yaml"
    path.write_text(text, encoding="utf-8")
    given = tmp_path / "own.npy"
    np.save(given, np.random.default_rng(0).standard_normal((1797, 6)).astype(np.float32))
    ended, _ = run_quietly(
        path,
        tmp_path,
        encoder=[f"features:{given}"],
        budgets="1,2",
        draws=2,
        runs="vae,contrastive-characters",
    )
    assert ended.whole
    (finding,) = ended.findings
    assert words_in(finding.headline) <= MOST_WORDS
    assert {row[0] for row in finding.tables[1].rows} == {
        "pixels", "vae", "contrastive-characters", "own"
    }  # fmt: skip
    assert finding.numbers["vae.neighbours-kept"].unit == "share"
    page = ended.report.read_text(encoding="utf-8")
    assert "Does an encoder beat the pixels, and which?" in page
