"""``tacit run label-efficiency``: budgets, draws and copies on the command line."""

from pathlib import Path

import numpy as np
import pytest

from tacit.errors import ImagesError
from tacit.images.sources import open_images
from tacit.questions.base import Question
from tacit.questions.label_efficiency.question import Labels
from tacit.questions.registry import QUESTIONS
from tacit.studies.command import Prepared, prepare
from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import builtin_names
from tacit.studies.options import How, LearnOptions, RunOptions, out_of_range
from tacit.training.schedule import Schedule


def prepared(tmp_path: Path, study: str = "label-efficiency", **options: object) -> Prepared:
    return prepare(study, RunOptions(**options), How(), tmp_path)  # type: ignore[arg-type]


def labels(one: Prepared) -> Labels:
    (question,) = one.plan.questions.values()
    assert isinstance(question, Labels)
    return question


def test_budgets_and_draws_replace_the_studys_own(tmp_path: Path) -> None:
    assert "label-efficiency" in builtin_names()
    own = labels(prepared(tmp_path))
    assert (own.budgets, own.draws) == ((1, 3, 5, 10, 30, 100), 10)
    one = prepared(tmp_path, budgets="10, 1,3", draws=4)
    assert (labels(one).budgets, labels(one).draws) == ((1, 3, 10), 4)
    assert labels(one).pairs == own.pairs
    measures = [job for job in one.plan.jobs if job.kind == "measure"]
    assert len(measures) == len(own.pairs)
    assert all(job.task["arguments"]["draws"] == 4 for job in measures)
    assert RunOptions(budgets="1,3", draws=4).chosen() == {"budgets": "1,3", "draws": "4"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"budgets": "1,ten"}, "'ten' is no number of labels"),
        ({"budgets": ""}, "'' is no number of labels"),
        ({"budgets": "0,1"}, "'0' is no number of labels"),
        ({"budgets": "-1"}, "'-1' is no number of labels"),
        ({"budgets": "3,3"}, "--budgets is 3,3; names '3' twice"),
        ({"draws": 1}, "--draws is 1; it is at least 2"),
        ({"draws": 0}, "--draws is 0; it is at least 1"),
    ],
)
def test_budgets_that_make_no_sense_are_refused(
    tmp_path: Path, options: dict[str, object], error: str
) -> None:
    with pytest.raises(StudyError, match=error):
        prepared(tmp_path, **options)


def test_other_studies_have_no_budgets(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"--budgets and --draws: no question .* questions: clas"):
        prepared(tmp_path, "transfer", budgets="1", draws=3)


def test_studies_without_few_labels_have_no_draws(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"--draws: no question .* and no run learns from few"):
        prepared(tmp_path, "inference", draws=3)


def test_draws_replace_those_of_runs_that_learn_from_few(tmp_path: Path) -> None:
    one = prepared(tmp_path, "transfer", draws=3, runs="few-classifier, transferred")
    trained = [job.name for job in one.plan.jobs if job.kind == "train"]
    assert sorted(trained) == ["autoencoder", *["few-classifier"] * 3, *["transferred"] * 3]
    assert {name: run.draws for name, run in one.study.runs.items()} == {
        "autoencoder": 1,
        "few-classifier": 3,
        "transferred": 3,
    }
    few = "'encoders' or 'label-efficiency'"
    with pytest.raises(StudyError, match=f"--draws: no question of this study is {few}"):
        prepared(tmp_path, "inference", draws=3)


def test_trials_of_a_file_are_not_replaced(tmp_path: Path) -> None:
    study = tmp_path / "mine.yaml"
    study.write_text(
        "title: Mine\nruns: {a: {learn: autoencoder}}\nquestions:\n"
        "  - label-efficiency: {pairs: [{method: scratch}], draws_file: draws.json}\n"
    )
    (tmp_path / "draws.json").touch()
    with pytest.raises(StudyError, match="the trials come from the question's draws_file"):
        prepared(tmp_path, str(study), draws=3)


def test_budgets_end_where_the_default_study_has_no_more_images(tmp_path: Path) -> None:
    one = prepared(tmp_path, train_size=200)
    drawn = labels(one).drawn(one.opened.train, one.opened.test)
    assert drawn.budgets == (1, 3, 5, 10, int(one.opened.train.class_counts.max()))


def test_what_a_study_cannot_ask_of_its_images_is_told_before_it_starts(tmp_path: Path) -> None:
    study = tmp_path / "mine.yaml"
    study.write_text(
        "title: Mine\nruns: {a: {learn: autoencoder}}\nquestions:\n"
        "  - label-efficiency: {pairs: [{method: scratch}], budgets: [1, 500]}\n"
    )
    with pytest.raises(StudyError, match=r"500 labels of each class are asked for, but class"):
        prepared(tmp_path, str(study))


def test_copies_of_test_images_are_left_out_where_that_is_asked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    x[30:33] = x[:3]  # the test images begin at 30
    path = tmp_path / "mine.npz"
    y = np.arange(40) % 2
    np.savez(path, x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    kept = open_images(str(path))
    assert "3 images of the test set are copies of a training image." in kept.notes
    one = prepared(tmp_path, images=str(path), remove_duplicates=True, budgets="1,2")
    assert (len(one.opened.train), len(one.opened.test)) == (27, 10)
    assert "3 images left out of the training set as a copy of a test image." in one.opened.notes
    assert not any("copies" in note for note in one.opened.notes)
    assert one.study.images.duplicates == "remove"
    np.savez(path, x_train=x[:2], y_train=y[:2], x_test=x[:2], y_test=y[:2])
    with pytest.raises(ImagesError, match="every training image is a copy"):
        open_images(str(path), duplicates="remove")


def test_the_options_that_were_given_make_the_command_again() -> None:
    given = LearnOptions(labels=[Path("a.csv"), Path("b c.csv")], skip_bad=True, size=32, ask=3)
    assert given.words() == [
        "--labels", "a.csv", "b c.csv", "--ask", "3", "--size", "32", "--skip-bad",
    ]  # fmt: skip
    assert given.chosen()["labels"] == "a.csv b c.csv"
    assert RunOptions().words() == []
    assert RunOptions(remove_duplicates=True).words() == ["--remove-duplicates"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (RunOptions(seeds=0), "--seeds is 0; it is at least 1"),
        (How(jobs=-1), "--jobs is -1; it is at least 1"),
        (LearnOptions(labels=[], seed=-1), "--seed is -1; it is 0 to 2147483647"),
        (RunOptions(train_size=0), "--train-size is 0; it is at least 1"),
    ],
)
def test_numbers_out_of_range_are_named(options: How | RunOptions, said: str) -> None:
    assert list(out_of_range(options)) == [said]


def test_a_quick_look_is_smaller_and_says_so(tmp_path: Path) -> None:
    whole = prepared(tmp_path, "inference", images="mnist-5k")
    quick = prepared(tmp_path, "inference", images="mnist-5k", quick=True)
    assert (len(whole.opened.train), len(quick.opened.train)) == (4000, 2000)
    assert "quick look" in quick.opened.notes[0]
    assert "60 % of the updates" in quick.opened.notes[0]
    assert "quick look" not in " ".join(whole.opened.notes)
    asked, before = (
        {name: question.model_dump() for name, question in one.plan.questions.items()}
        for one in (quick, whole)
    )
    assert before["log-probability"]["per_class"] == 50
    assert asked["log-probability"]["per_class"] == 10
    assert asked["log-probability"]["proposal"] == before["log-probability"]["proposal"]
    assert (quick.study.runs["vae"].epochs, whole.study.runs["vae"].epochs) == (45, 30)
    jobs = {job.name: job.task["schedule"] for job in quick.plan.jobs if job.kind == "train"}
    ends = [16 * epoch for epoch in (1, 5, 10, 20, 30, 45)]
    assert jobs["vae"]["snapshot_at"] == tuple(ends)
    assert set(ends) < set(jobs["vae"]["evaluate_at"])
    assert len(jobs["vae"]["evaluate_at"]) <= 5 + len(ends)
    few = prepared(tmp_path, "transfer", images="digits", quick=True).study.runs
    assert few["autoencoder"].epochs == 10
    assert {run.draws for run in few.values()} == {1, 3}


def test_a_quick_look_leaves_out_what_the_study_says_unless_it_is_asked_for(
    tmp_path: Path,
) -> None:
    quick = prepared(tmp_path, "inference", quick=True)
    assert "per-image-small" not in quick.study.runs
    assert "without per-image-small" in quick.opened.notes[0]
    whole = prepared(tmp_path, "inference")
    assert set(whole.study.runs) - set(quick.study.runs) == {"per-image-small"}
    assert list(quick.plan.questions) == list(whole.plan.questions)
    for name in ("inference-method", "prior"):
        assert quick.plan.questions[name].model_dump()["per_image"] == ("per-image", "per-image-5")
    asked = prepared(tmp_path, "inference", quick=True, runs="vae,per-image-small")
    assert list(asked.study.runs) == ["vae", "per-image-small"]
    assert "without per-image-small" not in asked.opened.notes[0]


def test_a_quick_look_makes_a_part_of_the_updates_from_few_labels(tmp_path: Path) -> None:
    def schedule(quick: bool, run: str, images: str = "mnist-5k") -> Schedule:
        plan = prepared(tmp_path, "transfer", images=images, quick=quick).plan
        job = next(job for job in plan.jobs if job.name == run)
        return Schedule.from_json(job.task["schedule"])

    part, whole = schedule(True, "few-classifier"), schedule(False, "few-classifier")
    assert (part.updates, part.cycle, whole.updates, whole.cycle) == (300, 500, 500, 0)
    assert [part.rate_at(u) for u in (1, 150, 300)] == [whole.rate_at(u) for u in (1, 150, 300)]
    assert max(part.evaluate_at) == max(part.snapshot_at) == 300
    assert len(part.evaluate_at) == 10
    assert schedule(True, "transferred-frozen").updates == 1000, "its rate goes through no cycle"
    assert schedule(True, "few-classifier", "digits").updates == 500, "no digits are left out"


def test_what_is_asked_for_goes_before_a_quick_look(tmp_path: Path) -> None:
    asked = {"images": "mnist-5k", "quick": True, "train_size": 3000}
    assert len(prepared(tmp_path, "inference", **asked).opened.train) == 3000
    few = prepared(tmp_path, "transfer", quick=True, draws=5).study.runs
    assert max(run.draws for run in few.values()) == 5


@pytest.mark.parametrize("kind", QUESTIONS.values(), ids=lambda kind: kind.name)
def test_a_quick_look_limits_arguments_that_are_there(kind: type[Question]) -> None:
    assert set(kind.quick) <= set(kind.model_fields)
