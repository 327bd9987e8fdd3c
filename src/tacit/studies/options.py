"""The options of the commands that run studies, each written once.

The command line is made from these classes, and everything else reads them. Nothing here costs time
to import.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tacit.report.explorer import Size

Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
DEVICES = Literal["auto", "cpu", "cuda"]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OnNodes:
    """On which machines the work is done."""

    cluster: Annotated[
        str | None,
        Parameter(
            help="Hand the work to a Ray cluster: its HOST:PORT, or local for a Ray on this "
            "machine alone. By default processes of this machine do it."
        ),
    ] = None
    shared: Annotated[
        Flag,
        Parameter(
            help="Every node of the cluster has OUT and the images under the same paths. "
            "Otherwise folders and pictures travel through Ray."
        ),
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class How(OnNodes):
    """How a study is run. No result depends on any of it but, in last digits, on the device."""

    jobs: Annotated[
        int | None,
        Parameter(
            help="How many jobs at once; no result depends on it. By default one per core (with "
            "--cluster, one per core of all nodes)."
        ),
    ] = None
    ranks: Annotated[
        int | None,
        Parameter(
            help="How many processes train each run together that learns from all images "
            "(docs/scale.md); under torchrun, as many as it started. By default as each run says, "
            "mostly 1."
        ),
    ] = None
    device: Annotated[DEVICES, Parameter(help="Where runs are trained.")] = "auto"
    dry_run: Annotated[
        Flag, Parameter(help="List the jobs with estimated time and disk, and train nothing.")
    ] = False

    explorer: Annotated[
        Size,
        Parameter(
            help="The page's explorer of the main VAE and autoencoder: with rounded weights, so "
            "that the page stays small, with all of them in float16, or none."
        ),
    ] = "small"

    @property
    def at_once(self) -> int:
        """How many jobs run at once."""
        return cores() if self.jobs is None else self.jobs


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How images are read; None where the study's own setting holds."""

    data_dir: Annotated[
        Path | None,
        Parameter(
            help="Folder that holds a named set's files; without it they are downloaded and kept."
        ),
    ] = None
    size: Annotated[int | None, Parameter(help="Make images of a folder squares of this side.")] = (
        None
    )
    channels: Annotated[
        Literal["gray", "rgb"] | None, Parameter(help="Make images of a folder gray or rgb.")
    ] = None
    skip_bad: Annotated[
        Flag, Parameter(help="Leave unreadable images of a folder out instead of stopping.")
    ] = False

    def chosen(self) -> dict[str, str]:
        """The options that were given, by their names on the command line, as they are written."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name.replace("_", "-"): _written(given[name])
            for name, default in _defaults(self)
            if given[name] != default
        }

    def words(self) -> list[str]:
        """The options that were given, as words of a command."""
        given = {f"--{name.replace('_', '-')}": getattr(self, name) for name, _ in _defaults(self)}
        words = []
        for name, text in self.chosen().items():
            value = given[f"--{name}"]
            if name == "encoder" and isinstance(value, list):
                words += [word for one in value for word in ("--encoder", str(one))]
                continue
            words += [f"--{name}"]
            if isinstance(value, list):
                words += [str(one) for one in value]
            elif value is not True:
                words += [text]
        return words


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunOptions(Reading):
    """The options of ``tacit run`` that results depend on; None where the study's own holds."""

    images: Annotated[
        str | None,
        Parameter(help="digits, mnist-5k, mnist, fashion-mnist, or a folder or file of your own."),
    ] = None
    train_size: Annotated[
        int | None, Parameter(help="Learn from so many training images, stratified by class.")
    ] = None
    remove_duplicates: Annotated[
        Flag,
        Parameter(help="Leave training images out whose copies are among the test images."),
    ] = False
    seeds: Annotated[
        int | None,
        Parameter(
            help="How many repetitions with other weights, orders and noise: seeds 0 to N-1."
        ),
    ] = None
    epochs: Annotated[
        int | None,
        Parameter(
            help="Passes over the training images; few-label runs train by updates all the same."
        ),
    ] = None
    quick: Annotated[
        Flag,
        Parameter(
            help="A first answer sooner: from at most 2,000 training images, with at most three "
            "choices of few labels, measured on fewer images. The page says so."
        ),
    ] = False
    stages: Annotated[
        int | None,
        Parameter(
            help="Only the first so many phases of runs that train in phases, as the study burda's."
        ),
    ] = None
    runs: Annotated[
        str | None,
        Parameter(
            help="Only these runs (separated by commas), what they need, and the questions about "
            "them."
        ),
    ] = None
    budgets: Annotated[
        str | None,
        Parameter(
            help="How many labels trials see in the studies label-efficiency and encoders "
            "(separated by commas), per class."
        ),
    ] = None
    draws: Annotated[
        int | None,
        Parameter(
            help="How many choices of few labels are made: by each run that learns from few, and "
            "at each budget of the studies label-efficiency and encoders."
        ),
    ] = None

    encoder: Annotated[
        list[str] | None,
        Parameter(
            negative=(),
            help="An encoder from elsewhere, timm:NAME[@FILE], onnx:FILE or features:FILE, "
            "tried by every method on codes in the studies label-efficiency and encoders, and "
            "under a classifier of few labels in the study transfer; several times for several.",
        ),
    ] = None

    @property
    def run_names(self) -> tuple[str, ...]:
        """The runs that were named; none where all are meant."""
        return () if self.runs is None else tuple(name.strip() for name in self.runs.split(","))


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LearnOptions(Reading):
    """The options of ``tacit learn`` that results depend on."""

    labels: Annotated[
        list[Path],
        Parameter(
            consume_multiple=True,
            negative=(),
            help="CSV files with the columns path (below the folder; index, from 0, of an array) "
            "and label.",
        ),
    ]
    encoder: Annotated[
        list[str] | None,
        Parameter(
            negative=(),
            help="An encoder from elsewhere, timm:NAME[@FILE], onnx:FILE or features:FILE; "
            "several times for several. What tacit would learn itself is then left out, unless "
            "--pairs names it.",
        ),
    ] = None
    include_encoder: Annotated[
        Flag,
        Parameter(
            help="Put the files of an encoder from elsewhere into the folder of the classifier "
            "that is saved; otherwise it refers to them by their hash."
        ),
    ] = False
    pairs: Annotated[
        str | None,
        Parameter(
            help="Compare these combinations of representation and method alone (separated by "
            "commas), such as vae.poisson,scratch."
        ),
    ] = None
    epochs: Annotated[
        int | None,
        Parameter(
            help="Passes over the images when representations are learned; of thousands of images, "
            "10 are enough for a first look."
        ),
    ] = None
    ask: Annotated[int, Parameter(help="How many images to name for labelling next.")] = 24
    seed: Annotated[int, Parameter(help="Of weights, orders and noise.")] = 0


def out_of_range(*options: How | Reading) -> Iterator[str]:
    """What is wrong with the numbers among the options, a line each."""
    for one in options:
        for name, value in ((field.name, getattr(one, field.name)) for field in fields(one)):
            if not isinstance(value, int) or isinstance(value, bool):
                continue
            said = f"--{name.replace('_', '-')} is {value}; it is"
            if name == "seed" and not 0 <= value < 2**31:
                yield f"{said} 0 to {2**31 - 1}"
            elif name != "seed" and value < 1:
                yield f"{said} at least 1"


def _defaults(options: Reading) -> Iterator[tuple[str, object]]:
    """Names and defaults, what a class adds to `Reading` first."""
    inherited = {field.name for field in fields(Reading)}
    for field in sorted(fields(options), key=lambda field: field.name in inherited):
        yield field.name, field.default


def _written(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "true" if value is True else str(value)
