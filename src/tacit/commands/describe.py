"""``tacit describe``: what a model is, layer by layer."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tacit.commands.options import DONE, Which, command, errors_of_use

if TYPE_CHECKING:
    from rich.console import Console

    from tacit.models.models import Model

ANY = Which()


@command
def describe(
    model: Path | None = None,
    /,
    *,
    which: Which = ANY,
    size: int = 28,
    channels: Literal["gray", "rgb"] = "gray",
    code: int = 16,
    network: Literal["conv", "dense", "pool", "resnet"] = "conv",
    learn: Literal["autoencoder", "vae", "classifier", "contrastive"] = "autoencoder",
) -> int:
    """Print a model's layers, their shapes and their numbers of parameters.

    Without MODEL: those of the model that would be made for images of a size.

    Parameters
    ----------
    model
        A study's folder (with --run) or the folder of a saved model.
    size
        Without MODEL: the side of the images.
    channels
        Without MODEL: those of the images.
    code
        Without MODEL: the width of the code.
    network
        Without MODEL: the kind of encoder and decoder.
    learn
        Without MODEL: what would be trained.
    """
    from rich.console import Console

    console = Console(soft_wrap=True)
    if model is not None:
        from tacit.saved.trained import saved_in

        with errors_of_use():
            saved = saved_in(model, which.run, seed=which.seed, draw=which.draw, epoch=which.epoch)
        about, values = saved.about, saved.form.layout == "values"
        what = "rows" if values else "images"
        console.print(f"learned from {about.data.n:,} {what}: {about.data.source}", markup=False)
        for m in about.measured:
            text = f"{m.split} {m.term}: {m.value:.5g} ± {m.standard_error:.2g} (n = {m.n:,})"
            console.print(text, markup=False, highlight=False)
        if about.encoder is not None:
            console.print(f"encoder: {about.encoder.words}", markup=False, highlight=False)
        _print_layers(saved.model, saved.form.shape, console, "values" if values else "image")
        return DONE
    import torch

    from tacit.images.alike import check_wishes
    from tacit.models.config import ModelConfig, build

    check_wishes(size, channels)
    with errors_of_use(), torch.device("meta"):
        made = build(
            ModelConfig.model_validate(
                {
                    "learn": learn,
                    "shape": (3 if channels == "rgb" else 1, size, size),
                    "latent_dim": code,
                    "n_classes": 10 if learn == "classifier" else 0,
                    "network": network,
                }
            )
        )
    _print_layers(made, (3 if channels == "rgb" else 1, size, size), console)
    return DONE


def _print_layers(
    model: "Model", shape: tuple[int, int, int], console: "Console", given: str = "image"
) -> None:
    from rich.table import Table

    from tacit.models.architecture import layers_of

    layers = layers_of(model, shape)
    table = Table(box=None, pad_edge=False)
    for name in ("part", "layer"):
        table.add_column(name)
    for name in ("output", "parameters"):
        table.add_column(name, justify="right")
    table.add_row("", given, "×".join(map(str, shape)), "")
    part = ""
    for layer in layers:
        table.add_row(
            layer.part if layer.part != part else "",
            layer.what,
            "×".join(map(str, layer.shape)),
            f"{layer.parameters:,}" if layer.parameters else "",
        )
        part = layer.part
    console.print(table)
    total = sum(layer.parameters for layer in layers)
    console.print(f"{total:,} parameters", markup=False, highlight=False)
