"""``tacit sample``: new images from a VAE."""

from pathlib import Path

from tacit.commands.options import DONE, CommandError, Which, command, open_model

ANY = Which()


@command
def sample(
    model: Path, /, *, out: Path, which: Which = ANY, n: int = 20, noise_seed: int = 0
) -> int:
    """Write decoded draws from a VAE's prior N(0, I).

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/inference, or the folder of a saved VAE.
    out
        A .png of all, an .npz, or a folder for one PNG each.
    n
        How many.
    noise_seed
        The same number, the same draws.
    """
    from tacit.commands.outputs import (
        check_out,
        in_rows,
        write_arrays,
        write_grid,
        write_pictures,
    )
    from tacit.models.models import VAE

    check_out(out, (".png", ".npz"), folder=True)
    if n < 1:
        raise CommandError(f"--n is {n}; at least one image can be sampled")
    trained = open_model(model, which)
    if not isinstance(trained.model, VAE):
        raise CommandError(
            f"{model} holds a model of kind {type(trained.model).__name__}, which has no prior to "
            "sample from; a VAE has one"
        )
    images = trained.sample(n, seed=noise_seed)
    if out.suffix.lower() == ".png":
        write_grid(out, in_rows(list(images)))
    elif out.suffix.lower() == ".npz":
        write_arrays(out, images=images)
    else:
        write_pictures(out, [f"sample-{i}" for i in range(n)], images)
    return DONE
