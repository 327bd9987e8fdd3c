"""What an encoder reads of a study's images, as files from which its network is trained on."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import About
from tacit.encoders.laid import FOLDER, lay_files, originals_of
from tacit.encoders.making import BATCH, Progress, read
from tacit.encoders.recipe import Recipe
from tacit.files import write_atomically
from tacit.images.dataset import Split
from tacit.images.originals import Originals
from tacit.images.parallel import in_order


@dataclass(frozen=True, eq=False)
class Inputs:
    """Pictures as an encoder reads them, as examples.

    Attributes:
        pixels: uint8, (N, C, H, W): resized and cut, but not normalised yet; may be mapped.
        recipe: the encoder's. labels: none; who learns has a trial's own.
    """

    pixels: NDArray[np.uint8]
    recipe: Recipe
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def scaled(self, index: NDArray[np.integer]) -> NDArray[np.float32]:
        """What the network reads of those at `index`, (n, C, H, W): (pixel - mean) / sd."""
        mean, sd = (
            np.array(values, np.float32)[:, None, None]
            for values in (self.recipe.mean, self.recipe.sd)
        )
        pixels = np.asarray(self.pixels[index]).astype(np.float32) / np.float32(255)
        return np.ascontiguousarray((pixels - mean) / sd)


def _fill(
    pixels: NDArray[np.uint8], originals: Originals, recipe: Recipe, progress: Progress | None
) -> None:
    whole = replace(recipe, raw=True, layout="nchw")

    def batch(first: int) -> NDArray[np.generic]:
        rows = range(first, min(first + BATCH, len(originals)))
        return np.stack([read(originals, i, whole) for i in rows])

    firsts = range(0, len(originals), BATCH)
    for first, found in zip(firsts, in_order(batch, firsts, group=1), strict=True):
        pixels[first : first + len(found)] = found
        if progress:
            progress(first + len(found), len(originals))


def lay_inputs(folder: Path, about: About, images: Split, progress: Progress | None = None) -> None:
    """Write what an encoder reads where workers map it.

    What lies there whole stays, unless it is of other images.

    Raises:
        ImagesError: a picture cannot be read.
    """
    recipe, originals = about.recipe, originals_of(images)
    assert recipe is not None
    shape = (len(originals), recipe.channels, *recipe.size)

    def write(file: Path) -> None:
        pixels = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
        _fill(pixels, originals, recipe, progress)
        pixels.flush()

    name = f"{about.key[:16]}-inputs"
    parts = {f"{name}.npy": partial(write_atomically, write=write, durable=False)}
    lay_files(folder / FOLDER, name, {"images": images.sha256}, parts)


def read_inputs(folder: Path, about: About, n_train: int) -> tuple[Inputs, Inputs]:
    """What `lay_inputs` wrote, mapped: training and test images.

    Raises:
        FileNotFoundError: there is nothing of this encoder.
    """
    assert about.recipe is not None
    pixels = np.load(folder / FOLDER / f"{about.key[:16]}-inputs.npy", mmap_mode="r")
    return Inputs(pixels[:n_train], about.recipe), Inputs(pixels[n_train:], about.recipe)
