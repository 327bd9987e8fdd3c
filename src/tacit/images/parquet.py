"""Tables in parquet files, where pyarrow is there to read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tacit.images.bounded import shown


@contextmanager
def parquet_file(path: Path, wrong: type[Exception]) -> Iterator[Any]:
    """The file as pyarrow's `ParquetFile`, for what is read of it in this block.

    Args:
        wrong: raised where the file is no such table, or there is no pyarrow.
    """
    if find_spec("pyarrow") is None:
        raise wrong(f"{shown(path)}: .parquet needs pyarrow: pip install 'tacit[parquet]'")
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise wrong(f"{shown(path)}: is no parquet table ({error})") from None
