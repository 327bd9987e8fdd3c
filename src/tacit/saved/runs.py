"""A finished run of a study as a model with what is known of it."""

from pathlib import Path
from typing import Any

from tacit.files import Damaged, file_sha256, read_record
from tacit.images.bounded import shown
from tacit.images.dataset import Images
from tacit.saved.about import About, Data, measured_at
from tacit.saved.folder import Saved
from tacit.saved.form import Form
from tacit.studies.faults import nearest
from tacit.studies.work import read_images
from tacit.training.checkpoint import snapshot_path
from tacit.training.saved import SavedRun, sums_of

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
    seed = runs[run][0]["seed"] if seed is None else seed
    found = [job for job in runs[run] if (job["seed"], job["draw"]) == (seed, draw)]
    if not found:
        seeds, draws = ({job[key] for job in runs[run]} for key in ("seed", "draw"))
        raise ValueError(
            f"run '{run}' has no seed {seed} with draw {draw}; "
            f"seeds: {sorted(seeds)}, draws: {sorted(draws)}"
        )
    own = folder / found[0]["folder"]
    if not (own / "done.json").exists():
        raise FileNotFoundError(f"run '{run}' is not finished; run the study again to go on")
    _verify(own, [own / "job.json", own / "history.json"])
    saved = SavedRun(own)
    if epoch is not None and epoch not in saved.snapshots:
        raise ValueError(
            f"run '{run}' kept no snapshot of epoch {epoch}; it kept {sorted(saved.snapshots)}"
        )
    update = None if epoch is None else saved.snapshots[epoch]
    _verify(own, [own / "model.safetensors" if update is None else snapshot_path(own, update)])
    train = read_images(folder / "images").train
    about = About(
        model=saved.config,
        classes=train.class_names if saved.config.n_classes else (),
        data=_data(folder, train, saved),
        training={
            "run": run,
            "seed": seed,
            "draw": draw,
            "updates": saved.schedule.updates if update is None else update,
            "batch size": saved.schedule.batch_size,
            "rate": saved.schedule.rate,
        }
        | ({"objective": saved.objective_table.kind} if saved.config.learn == "vae" else {})
        | ({"beta": saved.beta} if saved.config.learn == "vae" else {}),
        measured=measured_at(saved.history, update),
    )
    return Saved(saved.model(update), Form("nchw", saved.config.shape), about)


def _index(folder: Path) -> dict[str, list[dict[str, Any]]]:
    index = folder / INDEX
    if not index.exists():
        raise FileNotFoundError(f"{shown(folder)} holds no study: {INDEX} is missing")
    runs: dict[str, list[dict[str, Any]]] = read_record(index)["runs"]
    return runs


def _verify(folder: Path, files: list[Path]) -> None:
    sums = sums_of(folder)
    for file in files:
        name = file.relative_to(folder).as_posix()
        if not file.is_file() or file_sha256(file) != sums.get(name):
            raise Damaged(f"{shown(file)} is not what was written; run the study again")


def _data(folder: Path, train: Images, saved: SavedRun) -> Data:
    if saved.train_index is None:
        return Data(
            source=train.source,
            n=len(train),
            sha256=read_record(folder / "images" / "train.json")["sha256"],
        )
    taken = train.take(saved.train_index)
    return Data(source=f"{len(taken):,} of {train.source}", n=len(taken), sha256=taken.sha256)
