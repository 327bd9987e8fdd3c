"""Pictures and results that tacit wrote: in a folder of images they are none of them."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from PIL.PngImagePlugin import PngInfo

PICTURES = ".tacit-pictures"
"""Lies in a folder that was made for pictures which tacit wrote, and for nothing else."""

RESULTS = (".holder.json", "study.json", PICTURES)
"""Each is in every folder that tacit wrote results into."""

_KEY, _NAME = "Software", "tacit"
_CHUNK = f"tEXt{_KEY}\0{_NAME}".encode()
_AFTER_HEADER = 8 + 25 + 4
"""A PNG's signature, its first chunk (IHDR), and the length of the one behind it."""


def mark() -> PngInfo:
    """What every PNG that tacit writes says of itself, as the PNG specification has it."""
    said = PngInfo()
    said.add_text(_KEY, _NAME)
    return said


def among_others(root: Path, paths: Iterable[str]) -> set[str]:
    """Those of the files that are pictures by tacit which lie among, or above, pictures of others.

    A folder of them alone is somebody's choice, and images like any other.
    """
    paths = list(paths)
    own = {path for path in paths if path.lower().endswith(".png") and _is_own(f"{root}/{path}")}
    if not own:
        return own
    others = {folder for path in paths if path not in own for folder in PurePosixPath(path).parents}
    return {path for path in own if PurePosixPath(path).parent in others}


def _is_own(path: str) -> bool:
    try:
        # A folder may hold a million of them, and `open` takes twice as long.
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        return os.read(file, _AFTER_HEADER + len(_CHUNK))[_AFTER_HEADER:] == _CHUNK
    finally:
        os.close(file)
