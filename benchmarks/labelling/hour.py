"""An hour on the labelling page: `tacit label` itself, answered over HTTP, in time and memory.

    python -m benchmarks.labelling.hour mnist --data-dir DIR --images 10000
    python -m benchmarks.labelling.hour synthetic --images 100000 --answers 60

The page is started as people start it and asked as a browser asks: a key (the answer's request),
the next picture, and the state in which all images have followed. Printed are medians and the
longest of the first and the last hundred answers, by the clock and in the server's processor time,
and the server's resident memory; then what a picture takes of the processor, alone. The clock of a
machine with other work is slower. Synthetic images are noise with the codes of ten clusters.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from tacit.images.sources import open_images
from tacit.streams import numpy_stream

MIB = 2**20


@dataclass(frozen=True)
class Set:
    """Images to label.

    Attributes:
        pixels: (N, H, W). names: of their classes, (N,). codes: (N, D), or None to learn them.
    """

    pixels: NDArray[np.uint8]
    names: NDArray[np.str_]
    codes: NDArray[np.float32] | None = None


def synthetic(n: int) -> Set:
    """Noise of 28 × 28 pixels, with codes of ten clusters that lie near each other."""
    rng = numpy_stream(0, "synthetic")
    y = rng.integers(0, 10, n)
    centres = rng.normal(size=(10, 64))
    codes = (centres[y] + 0.8 * rng.normal(size=(n, 64))).astype(np.float32)
    return Set(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), y.astype(str), codes)


def named(source: str, data_dir: Path | None, n: int | None) -> Set:
    """The first n training images of a named set."""
    train = open_images(source, data_dir=data_dir).train.take(np.arange(n or 10_000))
    assert train.labels is not None
    return Set(np.asarray(train.pixels)[:, 0], np.array(train.class_names)[train.labels])


@dataclass(frozen=True)
class Took:
    """What one answer took.

    Attributes:
        key: seconds until the server has written it and replies. picture: until the next image is
            there. followed: from the key until all images have followed.
        processor: seconds of the server's processors from the key until then.
        memory: the server's, resident, in MiB.
    """

    key: float
    picture: float
    followed: float
    processor: float
    memory: float


class Page:
    """The page's API as a browser uses it, over one connection."""

    def __init__(self, address: str, process: int) -> None:
        self.address, parts = address, urlsplit(address)
        assert parts.hostname is not None
        self._line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
        self._root, self._process = parts.path, process

    def get(self, path: str) -> bytes:
        return self._asked("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return json.loads(self._asked("POST", path, json.dumps(body)))

    def state(self, since: int = -1) -> Any:
        return json.loads(self.get(f"api/state?since={since}"))

    def _asked(self, method: str, path: str, body: str | None = None) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._line.request(method, self._root + path, body, headers)
        reply = self._line.getresponse()
        content = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {content[:200]!r}")
        return content

    def answer(self, names: NDArray[np.str_]) -> Took:
        """Answer the image that is shown, as who knows the truth."""
        state = self.state()
        row = state["queue"][0]["row"]
        used, began = self._processor(), time.perf_counter()
        told = self.post("api/answer", {"rows": [row], "label": str(names[row])})
        key = time.perf_counter() - began
        before = time.perf_counter()
        self.get(f"image/{told['queue'][0]['row']}")
        picture = time.perf_counter() - before
        while told["follows"] < told["version"]:
            told = self.state(told["follows"])
        followed = time.perf_counter() - began
        return Took(key, picture, followed, self._processor() - used, self._memory())

    def pictures(self, n: int) -> float:
        """Seconds of the server's processors for a picture, while nothing else is asked."""
        used = self._processor()
        for row in range(n):
            self.get(f"image/{row}")
        return (self._processor() - used) / n

    def _processor(self) -> float:
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self) -> float:
        pages = int(Path(f"/proc/{self._process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MIB


@contextmanager
def served(images: Set) -> Iterator[Page]:
    """The page of `tacit label` on these images, ended afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "images.npy"), images.pixels)
        words = ["images.npy"]
        if images.codes is not None:
            np.save(Path(folder, "codes.npy"), images.codes)
            words += ["--encoder", "features:codes.npy"]
        with started(words, folder) as page:
            yield page


@contextmanager
def started(words: list[str], folder: str) -> Iterator[Page]:
    """The page of `tacit label WORDS` as it runs in a folder, ended afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "tacit", "label", *words, "--no-browser"],
        cwd=folder, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            told = next(line for line in process.stdout if line.startswith("Label here: "))
            yield Page(told.split()[-1], process.pid)
        finally:
            process.kill()


def answered(page: Page, names: NDArray[np.str_], n: int) -> list[Took]:
    """What n answers took, one after the other."""
    return [page.answer(names) for _ in range(n)]


def told(which: str, some: list[Took]) -> str:
    """One line on some answers."""

    def both(name: str) -> str:
        values = [1000 * getattr(one, name) for one in some]
        return f"{np.median(values):.0f} (longest {max(values):.0f})"

    return (
        f"{which}: key {both('key')} ms, next picture {both('picture')} ms, all followed "
        f"{both('followed')} ms, {both('processor')} ms of processor; {some[0].memory:.0f} to "
        f"{some[-1].memory:.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="mnist")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--images", type=int)
    parser.add_argument("--answers", type=int, default=500)
    given = parser.parse_args()
    images = (
        synthetic(given.images or 100_000)
        if given.source == "synthetic"
        else named(given.source, given.data_dir, given.images)
    )
    with served(images) as page:
        seen = answered(page, images.names, given.answers)
        picture = page.pictures(200)
    part = min(100, len(seen) // 2)
    print(f"{len(images.pixels):,} images, {len(seen)} answers")
    print(told(f"first {part}", seen[:part]))
    print(told(f"last {part}", seen[-part:]))
    print(f"a picture takes {1000 * picture:.1f} ms of processor")


if __name__ == "__main__":
    main()
