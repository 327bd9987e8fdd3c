"""``tacit export``: a trained model as ONNX, or as a folder of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

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
    from rich.console import Console

    from tacit.saved.trained import TrainedModel

ANY, NONE = Which(), Source()


@command
def export(
    model: Path,
    /,
    *,
    out: Path,
    to: Literal["onnx", "folder"] = "onnx",
    which: Which = ANY,
    source: Source = NONE,
    encoder: str | None = None,
    include_encoder: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Write a trained model for other programs.

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/inference, or the folder of a saved model.
    out
        A folder. ONNX files are put there once onnxruntime has computed with them what PyTorch
        computes, to 1e-4, on the images.
    to
        "onnx" (needs the extra tacit[onnx]), or "folder" for model.safetensors, config.json and a
        model card, which tacit.load, encode, predict and the others take.
    encoder
        As of tacit predict.
    include_encoder
        As ONNX, of a model that reads features of an encoder from elsewhere: the graph reads
        pictures, as the encoder's recipe makes them, and not its features.
    """
    from rich.console import Console

    trained = open_model(model, which, encoder)
    if (include_encoder or encoder is not None) and not trained.reads_originals:
        raise CommandError(f"{model} has an encoder of its own, which is always exported with it")
    console = Console(soft_wrap=True)
    if to == "folder":
        with errors_of_use():
            trained.save(out)
        console.print(f"saved in {out}", markup=False, highlight=False)
        return DONE
    from tacit.commands.outputs import followed
    from tacit.saved.onnx import CHECKED
    from tacit.saved.onnx import export as export_onnx

    if out.exists() and not out.is_dir():
        raise CommandError(f"--out is {out}, a file; ONNX files are put in a folder")
    if trained.reads_originals:
        _on_features(trained, source, out, console, include_encoder)
        return DONE
    inputs = open_inputs(model, trained, source).first(CHECKED)
    batch = next(followed(inputs, "checking"))
    with onnx_errors():
        for exported in export_onnx(trained, out, batch.pixels):
            console.print(str(exported), markup=False, highlight=False)
    return DONE


@contextmanager
def onnx_errors() -> Iterator[None]:
    """What cannot be exported becomes a `CommandError`."""
    from tacit.saved.onnx import OnnxError

    try:
        yield
    except OnnxError as error:
        raise CommandError(str(error)) from error


def _on_features(
    trained: "TrainedModel", source: Source, out: Path, console: "Console", include_encoder: bool
) -> None:
    """The export of a model that reads features of an encoder from elsewhere."""
    from tacit.commands.originals import named_originals
    from tacit.saved.onnx import CHECKED, export_on_features

    check_limit(source)
    if not source.images:
        raise CommandError("name the images to check the export with: --images SOURCE")
    with errors_of_use():
        trained.elsewhere  # noqa: B018  # before images are read
    found = named_originals(
        source.images, source.data_dir, source.skip_bad, CHECKED, lambda done, total: None
    )
    with onnx_errors():
        for exported in export_on_features(
            trained, out, found.originals, include_encoder=include_encoder
        ):
            console.print(str(exported), markup=False, highlight=False)
