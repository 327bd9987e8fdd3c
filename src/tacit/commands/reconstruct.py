"""``tacit reconstruct``: images, and what a model makes of them."""

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
IN_GRID = 50


@command
def reconstruct(
    model: Path,
    /,
    *,
    out: Path,
    which: Which = ANY,
    source: Source = NONE,
) -> int:
    """Write the reconstructions of images.

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/inference, or the folder of a saved model.
    out
        A .png (images above, reconstructions below; at most 50), an .npz of all, or a folder for
        one PNG each.
    """
    import numpy as np

    from tacit.commands.outputs import (
        check_out,
        followed,
        in_rows,
        write_arrays,
        write_grid,
        write_pictures,
    )
    from tacit.models.models import VAE, Autoencoder

    check_out(out, (".png", ".npz"), folder=True)
    trained = open_model(model, which)
    if not isinstance(trained.model, Autoencoder | VAE):
        what = trained.config.learn
        raise CommandError(f"a {what} model has no decoder; autoencoders and VAEs reconstruct")
    inputs = open_inputs(model, trained, source)
    picture = out.suffix.lower() == ".png"
    if picture:
        inputs = inputs.first(IN_GRID)
    names, originals, decoded = [], [], []
    for batch in followed(inputs, "reconstructing"):
        names += batch.names
        originals.append(batch.pixels)
        decoded.append(trained.reconstruct(batch.pixels))
    images, made = np.concatenate(originals), np.concatenate(decoded)
    if picture:
        pairs = zip(in_rows(list(images)), in_rows(list(made)), strict=True)
        write_grid(out, [row for pair in pairs for row in pair])
    elif out.suffix.lower() == ".npz":
        write_arrays(out, images=images, reconstructions=made, names=np.array(names))
    else:
        write_pictures(out, names, made)
    return DONE
