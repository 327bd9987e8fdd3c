"""Features of many pictures: decoded and encoded on all cores, what is there already not again."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import About, Engine, Network, Nodes
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

SHARD = 32 * BATCH
"""Pictures that a node encodes at a time. Whole batches: the last digits depend on their size."""

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
    encoder: Network,
    originals: Originals,
    engine: Callable[[Store, Sequence[int]], Engine],
    progress: Progress | None = None,
    nodes: Nodes | None = None,
) -> RowsOf:
    """The features of the pictures, (N, D), those that are not in the store made and added first.

    An interrupted call goes on where it stopped, by batches here and by shards on nodes; memory
    does not grow with the size of the pictures. Rows are added in the order of the pictures: the
    store is the same to the byte whoever made them.

    Args:
        encoder: it has a recipe. originals: the pictures.
        engine: called where there is something to do, with the store and the pictures that are
            missing.
        progress: called with (done, total) pictures.
        nodes: who makes them in place of this machine's cores.

    Raises:
        ImagesError: a picture cannot be read, or its features are not finite.
    """
    store = store_of(encoder.about)
    contents = list(in_order(originals.content, range(len(originals))))
    if (store.rows(contents) == ABSENT).any():
        with store.adding():
            _add(store, encoder, originals, contents, engine, progress, nodes)
    return store.features(contents)


def _add(
    store: Store,
    encoder: Network,
    originals: Originals,
    contents: list[bytes],
    engine: Callable[[Store, Sequence[int]], Engine],
    progress: Progress | None,
    nodes: Nodes | None,
) -> None:
    absent = np.flatnonzero(store.rows(contents) == ABSENT)
    # One of equal pictures stands for all.
    missing = list({contents[i]: i for i in absent.tolist()}.values())
    if not missing:
        return
    about = encoder.about
    run = engine(store, missing)
    store.note(encoder=about.name, engine=run.name)
    started = time.perf_counter()
    size = BATCH if nodes is None else SHARD
    pieces = [missing[first : first + size] for first in range(0, len(missing), size)]
    found: Generator[NDArray[np.float32]]
    if nodes is None:
        found = in_order(lambda piece: features_of(run, about, originals, piece), pieces, group=1)
    else:
        found = nodes.features(encoder, run.name, originals, pieces)
    done = 0
    with closing(found) as results:
        for batch, features in zip(pieces, results, strict=True):
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


def features_of(
    run: Engine, about: About, originals: Originals, rows: Sequence[int]
) -> NDArray[np.float32]:
    """The features of the pictures at `rows`, (n, D), at most `BATCH` at a time.

    Raises:
        ImagesError: one cannot be read; it is named.
    """
    recipe = about.recipe
    assert recipe is not None
    batches = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    return np.concatenate(
        [run(np.stack([read(originals, i, recipe) for i in batch])) for batch in batches]
    )


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
