"""Encoders, decoders and classifiers as ONNX files, checked in onnxruntime against PyTorch."""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit.files import write_atomically
from tacit.models.models import VAE, Autoencoder, Classifier, Model
from tacit.models.parts import part_of
from tacit.saved.form import Form

TOLERANCE = 1e-4
CHECKED = 64
"""At most so many images are compared."""


class OnnxError(RuntimeError):
    """An export that cannot be made, or that does not compute what the model does."""


@dataclass(frozen=True)
class Exported:
    """A file that was written and checked.

    Attributes:
        path: the file.
        given, got: the names of its input and its output.
        difference: the largest between onnxruntime and PyTorch, of any number.
        n: on so many images.
    """

    path: Path
    given: str
    got: str
    difference: float
    n: int

    def __str__(self) -> str:
        return (
            f"{self.path.name}: {self.given} → {self.got}; differs from PyTorch "
            f"by at most {self.difference:.1e} on {self.n} images"
        )


class _Encoder(nn.Module):
    """Images, (B, C, H, W) in [0, 1], or values, (B, d), to codes."""

    def __init__(self, model: Model, form: Form) -> None:
        super().__init__()
        self.encoder = part_of(model, "encoder")
        self.form = _Form(form)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(self.form(x))


class _Decoder(nn.Module):
    """Codes to E[x | z], in the form of the inputs."""

    def __init__(self, model: Autoencoder | VAE, form: Form) -> None:
        super().__init__()
        self.decoder, self.likelihood = model.decoder, model.likelihood
        self.form = _Form(form)

    def forward(self, code: Tensor) -> Tensor:
        # `Decoder.forward` keeps leading dimensions, which an exporter would have to guess at.
        flat = self.decoder.layers(code)
        u = self.likelihood.mean(flat.reshape(-1, *self.decoder.shape))
        return self.form.back(u)


class _Classifier(nn.Module):
    """Images or values to class probabilities."""

    def __init__(self, model: Classifier, form: Form) -> None:
        super().__init__()
        self.classifier = model
        self.form = _Form(form)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.form(x)).softmax(dim=1)


class _Form(nn.Module):
    """A `Form` inside a graph: values are standardised there, images come as (B, C, H, W)."""

    offset: Tensor
    scale: Tensor

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.shape = form.shape
        self.values = form.offset is not None
        if form.offset is not None and form.scale is not None:
            self.register_buffer("offset", torch.from_numpy(form.offset).float())
            self.register_buffer("scale", torch.from_numpy(form.scale).float())

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.offset) / self.scale).reshape(-1, *self.shape) if self.values else x

    def back(self, u: Tensor) -> Tensor:
        return u.flatten(1) * self.scale + self.offset if self.values else u


def export(model: Any, folder: str | Path, images: Any) -> list[Exported]:
    """Write ``encoder.onnx``, ``decoder.onnx`` or ``classifier.onnx``: what the model has.

    Graphs take batches of any size. Images go in as float32 in [0, 1], (B, C, H, W), rows of
    values as float32 as they are; a decoder gives the same back. A file is put in its place only
    after onnxruntime has computed what PyTorch computes, on the images given and on one alone.

    Args:
        model: a `tacit.TrainedModel` or a fitted estimator.
        folder: where the files go; it is made where there is none.
        images: real ones, in the form that the model takes; at most 64 are used.

    Raises:
        OnnxError: the extra is not installed, there is nothing to export, or a file differs from
            the model by more than 1e-4.
    """
    runtime = _runtime()
    network, form = _parts(model)
    x = _inputs(model, form, images)
    graphs = _graphs(network, form, x)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [_written(folder / f"{graph.name}.onnx", graph, runtime) for graph in graphs]


def _runtime() -> ModuleType:
    missing = []
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            module = import_module(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise OnnxError(
            f"{', '.join(missing)}: not installed; the export needs the extra: "
            "pip install 'tacit[onnx]'"
        )
    return module


def _parts(model: Any) -> tuple[Model, Form]:
    if hasattr(model, "model_"):
        return model.model_, model.form_
    if hasattr(model, "model"):
        return model.model, model.form
    raise TypeError(f"a {type(model).__name__} is neither a TrainedModel nor a fitted estimator")


def _inputs(model: Any, form: Form, images: Any) -> Tensor:
    if not len(images):
        raise ValueError("there is no image to check the export with")
    if form.layout == "values":
        return torch.from_numpy(np.asarray(images[:CHECKED], dtype=np.float32))
    if hasattr(model, "model_"):
        return torch.from_numpy(form.to_network(np.asarray(images[:CHECKED]), np.float32))
    return torch.from_numpy(model.pixels(images[:CHECKED]))


class _Graph(NamedTuple):
    """A file's name, what it computes, what it is checked with, the names of input and output."""

    name: str
    module: nn.Module
    x: Tensor
    given: str
    got: str


def _graphs(model: Model, form: Form, x: Tensor) -> list[_Graph]:
    what = "values" if form.layout == "values" else "images"
    if isinstance(model, Classifier):
        return [
            _Graph("classifier", _Classifier(model, form), x, what, "probabilities"),
            _Graph("encoder", _Encoder(model, form), x, what, "code"),
        ]
    decoder = _Decoder(model, form)
    if isinstance(model, VAE) and not model.amortized:
        code = model.posterior(None, torch.arange(min(len(x), CHECKED))).mean.detach()
        return [_Graph("decoder", decoder, code, "code", what)]
    encoder = _Encoder(model, form)
    with torch.no_grad():
        code = encoder(x)
    return [
        _Graph("encoder", encoder, x, what, "code"),
        _Graph("decoder", decoder, code, "code", what),
    ]


def _written(path: Path, graph: _Graph, runtime: ModuleType) -> Exported:
    graph.module.eval()
    differences: list[float] = []

    def write(temporary: Path) -> None:
        _export_graph(graph, temporary)
        session = runtime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        for batch in (graph.x, graph.x[:1]):
            with torch.no_grad():
                expected = graph.module(batch).numpy()
            (found,) = session.run(None, {graph.given: batch.numpy()})
            differences.append(_largest_difference(path, found, expected))

    write_atomically(path, write)
    return Exported(path, graph.given, graph.got, max(differences), len(graph.x))


def _largest_difference(path: Path, found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Relative to the size of a number where it is larger than 1."""
    if found.shape != expected.shape:
        raise OnnxError(f"{path.name} gives {found.shape} where PyTorch gives {expected.shape}")
    difference = float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max())
    if not difference <= TOLERANCE:
        raise OnnxError(
            f"{path.name} differs from PyTorch by {difference:.2g} on {len(found)} images; at "
            f"most {TOLERANCE:g} is allowed, so it was not written"
        )
    return difference


def _export_graph(graph: _Graph, path: Path) -> None:
    # An example of two rows: PyTorch takes a batch of one for a constant.
    example = torch.cat([graph.x, graph.x])[:2]
    with _quietly(), tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "graph.onnx"
        torch.onnx.export(
            graph.module,
            (example,),
            file,
            input_names=[graph.given],
            output_names=[graph.got],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1 << 20)},),
            external_data=False,
            verbose=False,
            dynamo=True,
        )
        path.write_bytes(file.read_bytes())


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's warnings of its own deprecations and of the missing torchvision."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
