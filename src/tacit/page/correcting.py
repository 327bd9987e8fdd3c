"""What to look at again: labels probably wrong, copies, odd pictures, two people's labels."""

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from tacit.checks.agreement import Agreement, agreement
from tacit.checks.copies import Pairs, near_copies
from tacit.checks.findings import label_doubts
from tacit.checks.odd import Odd, distance_to_others, odd, statistics
from tacit.images.bounded import printable
from tacit.images.dataset import UNLABELLED, Images
from tacit.labels.draws import Labelled
from tacit.page.session import Session

LISTED = 200
"""So many entries of a list are shown, the surest first."""

Entry = dict[str, Any]


def two_people(session: Session, beside: Mapping[int, str]) -> Agreement:
    """How far a session's labels and another person's, by row, agree."""
    _, rows, y, met = session.given()
    number = {name: i for i, name in enumerate(dict.fromkeys([*met, *beside.values()]))}
    mine, theirs = (np.full(len(session.names), UNLABELLED, np.int64) for _ in range(2))
    mine[rows] = y
    theirs[list(beside)] = [number[name] for name in beside.values()]
    return agreement(mine, theirs)


class Corrections:
    """Lists of a session's images that are worth a second look, made when they are asked for.

    Copies and odd pictures do not depend on labels, and are looked for once; labels are judged anew
    where they changed.

    Args:
        session: the labels. images: made alike.
        beside: another person's labels, by row.
    """

    def __init__(self, session: Session, images: Images, beside: Mapping[int, str]) -> None:
        self.session, self.images, self.beside = session, images, dict(beside)
        self._lock = threading.Lock()
        self._judged: tuple[int, list[tuple[int, Entry]], str] = (-1, [], "")
        self._rows: dict[str, set[int]] = {}

    def listed(self, kind: str) -> dict[str, Any]:
        """The entries of a list, and why there are none where nothing could be looked at.

        Raises:
            ValueError: there is no such list.
        """
        lists: dict[str, Callable[[], tuple[list[Entry], str]]] = {
            "labels": self._labels,
            "copies": self._copies,
            "odd": self._odd,
            "two": self._two,
        }
        if kind not in lists:
            raise ValueError(f"there is no such list; the lists are {', '.join(lists)}")
        with self._lock:
            entries, why = lists[kind]()
            told = entries[:LISTED]
            self._rows[kind] = {
                one["row"] for entry in told for one in (entry, entry.get("other", entry))
            }
        return {"entries": told, "all": len(entries), "why": why}

    @property
    def rows(self) -> set[int]:
        """The images of the lists as they were last made."""
        return set().union(*list(self._rows.values()))

    def _labels(self) -> tuple[list[Entry], str]:
        version, rows, y, met = self.session.given()
        if self._judged[0] != version:
            self._judged = (version, *self._doubted(rows, y, met))
        _, doubted, why = self._judged
        # What an image is taken for follows later than labels, and is not kept with them.
        return [self.session.item(row) | doubt for row, doubt in doubted], why

    def _doubted(
        self, rows: list[int], y: list[int], met: list[str]
    ) -> tuple[list[tuple[int, Entry]], str]:
        """The images whose labels are doubted, each with what fits and how surely it is wrong."""
        labelled = Labelled(np.array(rows, np.int64), np.array(y, np.int64))
        copies = self.pairs.groups(len(self.images))
        found, why = label_doubts(self.session.codes, labelled, len(met), copies=copies)
        if found is None:
            return [], why
        return [
            (
                int(found.place[i]),
                {"fits": met[found.fits[i]], "wrong": round(float(found.wrong[i]), 4)},
            )
            for i in found.listed.tolist()
        ], ""

    def _copies(self) -> tuple[list[Entry], str]:
        pairs, marks = self.pairs, self.session.marked("bad")
        entries = []
        for i in range(len(pairs)):
            first, second = int(pairs.first[i]), int(pairs.second[i])
            if first in marks or second in marks:
                continue
            one, other = self.session.item(first), self.session.item(second)
            differ = bool(one["label"] and other["label"] and one["label"] != other["label"])
            entries.append(one | {"other": other, "sure": bool(pairs.sure[i]), "differ": differ})
        return sorted(entries, key=lambda entry: not entry["differ"]), ""

    def _odd(self) -> tuple[list[Entry], str]:
        found, marks = self.odd, self.session.marked("bad")
        return [
            self.session.item(row) | {"kind": kind, "sure": bool(sure)}
            for row, kind, sure in zip(found.row.tolist(), found.kind, found.sure, strict=True)
            if row not in marks
        ], ""

    def _two(self) -> tuple[list[Entry], str]:
        if not self.beside:
            return [], "no second table was named; --beside names one"
        return [
            self.session.item(row) | {"theirs": printable(self.beside[row])}
            for row in two_people(self.session, self.beside).rows.tolist()
        ], ""

    @cached_property
    def pairs(self) -> Pairs:
        """Copies, by the pictures and by the session's codes."""
        return near_copies(self.images, self.session.codes)

    @cached_property
    def odd(self) -> Odd:
        """Pictures that are unlike the others."""
        return odd(statistics(self.images.portions()), distance_to_others(self.session.codes))
