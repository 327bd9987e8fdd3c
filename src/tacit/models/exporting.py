"""A network written as an ONNX graph."""

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn


def export_onnx(
    module: nn.Module, x: Tensor, path: Path, given: str, got: str, *, external_data: bool
) -> None:
    """Write a network that takes batches of any size.

    Without the exporter's warnings of its own deprecations and of the missing torchvision.

    Args:
        x: an example of its input, (B, …).
        given, got: what its input and its output are called.
        external_data: whether weights may lie in a file beside it.
    """
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                # An example of two rows: PyTorch takes a batch of one for a constant.
                (torch.cat([x, x])[:2],),
                path,
                input_names=[given],
                output_names=[got],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1 << 20)},),
                external_data=external_data,
                verbose=False,
                dynamo=True,
            )
    finally:
        log.setLevel(level)
