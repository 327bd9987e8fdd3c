"""Verified downloads: from the first mirror that has the published content, and whole or not."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tacit.errors import ImagesError
from tacit.images.bounded import verify
from tacit.images.cache import writing

_TIMEOUT = 30.0
"""Seconds without an answer after which a mirror counts as down."""


def download(name: str, mirrors: Sequence[str], folder: Path, *, sha256: str) -> Path:
    """The file `name` in `folder`, downloaded where it is missing or damaged there.

    A download goes to a temporary file, which gets its name only after its uncompressed content
    was verified.

    Args:
        name: the file's name, in the folder and below each mirror.
        mirrors: addresses of folders, tried in this order.
        folder: where it is kept.
        sha256: of the uncompressed content.

    Raises:
        ImagesError: no mirror gave the published content; the message says why for each.
    """
    import pooch
    import requests

    path = folder / name
    if path.exists():
        try:
            verify(path, sha256)
        except ImagesError:
            with writing(path):
                path.unlink()
        else:
            return path

    def fetch_verified(url: str, output: str, _: Any) -> None:
        pooch.HTTPDownloader(timeout=_TIMEOUT)(url, output, None)
        try:
            verify(Path(output), sha256)
        except ImagesError as error:
            raise ImagesError(str(error).replace(output, name)) from None

    errors = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}"
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(url, None, fname=name, path=folder, downloader=fetch_verified)
        except (requests.RequestException, ImagesError) as error:
            errors.append(f"\n  {url}: {error}")
        except OSError as error:
            with writing(folder):
                raise error
        else:
            return path
    raise ImagesError(
        f"{name} could not be downloaded (tried {len(errors)}):{''.join(errors)}\n"
        "Where there is no network, data_dir (--data-dir) can name a folder that holds the files"
    )


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """pooch prints each hash that it was not told; ours are checked on the uncompressed content."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
