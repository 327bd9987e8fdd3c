"""How a study was done: everything that the last part of the page says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImagesUsed:
    """The images of a study.

    Attributes:
        source: their name, or the folder they came from.
        sha256: the hash of their content.
        train, test: how many there are.
        shape: channels, height, width.
        classes: how many classes; 0 without labels.
        licence, citation: as the source states them; "" where nothing is known.
        notes: what was converted, skipped or found twice.
        how_read: those of the notes that say how the images were read, which is no alert.
    """

    source: str
    sha256: str
    train: int
    test: int
    shape: tuple[int, int, int]
    classes: int = 0
    licence: str = ""
    citation: str = ""
    notes: tuple[str, ...] = ()
    how_read: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingUsed:
    """One setting: its name, its value, and where that comes from.

    Attributes:
        origin: "the report's text", "assumed", "given on the command line", "the study's file", …
        why: a sentence more, where there is something to say.
    """

    name: str
    value: str
    origin: str
    why: str = ""


@dataclass(frozen=True)
class LayerUsed:
    """One layer of a network, with what follows it without weights of its own.

    Attributes:
        part: of the model: "encoder", "decoder", …
        what: in words ("convolution 3×3, stride 2, ReLU").
        shape: of what it gives, without the batch.
        parameters: how many numbers it learns.
    """

    part: str
    what: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class RunUsed:
    """One run of the study.

    Attributes:
        learns: what it learns, in words ("VAE, one encoder for all images").
        parts: where its parts come from ("encoder from autoencoder, frozen"); "" if all are new.
        trained: on how much and how long ("20,000 images, 30 epochs of batches of 128").
        beta: the weight of the KL term; None where there is none.
        sigma: the standard deviation of the Gaussian likelihood, on pixels in [0, 1]; None where
            there is none.
        parameters: how many numbers are learned; None where that is not known.
        seconds: what learning took, the mean over seeds and draws, or encoding these images; None
            where that is not known.
        layers: of its model, in the order in which an image passes them.
    """

    name: str
    learns: str
    parts: str = ""
    trained: str = ""
    beta: float | None = None
    sigma: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    layers: tuple[LayerUsed, ...] = ()


@dataclass(frozen=True)
class JobDone:
    """One job: what it cost, or why it did not finish.

    Attributes:
        name: such as "few-classifier · seed 0 · draw 3".
        status: "done", "reused", "failed" or "blocked".
        seconds: how long it took; None where it did not run.
        images_per_second: throughput of training; None where nothing was trained.
        cause: why it failed, or what blocked it.
        where: the node of a cluster that did it; "" at home.
    """

    name: str
    status: str
    seconds: float | None = None
    images_per_second: float | None = None
    cause: str = ""
    where: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Something that the study would have held, and why it does not."""

    what: str
    why: str


@dataclass(frozen=True)
class StillTraining:
    """A run whose training had not finished.

    Attributes:
        run: its name.
        share, times: see `tacit.measures.unfinished.StillFalling`.
        alert: what its question says of it.
    """

    run: str
    share: float
    times: float | None
    alert: str


@dataclass(frozen=True)
class Provenance:
    """Everything about a study that is no finding.

    Attributes:
        study: the study's name.
        title: its title.
        expects: what was studied and what to expect, in one sentence.
        images: what was learned from.
        command: the command that makes all of this again.
        seeds: the seeds of all runs.
        draws: the largest number of draws of few labels; 0 without few labels.
        settings, runs, jobs: see their classes.
        versions: by name, of Python and of the packages that results depend on.
        machine: processor, cores, threads per job, device.
        warnings: what was noticed on the way.
        left_out: what is missing, and why.
        cover: the name of a figure that stands on its question's card; by default the first does.
        unfinished: runs whose training had not finished.
    """

    study: str
    title: str
    expects: str
    images: ImagesUsed
    command: str
    seeds: tuple[int, ...]
    draws: int = 0
    settings: tuple[SettingUsed, ...] = ()
    runs: tuple[RunUsed, ...] = ()
    jobs: tuple[JobDone, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    machine: str = ""
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    cover: str = ""
    unfinished: tuple[StillTraining, ...] = ()
