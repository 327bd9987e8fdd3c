"""``tacit encode``: images to codes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tacit.commands.options import (
    DONE,
    CommandError,
    Source,
    Which,
    check_limit,
    command,
    open_inputs,
    open_model,
)
from tacit.studies.options import OnNodes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANY, NONE, HERE = Which(), Source(), OnNodes()
TABLES, ARRAYS, ROWS = (".csv",), (".npz",), (".npy",)


@command
def encode(
    model: Annotated[Path, Parameter(name="MODEL|SOURCE")],
    /,
    *,
    encoder: str | None = None,
    which: Which = ANY,
    source: Source = NONE,
    nodes: OnNodes = HERE,
    out: Path | None = None,
) -> int:
    """Write the codes of images, as CSV, .npz or .npy.

    Of a VAE the code is the posterior's mean: the same image, the same code. With --encoder the
    images are named first, and the codes are those of an encoder from elsewhere on the original
    pictures; they are kept, and made once: tacit encode photographs --encoder timm:resnet18. A
    cluster makes them shard by shard, and one that was stopped goes on from the last.

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/inference, or the folder of a saved model; with
        --encoder the images: a named set, a folder, an .npz, .npy or idx file, or a .parquet table
        with the column path of image files (below its own folder), and label where they have one.
    encoder
        timm:NAME, timm:NAME@FILE or onnx:FILE.
    out
        A file that ends with .csv, .npz or .npy (codes alone); by default CSV is printed.
    """
    import numpy as np

    from tacit.commands.outputs import check_out, followed
    from tacit.saved.folder import is_model_folder
    from tacit.saved.runs import INDEX

    check_out(out, (*TABLES, *ARRAYS, *ROWS))
    if encoder is not None:
        return _from_elsewhere(str(model), encoder, which, source, nodes, out)
    if nodes != HERE:
        raise CommandError(
            "--cluster makes features by an encoder from elsewhere: --encoder SOURCE"
        )
    try:
        trained = open_model(model, which)
    except CommandError as error:
        if source.images or (model / INDEX).is_file() or is_model_folder(model):
            raise
        raise CommandError(
            f"{error}; where images are named, name an encoder as well: --encoder SOURCE"
        ) from error
    inputs = open_inputs(model, trained, source)
    names, labels, codes = [], [], []
    for batch in followed(inputs, "encoding"):
        names += batch.names
        labels += batch.labels
        codes.append(trained.encode(batch.pixels))
    _write(out, "image", names, labels, np.concatenate(codes))
    return DONE


def _from_elsewhere(
    images: str, encoder: str, which: Which, source: Source, nodes: OnNodes, out: Path | None
) -> int:
    import numpy as np
    from rich.console import Console

    from tacit.commands.originals import originals_of
    from tacit.encoders.opening import open_encoder
    from tacit.studies.execution.executors.opening import device_here, opened
    from tacit.studies.execution.progress import reading
    from tacit.studies.options import How

    if which != ANY:
        raise CommandError(
            "--encoder is of elsewhere; --run, --seed, --draw, --epoch are of a study"
        )
    if source.images:
        raise CommandError(
            f"with --encoder the images are named first: tacit encode {source.images[0]} --encoder "
            f"{encoder}"
        )
    check_limit(source)
    how = How(cluster=nodes.cluster, shared=nodes.shared)
    device, errors = device_here(how)
    if errors:
        raise CommandError("; ".join(errors))
    made_by = open_encoder(encoder, device)
    console = Console(stderr=True)
    with reading(console, "reading images") as progress:
        found = originals_of(images, source.data_dir, source.skip_bad, source.limit, progress)
    for note in found.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    with (
        opened(how, device) as executor,
        reading(console, f"encoding by {made_by.about.name}") as progress,
    ):
        features = made_by.features(found.originals, progress, executor.encoding)
    console.print(made_by.about.words, markup=False, highlight=False, soft_wrap=True)
    codes = np.asarray(features, np.float32)
    _write(out, found.originals.column, found.originals.names, found.labels, codes)
    return DONE


def _write(
    out: Path | None,
    column: str,
    names: Sequence[str],
    labels: Sequence[str],
    codes: "NDArray[np.floating[Any]]",
) -> None:
    import numpy as np

    from tacit.commands.outputs import write_arrays, write_table
    from tacit.files import write_array

    suffix = None if out is None else out.suffix.lower()
    if out is not None and suffix in ARRAYS:
        write_arrays(out, codes=codes, names=np.array(names), labels=np.array(labels))
        return
    if out is not None and suffix in ROWS:
        write_array(out, codes)
        return
    columns = [f"code_{i}" for i in range(codes.shape[1])]
    rows: Iterable[Sequence[Any]] = ([n, *c.tolist()] for n, c in zip(names, codes, strict=True))
    if any(labels):
        rows = ([row[0], label, *row[1:]] for row, label in zip(rows, labels, strict=True))
        columns = ["label", *columns]
    write_table(out, [column, *columns], rows)
