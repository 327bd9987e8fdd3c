"""What was found, in words, for the terminal and the page alike."""

from collections import Counter
from typing import TYPE_CHECKING

from tacit.images.dataset import UNLABELLED

if TYPE_CHECKING:
    from tacit.commands.check.run import Looked


def verdict(looked: "Looked") -> str:
    """One sentence on all of it."""
    if looked.sure:
        more = f", and {looked.suspected:,} more to look at" if looked.suspected else ""
        return f"{looked.sure:,} {_things(looked.sure)} surely wrong{more}."
    if looked.suspected:
        n = looked.suspected
        return f"Nothing is surely wrong; {n:,} {_things(n)} worth a look."
    labelled = (looked.checked.labels != UNLABELLED).any()
    if labelled and looked.findings.doubts is None:
        return "Nothing was found, but labels were not judged."
    return "Nothing was found."


def _things(n: int) -> str:
    return "thing is" if n == 1 else "things are"


def facts(looked: "Looked") -> str:
    """What was looked at."""
    checked = looked.checked
    labels = int((checked.labels != UNLABELLED).sum())
    images, n_classes = len(checked.images), checked.images.n_classes
    parts = [f"{images:,} image{'s' * (images != 1)} of {checked.images.source}"]
    classes = f"{n_classes:,} class{'es' * (n_classes != 1)}"
    parts.append(f"{labels:,} with a label, {classes}" if labels else "no labels")
    sides = Counter(checked.sides.tolist())
    if sides["train"] and sides["test"]:
        parts.append(f"{sides['train']:,} to learn from and {sides['test']:,} to test on")
    return " · ".join(parts)


def lines(looked: "Looked") -> dict[str, str]:
    """One line on each list, by its table."""
    found, counts = looked.findings, looked.counts
    leaks, differ = int(found.leaks.sum()), int(found.differ.sum())
    more = [f"{leaks:,} between training and test images"] if leaks else []
    more += [f"{differ:,} with two labels"] if differ else []
    said = {
        "mislabelled.csv": f"Labels: not judged, {found.not_judged}."
        if found.doubts is None
        else _line("Labels", *counts["mislabelled.csv"], "wrong"),
        "copies.csv": _line("Pairs of copies", *counts["copies.csv"], "", more),
        "odd.csv": _line("Odd pictures", *counts["odd.csv"], "useless", _kinds(looked)),
    }
    if looked.beside is not None:
        said["disagreements.csv"] = f"Two people: {looked.beside.found}."
    return said


def _line(what: str, sure: int, suspected: int, being: str, more: list[str] | None = None) -> str:
    if not sure + suspected:
        return f"{what}: none found."
    told = [f"{sure:,} surely {being}" if being else f"{sure:,} sure"] if sure else []
    told += [f"{suspected:,} suspected"] if suspected else []
    in_detail = f" ({', '.join(more)})" if more else ""
    return f"{what}: {', '.join(told)}{in_detail}."


def _kinds(looked: "Looked") -> list[str]:
    kinds = Counter(looked.findings.odd.kind)
    unread = len(looked.checked.skipped)
    listed = [f"{unread:,} unreadable"] if unread else []
    return [", ".join([*listed, *(f"{n:,} {kind}" for kind, n in kinds.items())])]
