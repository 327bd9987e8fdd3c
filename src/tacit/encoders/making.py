"""Features of many pictures: decoded and encoded on all cores, what is there already not again."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import About, Engine
from tacit.encoders.recipe import Recipe
from tacit.encoders.store import ABSENT, Store
from tacit.errors import EncoderError, ImagesError
from tacit.images.cache import cache_folder
from tacit.images.decoding import why_unreadable
from tacit.images.originals import Originals
from tacit.images.parallel import in_order
from tacit.images.rows import RowsOf

BATCH = 16
"""Pictures that one core decodes and encodes at a time."""

Progress = Callable[[int, int], None]


def store_of(about: About) -> Store:
    """Where the features of an encoder are kept: in the cache, by what they depend on."""
    return Store(cache_folder("features") / about.key[:32], about.n_features)


def seconds_for(about: About, n_pictures: int) -> float | None:
    """About how long it takes to encode so many pictures, as it took those of the store.

    None where none were encoded here.
    """
    notes = store_of(about).notes
    pictures = notes.get("pictures", 0)
    return n_pictures * notes["seconds"] / pictures if pictures else None


def made(
    about: About,
    originals: Originals,
    engine: Callable[[Store, Sequence[int]], Engine],
    progress: Progress | None = None,
) -> RowsOf:
    """The features of the pictures, (N, D), those that are not in the store made and added first.

    An interrupted call goes on where it stopped; memory does not grow with the number of pictures.

    Args:
        about: the encoder, which has a recipe. originals: the pictures.
        engine: called where there is something to do, with the store and the pictures that are
            missing.
        progress: called with (done, total) pictures.

    Raises:
        ImagesError: a picture cannot be read, or its features are not finite.
    """
    store = store_of(about)
    contents = list(in_order(originals.content, range(len(originals))))
    if (store.rows(contents) == ABSENT).any():
        with store.adding():
            _add(store, about, originals, contents, engine, progress)
    return store.features(contents)


def _add(
    store: Store,
    about: About,
    originals: Originals,
    contents: list[bytes],
    engine: Callable[[Store, Sequence[int]], Engine],
    progress: Progress | None,
) -> None:
    absent = np.flatnonzero(store.rows(contents) == ABSENT)
    # One of equal pictures stands for all.
    missing = list({contents[i]: i for i in absent.tolist()}.values())
    if not missing:
        return
    recipe = about.recipe
    assert recipe is not None
    run = engine(store, missing)
    store.note(encoder=about.name, engine=run.name)
    started = time.perf_counter()
    batches = [missing[first : first + BATCH] for first in range(0, len(missing), BATCH)]

    def encoded(batch: list[int]) -> NDArray[np.float32]:
        return run(np.stack([read(originals, i, recipe) for i in batch]))

    done = 0
    with closing(in_order(encoded, batches, group=1)) as results:
        for batch, features in zip(batches, results, strict=True):
            finite = np.isfinite(features).all(axis=1)
            if not finite.all():
                name = originals.names[batch[int(finite.argmin())]]
                raise EncoderError(
                    f"encoder '{about.name}' gives {name} features that are no numbers"
                )
            store.add([contents[i] for i in batch], features)
            done += len(batch)
            if progress:
                progress(done, len(missing))
    taken = time.perf_counter() - started
    before = store.notes.get("seconds", 0.0), store.notes.get("pictures", 0)
    store.note(seconds=before[0] + taken, pictures=before[1] + done)


def read(originals: Originals, i: int, recipe: Recipe) -> NDArray[np.generic]:
    """Picture `i` as the encoder reads it.

    Raises:
        ImagesError: it cannot be read; it is named.
    """
    try:
        return recipe.apply(originals.picture(i, recipe.longest))
    except ImagesError:
        raise
    except Exception as error:
        # A decoder may raise anything on a damaged file.
        raise ImagesError(f"{originals.names[i]}: {why_unreadable(error)}") from error
