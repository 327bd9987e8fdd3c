"""Every built-in study on image sets with nothing to learn: whole, or refused before any work.

Nothing it leaves says "nan" or "inf", no interval has zero width, and what is undefined says why.
"""

import pytest
from degenerate import SETS, blank, cut_down, faults_of_results, run_here

from tacit.studies.description.named import builtin_names

LABELS = "label-efficiency"
QUICK = {
    ("inference", "one image"),
    ("transfer", "one class"),
    ("code-size", "copies"),
    ("burda", "a pixel"),
}
"""The other pairs take minutes together."""

REFUSED = {
    ("inference", "a pixel"): r"images are 1×1; network 'pool' .* at least 4 pixels; 'conv' and",
    ("code-size", "one image"): "needs 2 training images or more, there is 1",
    ("code-size", "one training image"): "needs 2 training images or more, there is 1",
    (
        "label-efficiency",
        "a pixel",
    ): r"images are 1×1; network 'pool' .* at least 4 pixels; 'conv' and",
    (
        "label-efficiency",
        "a class without training images",
    ): "class '2' has no labelled image; every class",
} | {
    (LABELS, name): r"labels of 1 class \(0\); .* of two classes or more"
    for name in ("one class", "one image", "one label", "one training image")
}

PAIRS = [
    pytest.param(study, name, marks=() if (study, name) in QUICK else pytest.mark.slow)
    for study in builtin_names()
    for name in SETS
]


def assert_sound(study, name, place, monkeypatch, **options) -> None:
    cut, questions = cut_down(study, **options)
    arrays = SETS[name]()
    if (study, name) in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[study, name]):
            run_here(study, cut, questions, arrays, place, monkeypatch)
        assert not (place / study).exists()
        return
    ended = run_here(study, cut, questions, arrays, place, monkeypatch)
    assert not ended.outcome.failed
    assert not ended.unanswered
    assert ended.whole
    assert faults_of_results(place / study) == []


@pytest.mark.parametrize(("study", "name"), PAIRS)
def test_a_study_of_images_that_hold_nothing(study, name, tmp_path, monkeypatch) -> None:
    assert_sound(study, name, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copies", "one class", "one image"])
@pytest.mark.parametrize("study", builtin_names())
def test_seeds_that_agree_have_no_interval_of_no_width(study, name, tmp_path, monkeypatch) -> None:
    assert_sound(study, name, tmp_path, monkeypatch, seeds=(0, 1))


@pytest.mark.parametrize(
    "study",
    [
        pytest.param(name, marks=() if name == "code-size" else pytest.mark.slow)
        for name in builtin_names()
    ],
)
def test_models_whose_weights_are_all_zero(study, tmp_path, monkeypatch) -> None:
    blank(monkeypatch)
    assert_sound(study, "a class without test images", tmp_path, monkeypatch)


def test_the_check_sees_faults(tmp_path) -> None:
    """The checks above can fail: each error that they look for is found."""
    results = """{"findings": [{"question": "q", "answer": "it is nan", "numbers": {
        "a": {"value": null, "low": null, "high": null, "interval": "no interval"},
        "b": {"value": 1.0, "low": 1.0, "high": 1.0, "interval": "95 % t over 3 seeds"},
        "c": {"value": 1.0, "low": null, "high": null, "interval": "95 % t over 3 seeds"},
        "d": {"value": 3.0, "low": 1.0, "high": 2.0, "interval": "95 % t over 3 seeds"}}}]}"""
    (tmp_path / "results.json").write_text(results)
    (tmp_path / "report.html").write_text("<p>The accuracy is -inf, and the inference finite</p>")
    found = "\n".join(faults_of_results(tmp_path))
    for expected in ("says 'nan'", "a: no value", "b: an interval of no width", "c: no interval",
                     "d: 3.0 outside", "report.html says"):  # fmt: skip
        assert expected in found
    assert len(found.splitlines()) == 6
