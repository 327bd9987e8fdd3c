"""One page of everything that was found, with the pictures, which loads nothing from anywhere."""

import base64
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import PackageLoader, PrefixLoader

from tacit.checks import copies, odd
from tacit.commands.check.tables import label_of, likelier_of
from tacit.commands.check.words import facts, lines, verdict
from tacit.files import write_atomically
from tacit.images.bounded import printable
from tacit.labels import mislabelled
from tacit.page.pictures import small
from tacit.report.page import templates

if TYPE_CHECKING:
    from tacit.commands.check.run import Looked

PAGE = "check.html"

SHOWN = 48
"""Of each list, or kind of odd picture; the tables hold the others."""


@dataclass(frozen=True)
class Tile:
    """An image as the page shows it: `source` to put in, `crisp` where pixels are to be seen."""

    name: str
    source: str
    crisp: bool
    label: str = ""
    side: str = ""


@dataclass(frozen=True)
class Card:
    """One finding: its images, what is said of them in short, and how surely.

    Attributes:
        tiles: one image, or the two of a pair. sure: whether it is.
        head, said: the short text and what stands below it.
        share: a probability to draw as a bar; None for none.
        alarms: what is worse than usual, a word or two each.
    """

    tiles: tuple[Tile, ...]
    sure: bool
    head: str
    said: str
    share: float | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A list: its title, what it says, its cards, how many more there are, and its table.

    Attributes:
        groups: a heading (or "") and the cards below it. rule: how it was decided.
    """

    anchor: str
    title: str
    line: str
    groups: tuple[tuple[str, tuple[Card, ...]], ...]
    more: int
    table: str
    rule: str


def write_page(path: Path, looked: "Looked", command: str) -> Path:
    """Write the page; returns its path."""
    folders = {"check": "commands/check", "report": "report"}
    loaders = {name: PackageLoader("tacit", folder) for name, folder in folders.items()}
    environment = templates(PrefixLoader(loaders))
    html = environment.get_template("check/page.html.jinja").render(
        title=looked.checked.images.source,
        verdict=verdict(looked),
        facts=facts(looked),
        sections=_sections(looked),
        notes=[note for note in looked.checked.notes if note],
        skipped=looked.checked.skipped[:SHOWN],
        unread=len(looked.checked.skipped),
        command=command,
    )
    write_atomically(path, lambda file: file.write_bytes(html.encode("utf-8", "replace")))
    return path


def _sections(looked: "Looked") -> list[Section]:
    said = lines(looked)
    found = [
        ("labels", "Labels that are probably wrong", _labels(looked), "mislabelled.csv", LABELS),
        ("copies", "Copies of one picture", _pairs(looked), "copies.csv", COPIES),
        ("odd", "Pictures unlike the others", _odd(looked), "odd.csv", ODD),
    ]
    if looked.beside is not None:
        cards = _disagreements(looked)
        found.append(("two", "Where two people differ", cards, "disagreements.csv", TWO))
    sections = []
    for anchor, title, groups, table, rule in found:
        n_shown = sum(len(cards) for _, cards in groups)
        more = sum(looked.counts[table]) - n_shown
        if table == "odd.csv":
            more -= len(looked.checked.skipped)
        line = said[table].partition(": ")[2]
        line = line[:1].upper() + line[1:]
        sections.append(Section(anchor, title, line, groups, max(0, more), table, rule))
    return sections


LABELS = (
    "Each label was held out once, and judged by logistic regression and by the nearest images "
    "among the labels of the other folds. Which wrong labels each class is given, and how often, "
    "is estimated from the same answers. A label is suspected from a probability of "
    f"{100 * mislabelled.SUSPECTED:.0f} % on, and taken to be surely wrong from "
    f"{100 * mislabelled.SURE:.0f} % on."
)
COPIES = (
    "Pictures are compared small, grey and freed of smooth light, shifted by up to a pixel against "
    "each other, with the best gain and offset. Two are copies where next to nothing of one's "
    f"variance is left over by the other: surely below {100 * copies.SURE[0]:g} % (suspected: "
    f"{100 * copies.SUSPECTED[0]:g} %), and below {100 * copies.SURE[1]:g} % (suspected: "
    f"{100 * copies.SUSPECTED[1]:g} %) of what is left over between them and their other "
    "neighbours. Equal ones are copies in any case."
)
ODD = (
    "Nothing is on a picture whose values span two levels of 255 or less. Others are odd where "
    f"they lie {odd.FAR:g} robust standard deviations or more from the median, on the dark, "
    "bright, flat, blurred or far side; or, where a VAE was given, on the unlikely side even with "
    "two standard errors of log p(x) added."
)
TWO = (
    "Images that both people labelled, with different classes. The likelier of the two is what "
    "classifiers say that learned from the other labels alone; it speaks for one class against "
    "the other, as if the image were of one of them."
)

Groups = tuple[tuple[str, tuple[Card, ...]], ...]


def _tile(looked: "Looked", row: int) -> Tile:
    checked = looked.checked
    data, media = small(checked.images, row)
    source = f"data:{media};base64,{base64.b64encode(data).decode()}"
    crisp = max(checked.images.shape[1:]) <= 64
    side = {"train": "training", "test": "test"}.get(str(checked.sides[row]), "")
    name = printable(checked.names[row])
    return Tile(name, source, crisp, printable(label_of(looked, row)), side)


def _labels(looked: "Looked") -> Groups:
    found, classes = looked.findings.doubts, looked.checked.images.class_names
    if found is None or not len(found.listed):
        return ()
    cards, sure = [], looked.findings.surely_wrong
    for i in found.listed[:SHOWN].tolist():
        tile = _tile(looked, int(found.place[i]))
        fits = f"fits {classes[found.fits[i]]}"
        share = float(found.wrong[i])
        head = f"{classes[found.given[i]]} → {classes[found.fits[i]]}"
        said = f"{100 * share:.0f} % wrong, {fits}"
        cards.append(Card((tile,), bool(sure[i]), head, said, share))
    return (("", tuple(cards)),)


def _pairs(looked: "Looked") -> Groups:
    found = looked.findings
    cards = []
    # What spoils a study comes first: leaks, then copies with two labels.
    order = np.lexsort((~found.pairs.sure, ~found.differ, ~found.leaks))
    for i in order[:SHOWN].tolist():
        rows = int(found.pairs.first[i]), int(found.pairs.second[i])
        tiles = tuple(_tile(looked, row) for row in rows)
        left = found.pairs.left_over[i]
        alarms = ["training and test"] * bool(found.leaks[i]) + ["two labels"] * bool(
            found.differ[i]
        )
        head = "equal" if left == 0 else "nearly equal" if found.pairs.sure[i] else "alike"
        said = "" if left == 0 else f"{100 * left:.2g} % left over"
        cards.append(Card(tiles, bool(found.pairs.sure[i]), head, said, alarms=tuple(alarms)))
    return (("", tuple(cards)),) if cards else ()


def _odd(looked: "Looked") -> Groups:
    found = looked.findings.odd
    groups = []
    for kind, n in Counter(found.kind).items():
        rows = [i for i, other in enumerate(found.kind) if other == kind][:SHOWN]
        cards = []
        for i in rows:
            far = found.deviations[i]
            said = "" if np.isinf(far) else f"{far:.1f} deviations"
            tile = _tile(looked, int(found.row[i]))
            cards.append(Card((tile,), bool(found.sure[i]), tile.label or tile.name, said))
        groups.append((f"{kind.capitalize()} ({n:,})", tuple(cards)))
    return tuple(groups)


def _disagreements(looked: "Looked") -> Groups:
    beside = looked.beside
    assert beside is not None
    cards = []
    for row in beside.found.rows[:SHOWN].tolist():
        one, other = (beside.class_names[y[row]] for y in (beside.mine, beside.labels))
        likelier, probability = likelier_of(looked, row, one, other)
        said = f"rather {likelier}, {100 * probability:.0f} %" if likelier else ""
        cards.append(Card((_tile(looked, row),), False, f"{one} or {other}", said))
    return (("", tuple(cards)),) if cards else ()
