"""Tables and pictures that commands write, whole or not at all; progress on the way."""

import csv
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from tacit.commands.inputs import Batch, Inputs
from tacit.commands.options import CommandError
from tacit.figures.grids import grid, pixels
from tacit.files import write_atomically, write_csv
from tacit.images.own import PICTURES, mark

GRID_COLUMNS = 10
_IN_MEMORY = 256 << 20


def followed(inputs: Inputs, doing: str) -> Iterator[Batch]:
    """Batches with a bar on the terminal, once all images were read and all of them is said.

    What cannot be read is so known before any work, and what was done to the images said. Decoded
    pixels wait in memory, or in a temporary file where they are many.

    Raises:
        ImagesError: as `Inputs.batches`.
    """
    console = Console(stderr=True)
    for note in filter(None, inputs.known):
        console.print(note.strip(), markup=False, highlight=False, soft_wrap=True)
    mapped = inputs.shape is None  # and read again as fast
    read: list[Batch] = []
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as kept:
        for batch in _counted(inputs.batches(), len(inputs), "reading images", console):
            if not mapped:
                kept.write(np.ascontiguousarray(batch.pixels).data)
                read.append(batch._replace(pixels=batch.pixels[:0]))
        for note in inputs.notes:
            console.print(note, markup=False, highlight=False, soft_wrap=True)
        kept.seek(0)
        again = inputs.batches() if mapped else (_back(batch, kept) for batch in read)
        yield from _counted(again, len(inputs), doing, console)


def _back(batch: Batch, kept: IO[bytes]) -> Batch:
    """A batch with its pixels, the next in a file."""
    shape = (len(batch.names), *batch.pixels.shape[1:])
    pixels = np.frombuffer(kept.read(math.prod(shape)), np.uint8).reshape(shape)
    return batch._replace(pixels=pixels)


def _counted(batches: Iterable[Batch], n: int, doing: str, console: Console) -> Iterator[Batch]:
    """Batches of `n` images with a bar on the terminal."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=n)
        for batch in batches:
            yield batch
            progress.advance(task, len(batch.names))


def check_out(out: Path | None, suffixes: Sequence[str], *, folder: bool = False) -> None:
    """See, before any work, that what is to be written has a form that is known.

    Raises:
        CommandError: with the choices.
    """
    if out is None:
        return
    if out.suffix.lower() not in suffixes and not (folder and not out.suffix):
        choices = ", ".join(suffixes) + (" or a folder" if folder else "")
        raise CommandError(f"--out is {out}; it ends with {choices}")
    if not out.resolve().parent.is_dir():
        raise CommandError(f"--out is {out}; there is no folder {out.parent}")


def write_table(out: Path | None, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """CSV into a file, or to the standard output."""
    if out is not None:
        write_csv(out, header, rows)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    sys.stdout.flush()


def write_arrays(out: Path, **arrays: NDArray[Any]) -> None:
    """Arrays as .npz."""

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]

    write_atomically(out, write)


def write_pictures(out: Path, names: Sequence[str], images: NDArray[Any]) -> None:
    """Images, (n, C, H, W), as one PNG each, named after their source.

    A folder that was empty is marked as tacit's own: in a folder of images it is no class.
    """
    out.mkdir(parents=True, exist_ok=True)
    if not any(out.iterdir()):  # of a folder with images of someone's, none is to be passed over
        (out / PICTURES).touch()
    for number, (name, image) in enumerate(zip(names, images, strict=True)):
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(name).stem)[:80]
        shown = pixels(image)
        picture = Image.fromarray(shown[:, :, 0] if image.shape[0] == 1 else shown)
        write_atomically(
            out / f"{number:05d}-{stem}.png", partial(picture.save, format="PNG", pnginfo=mark())
        )


def write_grid(out: Path, rows: Sequence[Sequence[NDArray[Any] | None]]) -> None:
    """Images in rows as one PNG."""
    data = grid(rows)
    write_atomically(out, lambda file: file.write_bytes(data))


def in_rows(images: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
    """Images ten to a row."""
    return [
        list(images[start : start + GRID_COLUMNS]) for start in range(0, len(images), GRID_COLUMNS)
    ]
