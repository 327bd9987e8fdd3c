"""A finished run of a study as a model with what is known of it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from tacit.encoders.laid import laid_by, mean_and_scale, read_laid
from tacit.files import Damaged, read_record, verify_file
from tacit.images.bounded import shown
from tacit.images.dataset import Images
from tacit.images.shared import read_images
from tacit.models.config import Table
from tacit.models.parts import read_features_as_given
from tacit.saved.about import About, Data, Elsewhere, measured_at
from tacit.saved.folder import Saved
from tacit.saved.form import Form
from tacit.studies.description.errors import errors_of, nearest
from tacit.studies.description.spec import Name
from tacit.training.checkpoint import snapshot_path
from tacit.training.run_folder import SavedRun, sums_of

INDEX = "study.json"


def runs_of(folder: Path) -> list[str]:
    """The names of a study's runs.

    Raises:
        FileNotFoundError: the folder holds no study.
    """
    return list(_index(folder))


def read_run(
    folder: Path,
    run: str,
    *,
    seed: int | None = None,
    draw: int = 0,
    epoch: int | None = None,
) -> Saved:
    """A finished run, its files as they were written.

    Args:
        folder: the study's.
        run, seed, draw: which run; the first seed by default.
        epoch: the snapshot of that epoch; the final model by default.

    Raises:
        FileNotFoundError: the folder holds no study, or the run is not finished.
        Damaged: a file is not what was written.
        ValueError: there is no such run, seed, draw or snapshot, with the choices.
    """
    runs = _index(folder)
    if run not in runs:
        raise ValueError(f"{shown(folder)} has no run '{run}'" + nearest(run, runs))
    seed = runs[run][0].seed if seed is None else seed
    found = [job for job in runs[run] if (job.seed, job.draw) == (seed, draw)]
    if not found:
        seeds, draws = {job.seed for job in runs[run]}, {job.draw for job in runs[run]}
        raise ValueError(
            f"run '{run}' has no seed {seed} with draw {draw}; "
            f"seeds: {sorted(seeds)}, draws: {sorted(draws)}"
        )
    own = folder / found[0].folder
    if not own.resolve().is_relative_to(folder.resolve()):
        raise Damaged(f"{shown(own)} leads out of the study's folder")
    if not (own / "done.json").exists():
        raise FileNotFoundError(f"run '{run}' is not finished; run the study again to go on")
    _verify(own, [own / "job.json", own / "history.json"])
    saved = _saved_run(own)
    if epoch is not None and epoch not in saved.snapshots:
        raise ValueError(
            f"run '{run}' kept no snapshot of epoch {epoch}; it kept {sorted(saved.snapshots)}"
        )
    update = None if epoch is None else saved.snapshots[epoch]
    _verify(own, [own / "model.safetensors" if update is None else snapshot_path(own, update)])
    train = read_images(folder / "images").train
    training: dict[str, int | float | str] = {
        "run": run,
        "seed": seed,
        "draw": draw,
        "updates": saved.schedule.updates if update is None else update,
        "batch size": saved.schedule.batch_size,
        "rate": saved.schedule.rate,
    }
    if saved.config.learn == "vae":
        training |= {"objective": saved.objective_table.kind, "beta": saved.beta}
    if saved.config.learn == "contrastive":
        training |= {"objective": saved.objective_table.kind}
    if saved.begun is not None:
        training |= {"weights before": saved.begun}
    model, encoder = saved.model(update), None
    if (key := saved.config.features) is not None:
        read_features_as_given(model, *mean_and_scale(read_laid(folder / "images", key)[0]))
        encoder = Elsewhere.model_validate(laid_by(folder / "images", key))
    about = About(
        model=saved.config,
        classes=train.class_names if saved.config.n_classes else (),
        data=_data(folder, train, saved),
        training=training,
        measured=measured_at(saved.history, update),
        encoder=encoder,
    )
    return Saved(model, Form("nchw", saved.config.shape), about)


class _Place(Table):
    """One repetition of a run, and where it lies."""

    seed: int
    draw: int
    folder: Annotated[str, Field(pattern=r"^jobs/[a-z0-9][a-z0-9-]{0,200}$")]


_RUNS = TypeAdapter(dict[Name, Annotated[list[_Place], Field(min_length=1)]])


def _index(folder: Path) -> dict[str, list[_Place]]:
    index = folder / INDEX
    if not index.exists():
        raise FileNotFoundError(f"{shown(folder)} holds no study: {INDEX} is missing")
    try:
        runs = read_record(index).get("runs")
        return _RUNS.validate_python(runs, strict=True)
    except ValidationError as error:
        errors = "; ".join(errors_of(error, runs))
        raise Damaged(f"{shown(index)} names runs that no study has: {errors}") from None


def _saved_run(folder: Path) -> SavedRun:
    """A run whose records have the form that they were written in."""
    try:
        saved = SavedRun(folder)
        if not all(type(update) is int for update in saved.history.snapshots):
            raise ValueError(f"its snapshots are {saved.history.snapshots}")
        return saved
    except Damaged:
        raise
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Damaged(f"{shown(folder)} holds no run of a study, or a damaged one") from None


def _verify(folder: Path, files: list[Path]) -> None:
    sums = sums_of(folder)
    for file in files:
        try:
            verify_file(file, sums.get(file.relative_to(folder).as_posix()))
        except Damaged:
            raise Damaged(f"{shown(file)} is not what was written; run the study again") from None


def _data(folder: Path, train: Images, saved: SavedRun) -> Data:
    if saved.train_index is None:
        return Data(
            source=train.source,
            n=len(train),
            sha256=read_record(folder / "images" / "train.json")["sha256"],
        )
    taken = train.take(saved.train_index)
    return Data(source=f"{len(taken):,} of {train.source}", n=len(taken), sha256=taken.sha256)
