"""``tacit check``, step by step: read, encode, look, and say what was found."""

import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tacit.checks.agreement import Agreement, agreement
from tacit.checks.findings import Findings, find
from tacit.commands.check.command import CheckOptions
from tacit.commands.check.page import PAGE, write_page
from tacit.commands.check.reading import Checked, read_checked
from tacit.commands.check.tables import TABLES, write_tables
from tacit.commands.check.words import facts, lines
from tacit.commands.likely import log_prob_of, open_vae
from tacit.commands.options import CommandError
from tacit.commands.written import Written
from tacit.encoders.opening import features_of, open_encoder
from tacit.errors import ImagesError
from tacit.images.bounded import shown
from tacit.images.classes import classes_of
from tacit.images.dataset import UNLABELLED
from tacit.images.tables import read_labels
from tacit.page.codes import codes_for_labelling
from tacit.studies.execution.holding import is_bare, prepare_folder
from tacit.studies.execution.progress import reading
from tacit.training.devices import device_of

FEWEST = 3


@dataclass(frozen=True)
class Asked:
    """What ``tacit check`` is asked."""

    source: str
    options: CheckOptions
    out: Path

    def command(self) -> str:
        """The command that does all of it again."""
        words = ["tacit", "check", self.source, *self.options.words(), "--out", str(self.out)]
        return shlex.join(words)


@dataclass(frozen=True)
class Beside:
    """Two people's labels.

    Attributes:
        labels: the other's class numbers, (N,). class_names: of both people's classes.
        mine: one's own, in the same numbers. found: how far they agree.
    """

    labels: NDArray[np.int64]
    mine: NDArray[np.int64]
    class_names: tuple[str, ...]
    found: Agreement


@dataclass(frozen=True)
class Looked:
    """Everything that was found, and how much of it is sure.

    Attributes:
        counts: of each kind, what is surely wrong and what is suspected, by its table.
    """

    checked: Checked
    findings: Findings
    beside: Beside | None
    counts: dict[str, tuple[int, int]]

    @property
    def sure(self) -> int:
        return sum(sure for sure, _ in self.counts.values())

    @property
    def suspected(self) -> int:
        return sum(suspected for _, suspected in self.counts.values())


def perform(asked: Asked, console: Console) -> Looked:
    """Do all of it.

    Raises:
        CommandError, ImagesError, FolderError: what cannot be used, and why.
    """
    options = asked.options
    written = Written(asked.out)
    _check_out(written)
    encoder = None
    if options.encoder is not None:
        encoder = open_encoder(options.encoder, str(device_of("auto")))
    with reading(console) as progress:
        checked = read_checked(
            asked.source,
            options.labels or [],
            data_dir=options.data_dir,
            size=options.size,
            channels=options.channels,
            skip_bad=options.skip_bad,
            progress=progress,
        )
    if len(checked.images) < FEWEST:
        raise CommandError(
            f"{asked.source} has {len(checked.images)} images; three or more can be compared"
        )
    beside = None if options.beside is None else _beside(checked, options.beside)
    vae = (
        None
        if options.model is None
        else open_vae(options.model, options.run, checked.images.shape)
    )
    prepare_folder(asked.out)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for note in filter(None, checked.notes):
        say(note)
    if encoder is None:
        encoded = None
        codes = codes_for_labelling(checked.images, seed=options.seed, say=say)
    else:
        with reading(console, "encoding images") as progress:
            encoded = codes = features_of(encoder, checked.images, progress)
    log_prob = None
    if vae is not None:
        with reading(console, "scoring images") as progress:
            log_prob = log_prob_of(vae, checked.images, progress)
    findings = find(
        checked.images,
        codes,
        checked.sides,
        encoded=encoded,
        log_prob=log_prob,
        seed=options.seed,
    )
    looked = Looked(checked, findings, beside, _counts(checked, findings, beside, options))
    write_tables(written, looked)
    page = write_page(asked.out / PAGE, looked, asked.command())
    _summary(looked, asked.out, page, say)
    return looked


def _check_out(written: Written) -> None:
    """See, before any work, that nothing of anyone else's would be written over."""
    folder = written.folder
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CommandError(f"--out is {folder}, a file; name a folder")
    if not written.record.exists() and not is_bare(folder):
        raise CommandError(
            f"--out is {folder}, which holds other things; name a new folder, or one that this "
            "command made"
        )
    for name in TABLES:
        written.check_unchanged(folder / name)


def _beside(checked: Checked, table: Path) -> Beside:
    """Another's labels of the same images, spelt as one's own where they mean the same.

    Raises:
        ImagesError: there are no labels to compare with, or the table cannot be used.
    """
    if not checked.images.n_classes:
        raise ImagesError(
            f"--beside is {shown(table)}, but {checked.images.source} has no labels to compare it "
            "with; name your own table with --labels"
        )
    left_out = [name for name, _ in checked.skipped]
    told = read_labels([table], checked.table_names, left_out=left_out)
    names, labels = checked.images.class_names, checked.labels
    counts = Counter(names[label] for label in labels.tolist() if label != UNLABELLED)
    classes = classes_of(counts + Counter(told.labels.values()), shown(table))
    number = classes.numbers
    mine = np.array([number[names[y]] if y != UNLABELLED else y for y in labels.tolist()])
    other = [
        number[told.labels[one]] if one in told.labels else UNLABELLED for one in checked.names
    ]
    theirs = np.array(other, np.int64)
    return Beside(theirs, mine, classes.names, agreement(mine, theirs))


def _counts(
    checked: Checked, findings: Findings, beside: Beside | None, options: CheckOptions
) -> dict[str, tuple[int, int]]:
    """Of each table how many of its rows are surely wrong, and how many are suspected."""
    doubts, pairs, odd = findings.doubts, findings.pairs, findings.odd
    wrong = int(findings.surely_wrong.sum())
    unread = 0 if options.skip_bad else len(checked.skipped)
    found = {
        "mislabelled.csv": (wrong, len(doubts.listed) - wrong if doubts else 0),
        "copies.csv": (int(pairs.sure.sum()), int((~pairs.sure).sum())),
        "odd.csv": (int(odd.sure.sum()) + unread, int((~odd.sure).sum())),
    }
    if beside is not None:
        found["disagreements.csv"] = (len(beside.found.rows), 0)
    return found


def _summary(looked: Looked, out: Path, page: Path, say: Callable[[str], None]) -> None:
    say("")
    say(facts(looked))
    told = lines(looked)
    for table, (sure, suspected) in looked.counts.items():
        where = f"  {out / table}" if sure + suspected else ""
        say(f"  {told[table]}{where}")
    say(f"Page: {page}")
