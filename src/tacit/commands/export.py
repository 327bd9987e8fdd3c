"""``tacit export``: a trained model as ONNX, or as a folder of its own."""

from pathlib import Path
from typing import Literal

from tacit.commands.options import (
    DONE,
    CommandError,
    Source,
    Which,
    command,
    errors_of_use,
    open_inputs,
    open_model,
)

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
    """
    from rich.console import Console

    trained = open_model(model, which)
    console = Console(soft_wrap=True)
    if to == "folder":
        with errors_of_use():
            trained.save(out)
        console.print(f"saved in {out}", markup=False, highlight=False)
        return DONE
    from tacit.commands.outputs import followed
    from tacit.saved.onnx import CHECKED, OnnxError
    from tacit.saved.onnx import export as export_onnx

    if out.exists() and not out.is_dir():
        raise CommandError(f"--out is {out}, a file; ONNX files are put in a folder")
    inputs = open_inputs(model, trained, source).first(CHECKED)
    batch = next(followed(inputs, "checking"))
    try:
        for exported in export_onnx(trained, out, batch.pixels):
            console.print(str(exported), markup=False, highlight=False)
    except OnnxError as error:
        raise CommandError(str(error)) from error
    return DONE
