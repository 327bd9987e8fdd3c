"""The built-in studies, trained for two epochs on a few digits, for the questions to look at."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from sentences import numbers_in
from tacit.figures.sink import Figures
from tacit.images import shared as shared_images
from tacit.images.dataset import Split
from tacit.images.sources import open_images
from tacit.images.splits import stratified_subset
from tacit.measures.formatting import show
from tacit.measures.number import Number
from tacit.questions.base import Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.verdicts import MOST_NUMBERS, MOST_WORDS, words_in
from tacit.streams import numpy_stream
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
from tacit.studies.description.spec import FewLabels, Run, Study
from tacit.studies.execution import work
from tacit.studies.execution.plan import plan
from tacit.training.run_folder import SavedRun

SEEDS = (0, 1)


@dataclass(frozen=True)
class Trained:
    """A built-in study's runs, trained with seeds 0 and 1.

    Attributes:
        folder: where they lie. images: what they learned from.
        study: the study, with fewer epochs, updates and draws than the built-in one.
    """

    folder: Path
    images: Split
    study: Study

    def runs(self, question: Question, seed: int = 0) -> Runs:
        """What `question.measure` gets."""
        saved = {
            name: [
                SavedRun(folder)
                for folder in sorted((self.folder / "jobs").glob(f"{name}-s{seed}-d[0-9]*-*"))
            ]
            for name in question.needs()
        }
        return Runs(seed, self.images.train, self.images.test, saved)

    def setting(self, figures: Path, question: str = "asked") -> Setting:
        """What `question.answer` gets."""
        train = self.images.train
        return Setting(
            question=question,
            figures=Figures(figures),
            class_names=train.class_names,
            n_train=len(train),
            n_test=len(self.images.test),
            source="digits",
        )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """``trained("inference")`` and ``trained("transfer")``; each is trained once a session."""
    # pytest-xdist gives each of its processes a folder below a common one.
    common = tmp_path_factory.getbasetemp()
    if common.name.startswith("popen-"):
        common = common.parent
    known: dict[str, Trained] = {}

    def get(name: str) -> Trained:
        if name not in known:
            with FileLock(common / f"trained-{name}.lock"):
                known[name] = train_small(name, common / f"trained-{name}")
        return known[name]

    return get


def train_small(name: str, folder: Path) -> Trained:
    """Train a built-in study's runs on a few digits, unless they lie in `folder` already."""
    opened = open_images("digits", train_size=160)
    assert opened.test.labels is not None
    few = stratified_subset(opened.test.labels, 100, numpy_stream(0, "few test images"))
    images = Split(opened.train, opened.test.take(few))
    text = study_text(name)[1].split("\nquestions:")[0]
    study = parse(text, name)[0]
    small = {
        "seeds": SEEDS,
        "snapshots": (1, 2),
        "runs": {run_name: smaller(run) for run_name, run in study.runs.items()},
    }
    study = study.model_copy(update=small)
    if not (folder / "trained").exists():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        shared_images.write_images(folder / "images", images)
        for job in plan(study, (), images).jobs:
            (folder / job.folder).mkdir(parents=True)
            work.train(
                asdict(job),
                folder,
                images,
                device="cpu",
                stop=lambda: False,
                report=lambda update, updates, loss: None,
            )
        torch.set_num_threads(threads)
        (folder / "trained").touch()
    return Trained(folder, images, study)


def smaller(run: Run) -> Run:
    """The same run, with two epochs, few updates and two draws."""
    few = run.train and FewLabels(per_class=3, draws=min(2, run.train.draws))
    return run.model_copy(update={"epochs": 2, "updates": 8 if few else 0, "train": few})


AMOUNT = r"[+−-]?\d[\d,.]*(?:e[-+]\d+)?"
WITH_INTERVAL = re.compile(rf"({AMOUNT})(?: [%a-zA-Z²/ ]+?)? \(({AMOUNT}) to ({AMOUNT})\)")
LONG = re.compile(r"\b(?:0\.0*[1-9]\d{5,}|[1-9][\d,]*\.\d{5,}|\d\.\d{3,}e[-+]\d+)")


def said_but_not_measured(found: Finding) -> list[str]:
    """Numbers with intervals in the words of a finding that are none of its numbers or tables.

    Whatever unit or sign they are told in. Also those with more digits than anybody reads.
    """
    cells = [cell for table in found.tables for row in table.rows for cell in row]
    known = {amounts for cell in cells if isinstance(cell, str) for amounts in _told(cell)}
    for number in (*found.numbers.values(), *cells):
        if isinstance(number, Number) and number.value is not None:
            for scaled in (number, number.scaled(-1, ""), number.scaled(100, "")):
                known |= {*_told(show(scaled)), *_told(show(-scaled))}
    words = [found.answer, found.headline, found.decided_by, *found.alerts]
    words += [text for figure in found.figures for text in (figure.caption, figure.alt)]
    said = [amounts for text in words for amounts in _told(text)]
    return [" ".join(amounts) for amounts in said if amounts not in known] + [
        text for told in words for text in LONG.findall(told)
    ]


def _told(text: str) -> list[tuple[str, ...]]:
    """Value and ends of every number with an interval, without plus signs."""
    return [
        tuple(amount.replace("−", "-").lstrip("+") for amount in amounts)
        for amounts in WITH_INTERVAL.findall(text)
    ]


@pytest.fixture(autouse=True)
def _findings_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every finding that a test of this folder makes; and its words agree with its numbers."""
    of = Question.answer

    def answer(self: Question, *args: object, **kwargs: object) -> Finding:
        found = of(self, *args, **kwargs)  # type: ignore[arg-type]
        assert found.headline.endswith("."), found.headline
        assert words_in(found.headline) <= MOST_WORDS, found.headline
        assert numbers_in(found.headline) <= MOST_NUMBERS, found.headline
        assert said_but_not_measured(found) == []
        return found

    monkeypatch.setattr(Question, "answer", answer)
