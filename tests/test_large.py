"""More images than memory, and folders of many files: what issue reports would be about."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tacit.images.sources import open_images
from tacit.streams import numpy_stream

pytestmark = pytest.mark.slow

TRAINING = """
import json, math, sys, threading
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from tacit.images.dataset import Images, Split
from tacit.images.sources import open_images
from tacit.images import shared as shared_images
from tacit.studies.execution import work
from tacit.studies.execution.plan import plan
from tacit.studies.description.reading import parse

torch.set_num_threads(1)
path, out, shape = Path(sys.argv[1]), Path(sys.argv[2]), (3, int(sys.argv[3]), int(sys.argv[3]))
most, done = 0, threading.Event()


def anonymous():
    (line,) = [l for l in open("/proc/self/status") if l.startswith("RssAnon")]
    return int(line.split()[1]) * 1024


def watch():
    global most
    while not done.wait(0.02):
        most = max(most, anonymous())


threading.Thread(target=watch, daemon=True).start()
runs = "vae: {learn: vae}"
if path.suffix == ".npy":
    opened = open_images(str(path))
    images = Split(opened.train, opened.test)
else:
    n = path.stat().st_size // math.prod(shape)
    pixels = np.memmap(path, np.uint8, "r", shape=(n, *shape))
    labels = np.arange(n) % 11 - 1  # some images have none
    names = tuple("0123456789")
    # The test images are many too; the front of the same file stands for them.
    test = np.memmap(path, np.uint8, "r", shape=(n // 5, *shape))
    images = Split(Images(pixels, labels, names), Images(test, labels[: n // 5], names))
    runs += ", classifier: {learn: classifier}"
study, questions = parse(
    "title: Large\\ndefaults: {epochs: 1, output_bias: training-mean}\\n"
    f"runs: {{{runs}}}", "large.yaml"
)
shared_images.write_images(out / "images", images)
shared = shared_images.read_images(out / "images")
opening = max(most, anonymous())
updates = 0
for job in plan(study, questions, shared).jobs:
    job = asdict(job)
    job["task"]["schedule"] |= {"updates": 3, "evaluate_at": [3], "snapshot_at": [3]}
    (out / job["folder"]).mkdir(parents=True)
    work.train(
        job, out, shared, device="cpu", stop=lambda: False, report=lambda done, of, loss: None
    )
    updates += 3
done.set()
found = {"opening": opening, "most": max(most, anonymous()), "updates": updates}
print(json.dumps(found | {"images": list(map(len, images))}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("side", [64, 256])
def test_twenty_gigabytes_of_pixels_train_in_two_of_memory(side: int, tmp_path: Path) -> None:
    path = tmp_path / "pixels"
    n = 20 * 10**9 // (3 * side * side)
    some = numpy_stream(0, "pixels").integers(0, 256, (300, 3 * side * side), dtype=np.uint8)
    with path.open("wb") as file:
        file.truncate(n * 3 * side * side)  # sparse: it takes no room on the disk
        for place, image in zip(np.linspace(0, n - 1, 300, dtype=int), some, strict=True):
            file.seek(int(place) * image.size)
            file.write(image.tobytes())
    found = trained(path, tmp_path / "out", side)
    assert found["images"] == [n, n // 5]
    assert found["updates"] == 6


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_four_gigabytes_without_a_split_are_split_in_little(tmp_path: Path) -> None:
    """All of them are read (which of them are alike?), so here are fewer."""
    path, side = tmp_path / "pixels.npy", 256
    n = 4 * 10**9 // (3 * side * side)
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, (n, 3, side, side))
    stream = numpy_stream(0, "pixels")
    for start in range(0, n, 1000):
        # A page of each image, so that no two are the same; the rest takes no room on the disk.
        some = stream.integers(0, 256, (min(1000, n - start), 4, side), dtype=np.uint8)
        pixels[start : start + 1000, 0, :4] = some
    del pixels
    found = trained(path, tmp_path / "out", side)
    assert sum(found["images"]) == n
    assert 0.19 < found["images"][1] / n < 0.21
    assert found["updates"] == 3
    assert found["opening"] < 0.6e9


def trained(path: Path, out: Path, side: int) -> dict[str, Any]:
    """What `TRAINING` says, which must have taken little memory and no room for a copy."""
    ended = subprocess.run(
        [sys.executable, "-c", TRAINING, str(path), str(out), str(side)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(ended.stdout)
    print(found)
    assert found["most"] < 2e9
    assert sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) < 1e9
    return dict(found)


def test_sixty_thousand_small_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "many"
    rng = numpy_stream(0, "many")
    for name in range(10):
        (folder / str(name)).mkdir(parents=True)
    for number in range(60_000):
        pixels = rng.integers(0, 256, (28, 28), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / str(number % 10) / f"{number}.png")
    began = time.perf_counter()
    first = open_images(str(folder))
    decoded = time.perf_counter()
    again = open_images(str(folder))
    ended = time.perf_counter()
    print(f"first {decoded - began:.1f} s, again {ended - decoded:.2f} s")
    assert len(first.train) + len(first.test) == 60_000
    assert again.train.sha256 == first.train.sha256
    assert decoded - began <= 60
    assert ended - decoded < 1
