"""Studies from Python: run one, or open one that was run; what it found are objects."""

import os
import shlex
import signal
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from numpy.typing import ArrayLike
from rich.console import Console

from tacit import notebook
from tacit.figures.sink import Figure
from tacit.images.opened import Opened
from tacit.questions.finding import Table
from tacit.report.alerts import alerts_on_top
from tacit.report.page import FIGURES, REPORT
from tacit.report.provenance import Provenance
from tacit.report.results import number, read_records
from tacit.report.summary import summary
from tacit.saved.trained import TrainedModel, load
from tacit.studies.command import perform, prepare, tell_images
from tacit.studies.description.errors import nearest
from tacit.studies.execution.executors.opening import opened
from tacit.studies.execution.stopping import Interrupted
from tacit.studies.options import How, RunOptions
from tacit.studies.provenance import Told


class StudyWarning(UserWarning):
    """A job of a study failed, or a question could not be answered; the rest is there."""


@dataclass(frozen=True)
class Picture(Figure):
    """A figure with the folder that it lies in; notebooks show it."""

    folder: Path

    @property
    def path(self) -> Path:
        """The file: an SVG of a chart, a PNG of a grid of images."""
        return self.folder / self.file

    def _repr_html_(self) -> str:
        kind = "svg+xml" if self.kind == "chart" else "png"
        return notebook.picture(self.path.read_bytes(), kind, self.alt, self.caption)


class FinishedStudy:
    """What a study found, read from its folder.

    Attributes:
        folder: the study's. environment: how it was done: images, settings, jobs, machine.
        findings: the answers, by question, in the order of the study.

    >>> study = tacit.run("transfer", images="digits")             # doctest: +SKIP
    >>> study.findings["transfer"].answer                          # doctest: +SKIP
    >>> pandas.DataFrame(study.numbers)                            # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.environment: Provenance
        self.environment, found = read_records(self.folder)
        self.findings = {
            finding.question: replace(finding, figures=tuple(map(self._picture, finding.figures)))
            for finding in found
        }

    def _picture(self, figure: Figure) -> Picture:
        return Picture(**vars(figure), folder=self.folder / FIGURES)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.environment.study

    @property
    def report(self) -> Path:
        """The page, which opens without a network."""
        return self.folder / REPORT

    @cached_property
    def tables(self) -> dict[str, tuple[Table, ...]]:
        """The tables, by question."""
        return {question: finding.tables for question, finding in self.findings.items()}

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The figures, by name."""
        return {figure.name: figure for one in self.findings.values() for figure in one.figures}

    @cached_property
    def measurements(self) -> dict[str, Path]:
        """CSV files of numbers per image, by name."""
        return {path.stem: path for path in sorted((self.folder / "tables").glob("*.csv"))}

    @property
    def numbers(self) -> list[dict[str, object]]:
        """Every measured number with its interval: a row for each, as data frames take them."""
        return [
            {"question": question, "name": name, **number(measured)}
            for question, finding in self.findings.items()
            for name, measured in finding.numbers.items()
        ]

    @property
    def failed(self) -> Mapping[str, str]:
        """Jobs that failed or were blocked, and questions without an answer, with the cause."""
        return {
            job.name: job.cause
            for job in self.environment.jobs
            if job.status in ("failed", "blocked")
        }

    def load(
        self, run: str, *, seed: int | None = None, draw: int = 0, epoch: int | None = None
    ) -> TrainedModel:
        """A trained run as a model, as `tacit.load` gives it."""
        return load(self.folder, run, seed=seed, draw=draw, epoch=epoch)

    def __repr__(self) -> str:
        return f"FinishedStudy({str(self.folder)!r}): {self._counted()}"

    def __str__(self) -> str:
        findings = tuple(self.findings.values())
        told = [line for line, _ in summary(alerts_on_top(self.environment, findings), findings)]
        told += [f"{name}: failed: {cause}" for name, cause in self.failed.items()]
        return "\n".join([self.environment.title, "", *told, f"Report: {self.report}"])

    def _repr_html_(self) -> str:
        shown = notebook.paragraph(self.environment.title, "h3")
        shown += notebook.paragraph(f"{self._counted()}; the page: {self.report}")
        for name, cause in self.failed.items():
            shown += notebook.paragraph(f"failed: {name}: {cause}", "strong")
        return shown + "".join(finding._repr_html_() for finding in self.findings.values())

    def _counted(self) -> str:
        images = self.environment.images
        return (
            f"{len(self.findings)} answered, {len(self.failed)} failed; {images.source}, "
            f"{images.train:,} images to learn from, {images.test:,} to test on"
        )


def run(
    study: str | os.PathLike[str] = "inference",
    *,
    images: str | os.PathLike[str] | ArrayLike | tuple[ArrayLike, ArrayLike] | Opened | None = None,
    out: str | os.PathLike[str] = "tacit-out",
    progress: bool = True,
    **options: object,
) -> FinishedStudy:
    """Train and measure a study, write its page, and give what it found.

    It is ``tacit run``: the same call goes on where it stopped, and finished jobs are used again.

    Args:
        study: a built-in study's name, or a YAML file.
        images: a named set, a folder or a file; arrays: images, or (images, labels), split into
            training and test images by content; or what `tacit.open_images` gave. By default the
            study's own.
        out: results go to OUT/STUDY.
        progress: show on the error stream how it goes.
        options: those of ``tacit run``, such as ``seeds=3``, ``epochs=10``, ``train_size=1000``,
            ``draws``, ``runs``, ``encoder`` (one or several), ``jobs``, ``device`` and
            ``explorer`` (`studies.options`), with their defaults.

    Raises:
        TypeError: an option that there is not.
        StudyError, ImagesError, FolderError: what cannot be used, and why.
        KeyboardInterrupt: on SIGINT, after running jobs have kept their state.

    Warns:
        StudyWarning: a job failed; the others are done and answered.
    """
    ours = {field.name for field in fields(How)} - {"dry_run"}
    theirs = {field.name for field in fields(RunOptions)} - {"images"}
    for name in options:
        if name not in ours | theirs:
            raise TypeError(f"tacit.run has no option '{name}'" + nearest(name, ours | theirs))
    named, held = (images, None) if isinstance(images, str | os.PathLike) else (None, images)
    asked = {name: value for name, value in options.items() if name in theirs}
    if isinstance(asked.get("encoder"), str):  # one, which would be taken for its characters
        asked["encoder"] = [asked["encoder"]]
    chosen = RunOptions(images=None if named is None else os.fspath(named), **asked)  # type: ignore[arg-type]
    how = How(**{name: value for name, value in options.items() if name in ours})  # type: ignore[arg-type]
    console = Console(file=sys.stderr, quiet=not progress)
    try:
        prepared = prepare(os.fspath(study), chosen, how, Path(out), images=held)
        words = ["tacit", "run", os.fspath(study), *chosen.words()]
        tell_images(prepared, console)
        command = shlex.join(words)
        if held is not None:
            command += "  # from Python, on images in memory"
        told = Told(command, chosen.chosen(), how.explorer)
        with opened(how, prepared.device) as executor:
            ended = perform(prepared, told, console, executor)
    except Interrupted as stop:
        if stop.signum == signal.SIGINT:
            raise KeyboardInterrupt(f"{stop}; the same call goes on") from None
        raise SystemExit(128 + stop.signum) from None
    finished = FinishedStudy(ended.report.parent)
    if not ended.whole:
        causes = "; ".join(f"{name}: {cause}" for name, cause in finished.failed.items())
        warnings.warn(f"study '{finished.name}' is not whole: {causes}", StudyWarning, stacklevel=2)
    return finished


def open_study(folder: str | os.PathLike[str]) -> FinishedStudy:
    """A study that was run before, such as ``tacit-out/inference``.

    Raises:
        FileNotFoundError: the folder holds no study that came to its page.
        ValueError: a record of it is damaged.
    """
    return FinishedStudy(folder)
