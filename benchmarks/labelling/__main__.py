"""The labelling page, answered by a script that knows the truth, against labels at random.

    python -m benchmarks.labelling mnist --data-dir DIR --images 10000 --starts 10
    python -m benchmarks.labelling FOLDER --encoder timm:NAME@FILE --after 6 12 24

For each start: accuracy on all images without an answer after so many answers, from nothing; what
the page said of its confidence and of the accuracy on labels held out; and how long an answer and
what follows from it took. At the end how often what was said was so: that the interval holds the
accuracy on all others, that the next 20 answers raise it by no more than the page says, and that
where the page says that they are not worth it they bring less than half a point.

`--no-chance` asks for no image by chance, which shows what those cost. `--repeat 10` shows every
image ten times, a little moved, for the time of large sets alone. An hour of it is
`python -m benchmarks.labelling.hour`.
"""

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tacit.commands.check.reading import read_checked
from tacit.encoders.opening import features_of, open_encoder
from tacit.images.dataset import Images
from tacit.images.splits import content_hashes
from tacit.images.tables import Names
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.incremental import Spread
from tacit.page import chance
from tacit.page.codes import codes_for_labelling
from tacit.page.judging import LITTLE, MORE, Judgement
from tacit.page.session import Session
from tacit.page.table import LabelTable
from tacit.streams import numpy_stream


@dataclass
class Answered:
    """What was seen in one start."""

    writing: list[float] = field(default_factory=list)
    following: list[float] = field(default_factory=list)
    accuracy: dict[int, float] = field(default_factory=dict)
    sure: dict[int, float] = field(default_factory=dict)
    judged: dict[int, Judgement] = field(default_factory=dict)
    right_ones: dict[int, np.ndarray] = field(default_factory=dict)
    answered: list[int] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="mnist")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--encoder")
    parser.add_argument("--after", type=int, nargs="+", default=[10, 20, 50])
    for name, default in (("images", None), ("starts", 10), ("answers", None), ("repeat", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--no-chance", action="store_true")
    given = parser.parse_args()
    if given.no_chance:
        chance.AFTER = sys.maxsize
    checked = read_checked(given.source, data_dir=given.data_dir)
    n_answers = given.answers or max(given.after)
    images = checked.images.take(np.arange(given.images or len(checked.images)))
    y = images.labels
    assert y is not None
    names = np.array(images.class_names)[y]
    codes, copies = _codes(images, given.encoder), _copies(images)
    if given.repeat > 1:
        rng, n = numpy_stream(0, "repeated"), given.repeat
        moved = rng.normal(0, 0.2 * codes.std(), (n, *codes.shape)).astype(np.float32)
        codes, names = (codes + moved).reshape(-1, codes.shape[1]), np.tile(names, n)
        copies = np.arange(len(codes))

    def after(found: dict[int, float]) -> list[float]:
        return [found[number] for number in given.after]

    seen, luck = [], []
    for start in range(given.starts):
        seen.append(one := _start(codes, copies, names, start, n_answers, given.after))
        luck.append(_at_random(codes, names, start, given.after))
        print(
            f"start {start}: right {_shares(after(one.accuracy))}, "
            f"sure {_shares(after(one.sure))}; at random "
            f"{_shares(luck[-1])}; an answer {1000 * np.median(one.writing):.0f} ms (last ten "
            f"{1000 * np.median(one.writing[-10:]):.0f}), what follows "
            f"{np.median(one.following):.3f} s (last ten {np.median(one.following[-10:]):.3f}, "
            f"longest {max(one.following):.3f}); {one.memory[len(one.memory) // 10]:.0f} MiB "
            f"after a tenth of them, {one.memory[-1]:.0f} MiB at the end",
            flush=True,
        )
    right = [after(one.accuracy) for one in seen]
    said = [after(one.sure) for one in seen]
    for name, found in (("asked for", right), ("sure of them", said), ("at random", luck)):
        print(f"{name}: {_shares(np.mean(found, axis=0))} (sd {_shares(np.std(found, axis=0))})")
    _confidence(seen)
    _forecasts(seen)


def _codes(images: Images, encoder: str | None) -> np.ndarray:
    if encoder is None:
        return codes_for_labelling(images, say=print)
    return features_of(open_encoder(encoder), images)


def _copies(images: Images) -> np.ndarray:
    return np.unique(list(content_hashes(images)), return_inverse=True)[1].astype(np.int64)


def _start(
    codes: np.ndarray, copies: np.ndarray, names: np.ndarray, start: int, n: int, after: list[int]
) -> Answered:
    with tempfile.TemporaryDirectory() as folder:
        called = Names(map(str, range(len(names))), "index", "images")
        table = LabelTable(Path(folder) / "labels.csv", called, by="script")
        session = Session(codes, table, copies, seed=start)
        found = _answer(session, names, n, after)
        session.close()
    return found


def _answer(session: Session, names: np.ndarray, n: int, after: list[int]) -> Answered:
    found = Answered()
    for number in range(1, n + 1):
        row = session.state()["queue"][0]["row"]
        began = time.perf_counter()
        found.answered.append(row)
        session.answer([row], label=str(names[row]))
        found.writing.append(time.perf_counter() - began)
        session.wait(session.version - 1, 60)
        found.following.append(time.perf_counter() - began)
        found.memory.append(_resident())
        told = session.predictions
        if number % 10 == 0 or number in after:
            rest = np.setdiff1d(np.arange(len(names)), [int(one) for one in session.table.said])
            found.right_ones[number] = np.array(told.classes)[told.best] == names
            found.judged[number] = told.judged
            found.accuracy[number] = float(found.right_ones[number][rest].mean())
            found.sure[number] = float(told.sure[rest].mean())
    return found


def _confidence(seen: list[Answered]) -> None:
    """What was said of confidence and accuracy beside the accuracy on all others."""
    for number in sorted(seen[0].accuracy):
        was = np.array([one.accuracy[number] for one in seen])
        off = 100 * (np.array([one.sure[number] for one in seen]) - was)
        judged = [one.judged[number] for one in seen]
        fair = [
            one.low <= right <= one.high
            for one, right in zip(judged, was.tolist(), strict=True)
            if one.at_random and one.low is not None and one.high is not None
        ]
        print(
            f"after {number}: right {100 * was.mean():.1f} %, confidence {off.mean():+.1f} points "
            f"off it on average, {np.abs(off).mean():.1f} either way ({np.abs(off).max():.1f} at "
            f"most)" + (f"; in the interval by chance {sum(fair)} of {len(fair)}" if fair else "")
        )


def _forecasts(seen: list[Answered]) -> None:
    """How often the next answers brought no more than was said, and little where that was said.

    On the same images: those without an answer after the next ones. What was asked for is harder,
    so that accuracy on the rest rises by that alone.
    """
    rises = [
        (judged.changed, _rise(one, number))
        for one in seen
        for number, judged in one.judged.items()
        if judged.changed is not None and number + MORE in one.right_ones
    ]
    if not rises:
        return
    said, came = np.array(rises).T
    few = said < LITTLE
    print(
        f"{MORE} more answers raised accuracy by more than was said {int((came > said).sum())} "
        f"times of {len(said)}; where they were said not to be worth it ({int(few.sum())} times), "
        f"they raised it by more than {100 * LITTLE:.1f} points {int((came[few] > LITTLE).sum())} "
        "times"
    )


def _rise(one: Answered, number: int) -> float:
    """By how much the next answers raise accuracy on the images that have none after them."""
    before, after = one.right_ones[number], one.right_ones[number + MORE]
    rest = np.delete(np.arange(len(before)), one.answered[: number + MORE])
    return float(after[rest].mean() - before[rest].mean())


def _at_random(codes: np.ndarray, names: np.ndarray, seed: int, after: list[int]) -> list[float]:
    order = numpy_stream(seed, "at random").permutation(len(names))
    classes, y = np.unique(names, return_inverse=True)
    spread, found = Spread(neighbour_graph(codes)), []
    for first, n in zip([0, *after], after, strict=False):
        spread.give(order[first:n].tolist(), y[order[first:n]].tolist())
        best = spread.scores(len(classes)).argmax(axis=1)
        found.append(float((best == y)[order[n:]].mean()))
    return found


def _resident() -> float:
    """Resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _shares(values: object) -> str:
    return ", ".join(f"{100 * value:.1f}" for value in np.asarray(values)) + " %"


if __name__ == "__main__":
    main()
