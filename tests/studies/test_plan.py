"""Jobs: what they are named by, what they need, what is left out."""

import pytest

from tacit.images.dataset import Images, Split
from tacit.streams import numpy_stream
from tacit.studies.description.reading import parse
from tacit.studies.description.settings import schedule_of
from tacit.studies.description.spec import Run
from tacit.studies.execution.plan import plan

FEW = "few: {learn: classifier, train: {per_class: 2, draws: 3}, updates: 7}"


def jobs_of(runs: str, images: Split, more: str = ""):
    study, questions = parse(f"title: t\n{more}\nruns:\n  {runs}\n", "study")
    return plan(study, questions, images)


def test_a_job_is_named_by_its_content(digits) -> None:
    def ids(runs: str, images: Split = digits, more: str = "") -> list[str]:
        return [job.id for job in jobs_of(runs, images, more).jobs]

    base = ids("a: {learn: vae}")
    assert ids("b: {learn: vae}") == base
    assert ids("a: {learn: vae, objective: {beta: 2}}") != base
    assert ids("a: {learn: vae}", more="seeds: [1]") != base
    fewer = Split(digits.train.take(range(70)), digits.test)
    assert ids("a: {learn: vae}", fewer) != base
    upstream = "a: {learn: autoencoder, rate: %d}\n  b: {learn: classifier, encoder: {from: a}}"
    assert ids(upstream % 1)[1] != ids(upstream % 2)[1]


def test_draws_belong_to_the_data_and_not_to_the_run_or_seed(digits) -> None:
    other = FEW.replace("few", "other").replace("classifier", "autoencoder")
    planned = jobs_of(f"{FEW}\n  {other}", digits, "seeds: [0, 1]")
    index = {(j.name, j.seed, j.draw): j.task["train_index"] for j in planned.jobs}
    for draw in range(3):
        drawn = {tuple(index[name, s, draw]) for name in ("few", "other") for s in (0, 1)}
        assert len(drawn) == 1
    assert len({tuple(index["few", 0, draw]) for draw in range(3)}) == 3


def test_downstream_jobs_share_seed_and_draw(digits) -> None:
    runs = f"{FEW}\n  next: {FEW.removeprefix('few: ')[:-1]}, encoder: {{from: few}}}}"
    planned = jobs_of(runs, digits, "seeds: [0, 1]")
    by_id = {job.id: job for job in planned.jobs}
    for job in planned.jobs:
        for need in job.needs:
            assert (by_id[need].seed, by_id[need].draw) == (job.seed, job.draw)


def test_too_many_labels_are_refused_with_the_class_named(digits) -> None:
    with pytest.raises(ValueError, match=r"`per_class` is 60, but class '\d' has only"):
        jobs_of("few: {learn: classifier, train: {per_class: 60}}", digits)


def test_without_labels_what_needs_them_is_left_out_with_reasons(unlabelled) -> None:
    planned = jobs_of(
        f"vae: {{learn: vae}}\n  {FEW}\n  onto: {{learn: autoencoder, encoder: {{from: few}}}}",
        unlabelled,
    )
    assert {job.name for job in planned.jobs} == {"vae"}
    assert planned.left_out == (
        "run 'few': the images have no labels",
        "run 'onto': takes a part from a run that needs labels",
    )


def test_images_without_a_label_are_not_given_to_a_classifier(digits) -> None:
    labels = digits.train.labels.copy()
    labels[:5] = -1
    some = Images(digits.train.pixels, labels, digits.train.class_names)
    (job,) = jobs_of("c: {learn: classifier}", Split(some, digits.test)).jobs
    assert job.task["train_index"] == list(range(5, len(labels)))


def test_few_label_runs_train_by_updates_whatever_the_epochs_say() -> None:
    run = Run.model_validate(
        {"learn": "classifier", "train": {"per_class": 10}, "epochs": 2, "updates": 1000}
    )
    schedule = schedule_of(run, 100, (1, 5, 10), keep=True)
    assert (schedule.batches_per_epoch, schedule.updates) == (1, 1000)
    assert schedule.snapshot_at == (100, 500, 1000)
    assert len(schedule.evaluate_at) >= 20


def test_snapshots_are_at_the_ends_of_epochs_and_at_the_last_update() -> None:
    run = Run.model_validate({"learn": "vae", "epochs": 7})
    schedule = schedule_of(run, 300, (1, 5, 10), keep=True)
    assert schedule.batches_per_epoch == 3
    assert schedule.snapshot_at == (3, 15, 21)
    assert schedule.evaluate_at == (3, 6, 9, 12, 15, 18, 21)


def test_a_job_is_plain_data(digits) -> None:
    import json
    from dataclasses import asdict

    planned = jobs_of(FEW, digits)
    for job in planned.jobs:
        assert json.loads(json.dumps(asdict(job)))["id"] == job.id
        assert not job.folder.startswith(("/", ".."))


def test_a_hash_does_not_depend_on_what_images_are_called(digits) -> None:
    renamed = Split(
        *(Images(p.pixels, p.labels, p.class_names, source="elsewhere") for p in digits)
    )
    first, second = (jobs_of(FEW, images).jobs for images in (digits, renamed))
    assert [job.id for job in first] == [job.id for job in second]
    noise = numpy_stream(0, "noise").integers(0, 2, digits.train.pixels.shape, dtype="uint8")
    changed = Split(
        Images(digits.train.pixels ^ noise, digits.train.labels, digits.train.class_names),
        digits.test,
    )
    assert [job.id for job in jobs_of(FEW, changed).jobs] != [job.id for job in first]
