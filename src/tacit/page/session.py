"""Labelling as it goes on: answers into the table, the table into predictions, and what is next."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from tacit.errors import ImagesError
from tacit.images.bounded import printable
from tacit.images.classes import quoted
from tacit.labels.acquisition import ask_next, doubts
from tacit.labels.draws import Labelled
from tacit.labels.propagation.graph import nearest_rows, neighbour_graph
from tacit.labels.propagation.incremental import Spread
from tacit.page.chance import ByChance
from tacit.page.first import FIRST, Clusters, covering
from tacit.page.judging import MORE, NOT_YET, Answers, Judgement, judge
from tacit.page.table import MARKS, NOTHING, LabelTable, Said
from tacit.streams import numpy_stream

AHEAD = 12
"""Images that are named ahead of the one that is shown, so that the next one is there at once."""

SHARPNESS = 4.0
"""Before confidence can be fitted, scores are divided by their spread and multiplied by this; and
always where it is asked what to label next, so that this depends on the order of the scores and
their shape alone."""

AT_FIRST = 2.0
"""The same up to 2 `FIRST` answers, where it is asked what to label next.

Images of a class that was not met yet score for the class next to them, half as high as its own do.
At `SHARPNESS` most of them are sure to be of it, and are hardly asked for: of half of MNIST's
training images 95.3 % were told after 20 answers in place of 96.3. Later it is the borders between
classes that are to be asked for: on steel 97.5 % were told after 100 answers, 98.3 at `SHARPNESS`.
"""

WATCHED = 2000
"""Of so many images, chosen at random, it is followed what they were taken for before."""

UNSURE = 0.75
"""Less confidence than this is counted on the page: half, between two classes, is none at all."""

MARKED = -2
"""In place of a class's number: the image was skipped, or is a bad one."""

_AFTER = 1
_GRID = 48


@dataclass(frozen=True)
class Predictions:
    """What all images are taken for.

    Attributes:
        version: of the labels that it follows from.
        classes: their names, in the order in which they were met.
        best, second: numbers of the two likeliest classes, (N,); -1 where there is none.
        sure: the probability of the likeliest, (N,). then: of the second.
        judged: how good they are.
        seconds: how long it took to follow the last answer.
    """

    version: int
    classes: tuple[str, ...]
    best: NDArray[np.int16]
    second: NDArray[np.int16]
    sure: NDArray[np.float32]
    then: NDArray[np.float32]
    judged: Judgement = NOT_YET
    seconds: float = 0.0


@dataclass
class Session:
    """Everything that the page knows; safe to call from several threads.

    An answer is on the disk when `answer` returns. What follows from it, the predictions and the
    images to ask for next, is worked out in a thread of its own, and `wait` returns when there is
    something new.

    Args:
        codes: of all images, (N, D).
        table: of labels, whose names are those of the images in their order.
        copies: a number for each image, (N,), the same for equal pictures.
        seed: of the first images.
    """

    codes: NDArray[np.float32]
    table: LabelTable
    copies: NDArray[np.int64]
    seed: int = 0
    progress: Callable[[str], None] = field(default=lambda text: None)

    def __post_init__(self) -> None:
        self.names = list(self.table.names.known)
        self.row_of = {name: row for row, name in enumerate(self.names)}
        n = len(self.names)
        if not n == len(self.codes) == len(self.copies):
            raise ValueError(f"{n} names, {len(self.codes)} codes and {len(self.copies)} copies")
        self.progress("Looking for the nearest neighbours of each image …")
        self.graph = neighbour_graph(self.codes)
        watched = np.sort(numpy_stream(self.seed, "watched").permutation(n)[:WATCHED])
        self._spread = Spread(self.graph, watched.tolist())
        self._by_chance = ByChance(self.copies, self.seed)
        self._lock, self._news = threading.RLock(), threading.Condition()
        self._wake = threading.Event()
        self._first = covering(self.codes, seed=self.seed)
        self._cover: list[int] = []
        # Made before the first answer, so that none waits for them.
        self._clusters = (
            Clusters(self.codes, min(2 * FIRST, n), seed=self.seed)
            if len(self.table.said) < 2 * FIRST
            else None
        )
        self._queue: deque[int] = deque()
        # Of each answer what the table said before, by image: so it is taken back.
        self._history = [dict.fromkeys(names, NOTHING) for names in self.table.actions()]
        # In the order in which they were met: whoever goes on finds each class on its key again.
        met: dict[str, str] = {}
        for said in self.table.said.values():
            met[said.label] = min(said.time, met.get(said.label, said.time))
        self._met = sorted(self.table.classes, key=lambda name: met.get(name, ""))
        self.version = 0
        self.closed = False
        self.error = ""
        self.predictions = self._of_one(-1, [], {})
        self._follow()
        self._thread = threading.Thread(target=self._work, name="predictions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; everything is on the disk already."""
        self.closed = True
        self._wake.set()
        self._thread.join()
        with self._news:
            self._news.notify_all()

    # -- what people do -----------------------------------------------------------------------

    def answer(self, rows: Sequence[int], *, label: str = "", mark: str = "") -> dict[str, int]:
        """One answer for these images: a class, "skip" or "bad"; on the disk when it returns.

        Returns:
            How many images it was written for, and of how many a copy, the same picture, has
            another label already.

        Raises:
            ImagesError: the class cannot be called so, or the table was changed by someone else.
            NotWritten: the table cannot be written.
            ValueError: there are no such images, or the answer is none.
        """
        rows = list(dict.fromkeys(rows))
        if not rows or not all(0 <= row < len(self.names) for row in rows):
            raise ValueError(f"rows are 0 to {len(self.names) - 1}, one at least")
        if bool(label) == bool(mark) or mark not in ("", *MARKS):
            raise ValueError("an answer is a class, or the mark skip or bad")
        with self._lock:
            if label:
                label = self.table.check_class(label)
            other = self._otherwise(rows, label) if label else set()
            kept = [row for row in rows if row not in other]
            if not kept:
                raise ImagesError(
                    f"{quoted(self.names[rows[0]])} has a copy, the same picture, with another "
                    "label; undo that one first"
                )
            self._put({self.names[row]: Said(label, mark) for row in kept})
            if label and label not in self._met:
                self._met.append(label)
        self._wake.set()
        return {"written": len(kept), "left_out": len(other)}

    def clear(self, rows: Sequence[int]) -> None:
        """Take the answers of these images away, which can be undone as well."""
        with self._lock:
            names = [self.names[row] for row in rows if self.names[row] in self.table.said]
            if names:
                self._put(dict.fromkeys(names, NOTHING))
        self._wake.set()

    def undo(self) -> list[int]:
        """Take the last answer back, of however many images; their rows, none at the end."""
        with self._lock:
            if not self._history:
                return []
            before = self._history[-1]
            self.table.write(before, stamped=False)
            self._history.pop()
            self.version += 1
            rows = [self.row_of[name] for name in before]
            for row in reversed([row for row in rows if not self.table.said.get(self.names[row])]):
                if row in self._queue:
                    self._queue.remove(row)
                self._queue.appendleft(row)
        self._wake.set()
        return rows

    def _put(self, answers: dict[str, Said]) -> None:
        self._history.append(self.table.write(answers))
        self.version += 1
        gone = self._answered()
        self._queue = deque(row for row in self._queue if self.copies[row] not in gone)

    def _otherwise(self, rows: Sequence[int], label: str) -> set[int]:
        """Those of which another copy, not among them, has another label."""
        said: dict[int, str] = {}
        among = set(rows)
        for name, one in self.table.said.items():
            if one.label and (row := self.row_of[name]) not in among:
                said[int(self.copies[row])] = one.label
        return {row for row in rows if said.get(int(self.copies[row]), label) != label}

    def _answered(self) -> set[int]:
        """The copies of which one was answered."""
        return {int(self.copies[self.row_of[name]]) for name in self.table.said}

    @property
    def met(self) -> list[str]:
        """The classes in the order in which they were met."""
        with self._lock:
            return list(self._met)

    def given(self) -> tuple[int, list[int], list[int], list[str]]:
        """The version of the labels, their rows and classes, and the names of the classes."""
        with self._lock:
            met = list(self._met)
            number = {label: place for place, label in enumerate(met)}
            labelled = [(n, s.label) for n, s in self.table.said.items() if s.label]
            rows = [self.row_of[name] for name, _ in labelled]
            return self.version, rows, [number[label] for _, label in labelled], met

    def answers(self) -> dict[int, int]:
        """Of each image with an answer, by row, the number of its class; `MARKED` for a mark."""
        with self._lock:
            number = {label: place for place, label in enumerate(self._met)}
            said = self.table.said.items()
            return {self.row_of[name]: number.get(one.label, MARKED) for name, one in said}

    def marked(self, mark: str) -> set[int]:
        """The rows that have this mark."""
        with self._lock:
            said = self.table.said.items()
            return {self.row_of[name] for name, one in said if one.mark == mark}

    # -- what follows -------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self.closed:
                return
            try:
                self._follow()
            except Exception as error:  # said on the page; answers go on being written
                self.error = f"predictions stopped: {error or type(error).__name__}"
            with self._news:
                self._news.notify_all()

    def _follow(self) -> None:
        """Predictions and the next images from what the table says now."""
        began = time.perf_counter()
        with self._lock:
            version, rows, y, met = self.given()
            given = dict(zip(rows, y, strict=True))
            gone = self._answered()
            times = {self.row_of[name]: one.time for name, one in self.table.said.items()}
        self._catch_up(given)
        if len(set(given.values())) < 2:
            found = self._of_one(version, met, given)
            queue = self._from_cover(gone)
        else:
            scores = self._spread.scores(len(met))
            came = self._came_about(times, self._by_chance.answered(gone))
            judged = judge(self._spread, len(met), came, seed=self.seed)
            spread = scores[np.isfinite(scores)].std() or 1.0
            p = (
                softmax(SHARPNESS * scores / spread, axis=1)
                if judged.confidence is None
                else judged.confidence.probabilities(scores)
            )
            found = self._of_all(version, met, p, judged)
            if len(times) < FIRST:
                queue = self._from_cover(gone)
            else:
                sharpness = AT_FIRST if len(times) < 2 * FIRST else SHARPNESS
                sharp = softmax(sharpness * scores / spread, axis=1)
                queue = self._asked(sharp, gone)
                queue = self._with_cluster(queue, sharp, gone, len(times))
            queue = self._with_chance(queue, gone, len(set(times.values())))
        with self._lock:
            later = self._answered() if self.version != version else gone
            stays = self._ahead()
            rest = [row for row in queue if row not in stays and self.copies[row] not in later]
            self._queue = deque([*stays, *rest][: AHEAD + _AFTER])
            taken = time.perf_counter() - began
            self.predictions = replace(found, seconds=taken)
            self.error = ""

    def _catch_up(self, given: dict[int, int]) -> None:
        """Bring what is spread to what is given: only what differs is solved for."""
        had = dict(zip(self._spread.rows, self._spread.y, strict=True))
        self._spread.take([row for row, label in had.items() if given.get(row) != label])
        more = [row for row, label in given.items() if had.get(row) != label]
        self._spread.give(more, [given[row] for row in more])

    def _came_about(self, times: dict[int, str], chance: set[int]) -> Answers:
        """What is known of how the labels came about: from the time of each, and by chance.

        What was labelled together, in the grid or on the map, is easier than the rest, and what was
        asked for is harder; the first images, those by chance, and labels of before are neither.
        """
        rows = self._spread.rows
        time = np.array([times[row] for row in rows])
        together = Counter(time.tolist())
        single = sorted(one for one, n in together.items() if one and n == 1)
        before = np.flatnonzero(time < single[-MORE]) if len(single) >= MORE else None
        if before is not None and len(before) < FIRST:
            before = None
        first = ["", *single[: max(0, FIRST - together[""])]]
        at_random = np.isin(self.copies[rows], list(chance))
        return Answers(
            before, np.flatnonzero(at_random), np.flatnonzero(at_random | np.isin(time, first))
        )

    def _with_cluster(
        self, queue: list[int], sharp: NDArray[np.float64], gone: set[int], answers: int
    ) -> list[int]:
        """The images to ask for; every second, up to 2 `FIRST`, what stands for most doubt."""
        if self._clusters is None or answers >= 2 * FIRST or answers % 2:
            return queue
        ahead = self._ahead()
        free = ~np.isin(self.copies, list(gone | {int(self.copies[row]) for row in ahead}))
        return _begun_with(self._clusters.most(doubts(sharp), free, ahead), queue)

    def _with_chance(self, queue: list[int], gone: set[int], answers: int) -> list[int]:
        """The images to ask for, the next one by chance before them where one is due."""
        ahead = self._ahead()
        due = self._by_chance.due(
            gone | {int(self.copies[row]) for row in ahead}, answers + len(ahead) + 1
        )
        return _begun_with(due, queue)

    def _ahead(self) -> list[int]:
        """What is shown, and what is loaded for after it: it stays, whatever is found meanwhile."""
        with self._lock:
            return list(islice(self._queue, _AFTER))

    def _of_one(self, version: int, met: list[str], given: dict[int, int]) -> Predictions:
        """With labels of one class, or none, nothing can be told."""
        none, nothing = (
            np.full(len(self.names), -1, np.int16),
            np.zeros(len(self.names), np.float32),
        )
        best, sure = none.copy(), nothing.copy()
        for row, label in given.items():
            best[row], sure[row] = label, 1.0
        return Predictions(version, tuple(met), best, none, sure, nothing)

    def _of_all(
        self, version: int, met: list[str], p: NDArray[np.float64], judged: Judgement
    ) -> Predictions:
        two = np.argpartition(-p, 1, axis=1)[:, :2]
        values = np.take_along_axis(p, two, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        two, values = np.take_along_axis(two, order, 1), np.take_along_axis(values, order, 1)
        return Predictions(
            version,
            tuple(met),
            two[:, 0].astype(np.int16),
            two[:, 1].astype(np.int16),
            values[:, 0].astype(np.float32),
            values[:, 1].astype(np.float32),
            judged,
        )

    def _from_cover(self, gone: set[int]) -> list[int]:
        """The first images that are not answered, in the order in which they cover the set."""
        found: list[int] = []
        seen = set(gone)
        place = 0
        while len(found) < AHEAD + _AFTER:
            if place == len(self._cover):
                if (row := next(self._first, None)) is None:
                    break
                self._cover.append(row)
            row = self._cover[place]
            place += 1
            if int(self.copies[row]) not in seen:
                seen.add(int(self.copies[row]))
                found.append(row)
        return found

    def _asked(self, p: NDArray[np.float64], gone: set[int]) -> list[int]:
        """By `ask_next`; what was skipped or is bad is not asked for again either."""
        answered = np.flatnonzero(np.isin(self.copies, list(gone)))
        passed = Labelled(answered, np.zeros(len(answered), np.int64))  # classes are not looked at
        rows, _ = ask_next(self.graph, p, passed, AHEAD, copies=self.copies)
        return rows.tolist()

    # -- what is told -------------------------------------------------------------------------

    def wait(self, version: int, seconds: float) -> None:
        """Return when predictions are newer than `version`, or after so many seconds."""
        with self._news:
            self._news.wait_for(lambda: self.closed or self.predictions.version > version, seconds)

    def state(self) -> dict[str, Any]:
        """What the page shows of all of it, as plain data."""
        with self._lock:
            found, judged = self.predictions, self.predictions.judged
            counts = dict.fromkeys(self._met, 0)
            marks: dict[str, int] = dict.fromkeys(MARKS, 0)
            for said in self.table.said.values():
                if said.label:
                    counts[said.label] += 1
                else:
                    marks[said.mark] += 1
            unanswered = np.ones(len(self.names), bool)
            unanswered[[self.row_of[name] for name in self.table.said]] = False
            named = np.bincount(
                found.best[unanswered & (found.best >= 0)], minlength=len(self._met)
            )
            sure = found.sure[unanswered]
            return {
                "version": self.version,
                "follows": found.version,
                "seconds": round(found.seconds, 3),
                "images": len(self.names),
                "classes": [
                    {"name": name, "labels": counts[name], "predicted": int(named[i])}
                    for i, name in enumerate(self._met)
                ],
                "labels": sum(counts.values()),
                "marks": marks,
                "undo": len(self._history),
                "queue": [self.item(row) for row in self._queue],
                "accuracy": judged.accuracy,
                "interval": [judged.low, judged.high],
                "held_out": judged.n,
                "at_random": judged.at_random,
                "changed": judged.changed,
                "enough": judged.enough,
                "calibrated": judged.confidence is not None,
                "confidence": float(sure.mean()) if len(sure) and len(named) > 1 else None,
                "unsure": int((sure < UNSURE).sum()) if len(named) > 1 else None,
                "table": self.table.path.name,
                "by": self.table.by,
                "error": self.error,
            }

    def item(self, row: int) -> dict[str, Any]:
        """One image: what it is called, was answered, and is taken for."""
        found = self.predictions
        said = self.table.said.get(self.names[row], NOTHING)
        best, second = int(found.best[row]), int(found.second[row])
        return {
            "row": row,
            "name": printable(self.names[row]),
            "label": said.label,
            "mark": said.mark,
            "prediction": found.classes[best] if best >= 0 and found.second[row] >= 0 else "",
            "confidence": round(float(found.sure[row]), 4),
            "runner_up": found.classes[second] if second >= 0 else "",
            "runner_up_confidence": round(float(found.then[row]), 4),
        }

    def grid(self, label: str, n: int, *, sort: str, like: int | None = None) -> list[int]:
        """Images without an answer that are taken for a class, no two of them copies.

        Args:
            label: the class. n: how many, at most.
            sort: "sure" and "unsure" by confidence, "like" by the distance of codes to `like`, or
                to the image that is surest.

        Raises:
            ValueError: there is no such class, image or order.
        """
        found = self.predictions
        if label not in found.classes or sort not in ("sure", "unsure", "like"):
            raise ValueError("no such class or order; an order is sure, unsure or like")
        if like is not None and not 0 <= like < len(self.names):
            raise ValueError(f"no image {like}")
        n = min(max(n, 1), _GRID)
        with self._lock:
            gone = self._answered()
        rows = np.flatnonzero(found.best == found.classes.index(label))
        rows = rows[~np.isin(self.copies[rows], list(gone))]
        rows = rows[np.sort(np.unique(self.copies[rows], return_index=True)[1])]
        if not len(rows):
            return []
        if sort == "like":
            centre = rows[found.sure[rows].argmax()] if like is None else like
            order = np.square(self.codes[rows] - self.codes[centre]).sum(axis=1)
        else:
            order = found.sure[rows] * (1 if sort == "unsure" else -1)
        return rows[np.argsort(order, kind="stable")[:n]].tolist()

    def near(self, row: int, n: int) -> list[int]:
        """The images with the nearest codes, nearest first.

        Raises:
            ValueError: there is no such image.
        """
        if not 0 <= row < len(self.names):
            raise ValueError(f"no image {row}")
        n = min(max(n, 1), _GRID)
        index, _ = nearest_rows(self.codes[row : row + 1], n + 1, self.codes)
        return [other for other in index[0].tolist() if other != row][:n]


def _begun_with(first: int | None, queue: list[int]) -> list[int]:
    """The queue with this image before all others, where there is one."""
    return queue if first is None else [first, *(row for row in queue if row != first)]
