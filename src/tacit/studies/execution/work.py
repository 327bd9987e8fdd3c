"""What a worker process does with one job: plain data in, files in the job's own folder out."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from threadpoolctl import ThreadpoolController

from tacit.encoders.inputs import read_inputs
from tacit.encoders.laid import read_laid, with_features
from tacit.encoders.opening import open_encoder
from tacit.encoders.timm import TimmEncoder
from tacit.errors import EncoderError
from tacit.evidence.checkpoint import check_kept
from tacit.files import (
    Damaged,
    NotWritten,
    read_json,
    write_atomically,
    write_json,
    write_record,
)
from tacit.images.dataset import UNLABELLED, Images, Split
from tacit.images.shared import Notice, read_images
from tacit.models.config import ModelConfig, build
from tacit.models.models import VAE, Autoencoder, Contrastive, Model
from tacit.models.parts import copy_part, freeze, part_of
from tacit.models.pretrained import PretrainedEncoder
from tacit.progress import tell, watched
from tacit.questions.base import Measurement, Runs, Trainable
from tacit.questions.registry import QUESTIONS
from tacit.streams import seeded_initialisation
from tacit.studies.execution.holding import working
from tacit.studies.execution.stopping import end_with_parent, listen_in_worker
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.examples import Chosen, Examples
from tacit.training.loop import fit
from tacit.training.objectives import objective_of, read_objective
from tacit.training.pages import keep_pages
from tacit.training.ranks import ALONE, RankLost, Ranks
from tacit.training.ranks.joining import Seat, joined
from tacit.training.ranks.ranks import keep_own_rows
from tacit.training.run_folder import (
    KEPT,
    TIMES,
    SavedRun,
    seal,
    times_of,
    write_job,
    write_trained,
)
from tacit.training.schedule import Schedule

PIXELS_AT_ONCE = 2**24
"""As floats, 64 MiB."""

SECONDS_TO_NOTICE = 2.0

THOUSANDTHS = 1000
"""In so many parts the progress of a measurement is told."""

SECONDS_WORTH_SYNCING = 10.0
"""A job that took longer returns when its result is on the disk, which takes a twentieth of a
second or so; of shorter ones, a power cut may cost the last half minute."""


def assemble(
    config: ModelConfig,
    seed: int,
    taken: list[dict[str, Any]],
    out: Path,
    mean: torch.Tensor | None = None,
    begun: dict[str, str] | None = None,
) -> Model:
    """A new model from its seed, with the parts it takes from finished jobs.

    `mean` is the image, (C, H, W), at which the decoder's output starts, if any; `begun` names the
    encoder from elsewhere whose weights the own one begins with.
    """
    # The names of streams do not tell runs apart: equal architectures start from equal weights.
    with seeded_initialisation(seed):
        model = build(config)
    if mean is not None and isinstance(model, Autoencoder | VAE):
        model.decoder.set_output_bias(mean)
    for part in taken:
        upstream = SavedRun(out / part["folder"])
        source = part_of(upstream.model(), part["part"])
        target = part_of(model, part["part"])
        copy_part(source, target, f"the {part['part']} taken from '{upstream.run}'")
        if part["frozen"]:
            freeze(target)
    if begun is not None:
        _begin(model, begun["source"], begun["key"])
    if isinstance(model, Contrastive):
        model.follow(momentum=0)  # averages start at what was taken
    return model


def train(
    job: dict[str, Any],
    out: Path,
    images: Split,
    *,
    device: str,
    stop: Callable[[], bool],
    report: Callable[[int, int, float], None],
    notice: Notice = lambda text: None,
    ranks: Ranks = ALONE,
) -> None:
    """Train one run, or go on where it stopped, and seal its folder.

    Several ranks each do this; the first alone writes.
    """
    task = job["task"]
    folder = out / job["folder"]
    config, begun = ModelConfig.model_validate(task["config"]), task.get("begun")
    if config.features is not None:
        images = with_features(images, out / "images", [config.features])
    objective = read_objective(task["objective"])
    schedule = Schedule.from_json(task["schedule"])
    index = None if task["train_index"] is None else np.array(task["train_index"])
    if ranks.is_first:
        write_job(
            folder,
            run=job["name"],
            seed=job["seed"],
            draw=job["draw"],
            config=config,
            objective=objective,
            schedule=schedule,
            train_index=index,
            begun=begun and begun["words"],
        )
    learned = Chosen(images.train, np.arange(len(images.train)) if index is None else index)
    mean = mean_image(learned) if task["output_bias"] == "training-mean" else None
    model = assemble(config, job["seed"], task["taken"], out, mean, begun)
    keep_own_rows(model, ranks)  # before the device has those of all images
    model = model.to(device)
    checkpointer = FolderCheckpointer(
        folder,
        stop=stop,
        report=lambda update, loss: report(update, schedule.updates, loss),
        notice=notice,
        ranks=ranks,
    )
    spent = Spent(folder)
    try:
        history = fit(
            model,
            objective_of(config, objective),
            learned,
            schedule,
            seed=job["seed"],
            test=_testable(config, images.test),
            checkpointer=checkpointer,
            ranks=ranks,
        )
    except Stopped:
        if ranks.is_first:
            spent.write(spent.until_now())
        raise
    if not ranks.is_first:
        return
    times = spent.until_now()
    write_trained(folder, model.cpu(), history)
    seen = schedule.updates * min(schedule.batch_size, schedule.n_images)
    known: dict[str, Any] = {"images_per_second": seen / times["seconds"]}
    if ranks.size > 1:
        known["where"] = f"{ranks.size} ranks"
    spent.write({**times, "updates": schedule.updates, **known})
    seal(folder, durable=times["seconds"] > SECONDS_WORTH_SYNCING)


class Spent:
    """The time that a job takes, with what it had taken before it was stopped, in its times.json.

    What a killed job had done is not known. Seconds of processors tell work from waiting, where
    other programs have the machine too.
    """

    def __init__(self, folder: Path) -> None:
        self._file, before = folder / TIMES, times_of(folder)
        self._since = time.perf_counter() - float(before.get("seconds", 0.0))
        self._cpu_since = time.process_time() - float(before.get("cpu_seconds", 0.0))

    def until_now(self) -> dict[str, float]:
        """As they are kept: ``seconds`` on the wall and ``cpu_seconds``."""
        wall, cpu = time.perf_counter() - self._since, time.process_time() - self._cpu_since
        return {"seconds": wall, "cpu_seconds": cpu}

    def write(self, times: dict[str, Any]) -> None:
        write_record(self._file, times, durable=False)


def mean_image(images: Examples) -> torch.Tensor:
    """The mean of the images, (C, H, W), in [0, 1]."""
    total = np.zeros(images.scaled(np.arange(1)).shape[1:])
    rows = max(1, min(4096, PIXELS_AT_ONCE // total.size))
    for first in range(0, len(images), rows):
        index = np.arange(first, min(first + rows, len(images)))
        total += images.scaled(index).sum(axis=0, dtype=np.float64)
    return torch.from_numpy(total / len(images)).float()


def _testable(config: ModelConfig, test: Images) -> Chosen | None:
    """The test images that the curves can look at."""
    known = np.arange(len(test))
    if config.learn == "classifier" and test.labels is not None:
        known = np.flatnonzero(test.labels != UNLABELLED)
    return Chosen(test, known) if len(known) else None


def measure(
    job: dict[str, Any],
    out: Path,
    images: Split,
    *,
    report: Callable[[int, int, float], None] = lambda done, of, loss: None,
    notice: Notice = lambda text: None,
) -> None:
    """Measure one question on the models of one seed, or go on where that stopped.

    report: told as in training how many thousandths are done, with no loss.
    """
    task = job["task"]
    folder = out / job["folder"]
    keep = folder / KEPT
    keep.mkdir(exist_ok=True)
    for kept in keep.rglob("*.safetensors"):
        try:
            check_kept(kept)
        except Damaged as error:
            kept.unlink()
            notice(f"{error}: it is measured again")
    question = QUESTIONS[task["question"]].model_validate(task["arguments"])
    saved = {name: [SavedRun(out / f) for f in folders] for name, folders in task["runs"].items()}
    read = {run.config.features for each in saved.values() for run in each} - {None}
    images = with_features(images, out / "images", sorted(filter(None, read)))
    runs = Runs(
        job["seed"],
        images.train,
        images.test,
        saved,
        keep,
        lambda encoder: read_laid(out / "images", task["features"][encoder]),
        lambda encoder: _trainable(encoder, task["features"][encoder], out, len(images.train)),
    )
    spent = Spent(folder)
    with watched(lambda share: report(round(THOUSANDTHS * share), THOUSANDTHS, math.nan)):
        tell(0)
        found = question.measure(runs)
    times = spent.until_now()
    write_json(folder / "values.json", found.values, durable=False)
    arrays = {name: np.asarray(array, order="C") for name, array in found.arrays.items()}
    write_atomically(
        folder / "arrays.safetensors", lambda file: save_file(arrays, file), durable=False
    )
    spent.write(times)
    seal(folder, durable=times["seconds"] > SECONDS_WORTH_SYNCING)


def _begin(model: Model, source: str, key: str) -> None:
    """Let a model's encoder, and averages of it, begin with the weights of one from elsewhere."""
    encoder = part_of(model, "encoder")
    assert isinstance(encoder, PretrainedEncoder)
    encoder.network.load_state_dict(_opened(source, key).module.state_dict())
    if isinstance(model, Contrastive) and model.average is not None:
        model.average[0].load_state_dict(encoder.features.state_dict())


def _opened(source: str, key: str) -> TimmEncoder:
    """An encoder from elsewhere with a network, opened here.

    Raises:
        EncoderError: it is not what it was when the study was planned.
    """
    encoder = open_encoder(source)
    if encoder.about.key != key or not isinstance(encoder, TimmEncoder):
        raise EncoderError(f"encoder '{source}' changed while the study ran; run it again")
    return encoder


def _trainable(source: str, key: str, out: Path, n_train: int) -> Trainable:
    """The network of an encoder from elsewhere, and what it reads of the images.

    Raises:
        EncoderError: as `_opened`.
    """
    encoder = _opened(source, key)
    return Trainable(encoder.network(), *read_inputs(out / "images", encoder.about, n_train))


def read_measurement(folder: Path) -> Measurement:
    """What `measure` wrote.

    Raises:
        Damaged: if a file is not what was written.
    """
    try:
        arrays = load_file(folder / "arrays.safetensors")
    except SafetensorError as error:
        raise Damaged(f"{folder / 'arrays.safetensors'} is damaged: {error}") from None
    return Measurement(read_json(folder / "values.json"), dict(arrays))


def perform(
    job: dict[str, Any],
    out: str,
    device: str,
    messages: Connection,
    seat: Seat | None = None,
) -> None:
    """The body of a worker process: do one job and say how it went.

    seat: of one that several processes do; the first of them says how it gets on.
    """
    stopping = False
    saying = threading.Lock()

    def say(*message: Any) -> None:
        with saying:
            messages.send(message)

    def lost(cause: str) -> None:
        # What waits for a rank that is gone is mostly told so, and says it itself.
        time.sleep(SECONDS_TO_NOTICE)
        say("failed", cause, "", True)
        os._exit(1)

    def on_terminate(signum: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    # A measurement that is stopped loses what it had not kept yet, and nothing else.
    listen_in_worker(on_terminate if job["kind"] == "train" else None)
    told = 0.0
    is_first = seat is None or seat.rank == 0

    def report(update: int, updates: int, loss: float) -> None:
        nonlocal told
        now = time.monotonic()
        if is_first and (now - told > 0.2 or update == updates):
            told = now
            say("progress", update, updates, loss)

    def notice(text: str) -> None:
        if is_first:
            say("noticed", text)

    try:
        keep_pages()
        torch.set_num_threads(job["task"]["threads"])
        # NumPy's and SciPy's linear algebra has threads of its own.
        linear_algebra().limit(limits=job["task"]["threads"])
        root = Path(out)
        with working(root), noticing(notice):
            end_with_parent()
            if is_first:
                (root / job["folder"]).mkdir(parents=True, exist_ok=True)
            images = read_images(root / "images")
            if job["kind"] != "train":
                measure(job, root, images, report=report, notice=notice)
            elif not _trained(
                partial(train, job, root, images, report=report, notice=notice),
                seat,
                device,
                lambda: stopping,
                lost,
            ):
                say("stopped")
                return
        say("done")
    except BrokenPipeError:
        os._exit(1)  # the process that asked for this job is gone
    except Exception as error:
        import traceback

        by_another = isinstance(error, RankLost)
        cause = str(error) if by_another else cause_of(error)
        say("failed", cause, traceback.format_exc(), by_another)
        if seat is not None:
            os._exit(1)  # PyTorch's group would wait for ranks that are gone
    finally:
        messages.close()


def _trained(
    training: Callable[..., None],
    seat: Seat | None,
    device: str,
    stop: Callable[[], bool],
    lost: Callable[[str], None],
) -> bool:
    """Train, alone or with others; False where that was stopped."""
    if seat is not None and device == "cuda":
        device = f"cuda:{seat.local}"
    with joined(seat, device, lost) as ranks:
        try:
            training(device=device, stop=stop, ranks=ranks)
        except Stopped:  # by all ranks at once: none of them is lost
            return False
    return True


@contextmanager
def noticing(notice: Notice) -> Iterator[None]:
    """What tacit's modules log in this block, from INFO up, is noticed once each."""
    said: set[str] = set()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if text not in said:
                said.add(text)
                notice(text)

    logger, handler = logging.getLogger("tacit"), Handler()
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


@cache
def linear_algebra() -> ThreadpoolController:
    """The libraries whose threads can be set; to look for them takes a hundredth of a second."""
    return ThreadpoolController()


def cause_of(error: Exception) -> str:
    """Why a job failed, in one line."""
    if isinstance(error, NotWritten):
        return str(error)
    said = type(error).__name__
    if text := str(error).strip():
        said += f": {text.splitlines()[0]}"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return f"no memory was left ({said}); fewer --jobs at once need less"
    return said
