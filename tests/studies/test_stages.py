"""``--stages N`` trains the first phases of every run."""

import pytest

from tacit.studies.command import Request, prepare
from tacit.studies.description.errors import StudyError


def request(tmp_path, **options) -> Request:
    return Request(images="digits", train_size=40, out=tmp_path, **options)


def test_the_first_stages_are_trained_and_no_others(tmp_path) -> None:
    prepared = prepare("burda", request(tmp_path, stages=3))
    for job in prepared.jobs:
        if job.kind == "train":
            assert [end for end, _ in job.task["schedule"]["phases"]] == [2, 8, 26]
            assert job.task["schedule"]["updates"] == 26
            assert set(job.task["schedule"]["snapshot_at"]) == {2, 8, 26}
    whole = prepare("burda", request(tmp_path))
    assert whole.jobs[0].task["schedule"]["updates"] == 6560
    assert whole.jobs[0].id != prepared.jobs[0].id
    assert request(tmp_path, stages=3).chosen()["stages"] == "3"


def test_one_run_is_asked_about_without_the_other(tmp_path) -> None:
    prepared = prepare("burda", request(tmp_path, stages=1, runs=("dreg-5",)))
    (question,) = prepared.questions
    assert question.runs == ("dreg-5",)
    assert list(question.published) == ["dreg-5"]
    assert [job.kind for job in prepared.jobs] == ["train", "measure"]
    prepared = prepare("transfer", request(tmp_path, runs=("autoencoder",)))
    assert not prepared.questions


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
        prepare(study, request(tmp_path, **options))
    assert not list(tmp_path.iterdir())
