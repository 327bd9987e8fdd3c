"""``--stages N`` trains the first phases of every run."""

import pytest

from tacit.studies.command import Prepared, prepare
from tacit.studies.description.errors import StudyError
from tacit.studies.options import How, RunOptions


def prepared_study(study, tmp_path, **options) -> Prepared:
    asked = RunOptions(images="digits", train_size=40, **options)
    return prepare(study, asked, How(), tmp_path)


def test_the_first_stages_are_trained_and_no_others(tmp_path) -> None:
    prepared = prepared_study("burda", tmp_path, stages=3)
    for job in prepared.plan.jobs:
        if job.kind == "train":
            assert [end for end, _ in job.task["schedule"]["phases"]] == [2, 8, 26]
            assert job.task["schedule"]["updates"] == 26
            assert set(job.task["schedule"]["snapshot_at"]) == {2, 8, 26}
    whole = prepared_study("burda", tmp_path)
    assert whole.plan.jobs[0].task["schedule"]["updates"] == 6560
    assert whole.plan.jobs[0].id != prepared.plan.jobs[0].id


def test_one_run_is_asked_about_without_the_other(tmp_path) -> None:
    prepared = prepared_study("burda", tmp_path, stages=1, runs="dreg-5")
    (question,) = prepared.plan.questions.values()
    assert question.runs == ("dreg-5",)
    assert list(question.published) == ["dreg-5"]
    assert [job.kind for job in prepared.plan.jobs] == ["train", "measure"]
    prepared = prepared_study("transfer", tmp_path, runs="autoencoder")
    assert not prepared.plan.questions


@pytest.mark.parametrize(
    ("study", "options", "message"),
    [
        ("burda", {"stages": 0}, "--stages is 0; it is at least 1"),
        ("burda", {"stages": 9}, "--stages is 9; the runs have at most 8 phases"),
        ("transfer", {"stages": 2}, "--stages is 2, but no run of this study has phases"),
        ("burda", {"stages": 2, "epochs": 3}, "--epochs and --stages both say how long"),
    ],
)
def test_stages_that_are_not_there_are_refused(study, options, message, tmp_path) -> None:
    with pytest.raises(StudyError, match=message):
        prepared_study(study, tmp_path, **options)
    assert not list(tmp_path.iterdir())
