"""``tacit predict``: images to classes."""

from pathlib import Path

from tacit.commands.options import (
    DONE,
    CommandError,
    Source,
    Which,
    command,
    open_inputs,
    open_model,
)

ANY, NONE = Which(), Source()


@command
def predict(
    model: Path, /, *, which: Which = ANY, source: Source = NONE, out: Path | None = None
) -> int:
    """Write the likeliest class of each image and the probability of every class.

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/transfer, or the folder of a saved classifier.
    out
        A file that ends with .csv or .npz; by default CSV is printed.
    """
    import numpy as np

    from tacit.commands.outputs import check_out, followed, write_arrays, write_table
    from tacit.models.models import Classifier

    check_out(out, (".csv", ".npz"))
    trained = open_model(model, which)
    if not isinstance(trained.model, Classifier):
        raise CommandError(f"{_what(model, which)} is no classifier, and predicts nothing")
    inputs = open_inputs(model, trained, source)
    names, labels, parts = [], [], []
    for batch in followed(inputs, "predicting"):
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
    known = inputs.labelled
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
