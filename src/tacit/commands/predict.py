"""``tacit predict``: images to classes."""

from pathlib import Path
from typing import TYPE_CHECKING

from tacit.commands.options import (
    DONE,
    CommandError,
    Source,
    Which,
    check_limit,
    command,
    errors_of_use,
    open_inputs,
    open_model,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tacit.saved.trained import TrainedModel

ANY, NONE = Which(), Source()


@command
def predict(
    model: Path,
    /,
    *,
    which: Which = ANY,
    source: Source = NONE,
    encoder: str | None = None,
    out: Path | None = None,
) -> int:
    """Write the likeliest class of each image and the probability of every class.

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/transfer, or the folder of a saved classifier.
    encoder
        Of a model that reads features of an encoder from elsewhere, what names it here, where its
        file does not lie any more where it did: timm:NAME@FILE or onnx:FILE.
    out
        A file that ends with .csv or .npz; by default CSV is printed.
    """
    import numpy as np

    from tacit.commands.outputs import check_out, followed, write_arrays, write_table
    from tacit.models.models import Classifier

    check_out(out, (".csv", ".npz"))
    trained = open_model(model, which, encoder)
    if not isinstance(trained.model, Classifier):
        raise CommandError(f"{_what(model, which)} is no classifier, and predicts nothing")
    if trained.reads_originals:
        names, labels, probabilities = _of_originals(model, trained, source)
    elif encoder is not None:
        raise CommandError(f"{_what(model, which)} has an encoder of its own; leave --encoder away")
    else:
        names, labels, parts = [], [], []
        for batch in followed(open_inputs(model, trained, source), "predicting"):
            names += batch.names
            labels += batch.labels
            parts.append(trained.predict_proba(batch.pixels))
        probabilities = np.concatenate(parts)
    classes = np.asarray(trained.class_names)
    likeliest = classes[probabilities.argmax(axis=1)]
    if out is not None and out.suffix.lower() == ".npz":
        write_arrays(
            out,
            predicted=likeliest,
            probabilities=probabilities,
            classes=classes,
            names=np.array(names),
            labels=np.array(labels),
        )
        return DONE
    known = any(labels)
    header = ["image", *(["label"] if known else []), "predicted", "probability"]
    rows = (
        [name, *([label] if known else []), found, max(row), *row]
        for name, label, found, row in zip(
            names, labels, likeliest.tolist(), probabilities.tolist(), strict=True
        )
    )
    write_table(out, [*header, *(f"p({name})" for name in classes)], rows)
    return DONE


def _what(model: Path, which: Which) -> str:
    return f"run '{which.run}'" if which.run else str(model)


def _of_originals(
    model: Path, trained: "TrainedModel", source: Source
) -> "tuple[list[str], list[str], NDArray[np.float32]]":
    """Names, labels and probabilities of pictures that an encoder from elsewhere reads."""
    from rich.console import Console

    from tacit.commands.originals import named_originals
    from tacit.studies.execution.progress import reading

    check_limit(source)
    if not source.images:
        raise CommandError("name the images: --images SOURCE")
    with errors_of_use():
        encoder = trained.elsewhere
    console = Console(stderr=True)
    with reading(console, "reading images") as progress:
        found = named_originals(
            source.images, source.data_dir, source.skip_bad, source.limit, progress
        )
    for note in found.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    with reading(console, f"encoding by {encoder.about.name}") as progress:
        codes = trained.features(found.originals, progress)
    return list(found.originals.names), found.labels, trained.probabilities_of(codes)
