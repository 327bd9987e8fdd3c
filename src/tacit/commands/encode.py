"""``tacit encode``: images to codes."""

from pathlib import Path

from tacit.commands.options import DONE, Source, Which, command, open_inputs, open_model

ANY, NONE = Which(), Source()


@command
def encode(
    model: Path, /, *, which: Which = ANY, source: Source = NONE, out: Path | None = None
) -> int:
    """Write the codes of images, as CSV or .npz.

    Of a VAE the code is the posterior's mean: the same image, the same code.

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/inference, or the folder of a saved model.
    out
        A file that ends with .csv or .npz; by default CSV is printed.
    """
    import numpy as np

    from tacit.commands.outputs import check_out, followed, write_arrays, write_table

    check_out(out, (".csv", ".npz"))
    trained = open_model(model, which)
    inputs = open_inputs(model, trained, source)
    names, labels, codes = [], [], []
    for batch in followed(inputs, "encoding"):
        names += batch.names
        labels += batch.labels
        codes.append(trained.encode(batch.pixels))
    array = np.concatenate(codes)
    if out is not None and out.suffix.lower() == ".npz":
        write_arrays(out, codes=array, names=np.array(names), labels=np.array(labels))
        return DONE
    columns = [f"code_{i}" for i in range(array.shape[1])]
    rows = zip(names, labels, array.tolist(), strict=True)
    if inputs.labelled:
        write_table(out, ["image", "label", *columns], ([n, y, *c] for n, y, c in rows))
    else:
        write_table(out, ["image", *columns], ([n, *c] for n, _, c in rows))
    return DONE
