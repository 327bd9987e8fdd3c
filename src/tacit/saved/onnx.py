"""Encoders, decoders and classifiers as ONNX files, checked in onnxruntime against the model.

A check compares with what a user of the model gets: for rows of values that is computed in float64,
from the rows as they were given, while a file takes and gives float32.
"""

import json
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit import __version__
from tacit.encoders.making import read
from tacit.encoders.timm import TimmEncoder
from tacit.files import write_atomically
from tacit.images.originals import of_pictures
from tacit.models.exporting import export_onnx
from tacit.models.models import VAE, Autoencoder, Classifier, Contrastive, Model
from tacit.models.parts import part_of
from tacit.saved.form import Form
from tacit.saved.trained import TrainedModel

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
        difference: the largest between onnxruntime and the model, of any number.
        n: on so many images.
    """

    path: Path
    given: str
    got: str
    difference: float
    n: int

    def __str__(self) -> str:
        return (
            f"{self.path.name}: {self.given} → {self.got}; differs from the model "
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
    rest: Tensor
    scale: Tensor

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.shape = form.shape
        self.values = form.offset is not None
        if form.offset is not None and form.scale is not None:
            # The mean in two parts: near it, x - offset is exact, and the rest is not lost.
            offset, scale = torch.from_numpy(form.offset), torch.from_numpy(form.scale)
            self.register_buffer("offset", offset.float())
            self.register_buffer("rest", (offset - offset.float().double()).float())
            self.register_buffer("scale", scale.float())

    def forward(self, x: Tensor) -> Tensor:
        if not self.values:
            return x
        return ((x - self.offset - self.rest) / self.scale).reshape(-1, *self.shape)

    def back(self, u: Tensor) -> Tensor:
        return u.flatten(1) * self.scale + self.rest + self.offset if self.values else u


class _OnFeatures(nn.Module):
    """Features of an encoder from elsewhere, (B, D), to class probabilities.

    With `encoder` pictures as it reads them, (B, C, H, W), which it makes features of.
    """

    def __init__(self, model: Classifier, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.head = model.head
        self.encoder = nn.Identity() if encoder is None else encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).flatten(1)).softmax(dim=1)


def export_on_features(
    model: TrainedModel, folder: str | Path, pictures: Any, *, include_encoder: bool = False
) -> list[Exported]:
    """Write ``classifier.onnx`` of a classifier that reads features of an encoder from elsewhere.

    It reads the encoder's features, which its metadata name by the encoder's hash; or, with the
    encoder included, pictures as the encoder's recipe makes them, which its metadata say.

    Args:
        model: from `tacit.load`.
        folder: where the file goes; it is made where there is none.
        pictures: some to check with, as the model takes them.
        include_encoder: of timm, whose networks can be written.

    Raises:
        OnnxError: as `export`, or the encoder is none of timm.
    """
    runtime = _runtime()
    known, classifier = model.about.encoder, model.model
    assert known is not None
    assert isinstance(classifier, Classifier)
    gives = (
        f"float32 (batch, {len(model.class_names)}), probabilities in the order of tacit.classes"
    )
    about = {
        "tacit.version": __version__,
        "tacit.classes": json.dumps(list(model.class_names), ensure_ascii=False),
        "tacit.encoder": known.words,
        "tacit.encoder.sha256": known.sha256,
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "classifier.onnx"
    if not include_encoder:
        takes = f"float32 (batch, {known.n_features}), features of tacit.encoder"
        module = _OnFeatures(classifier)
        x = torch.from_numpy(model.features(pictures)[:CHECKED])
        expected = model.probabilities_of(x).astype(np.float64)
        names = ("features", "probabilities", takes, gives)
        graph = _Graph("classifier", module, x, expected, np.ones_like(expected), *names)
        return [_written(path, graph, runtime, about)]
    encoder, recipe = model.elsewhere, model.elsewhere.about.recipe
    if not isinstance(encoder, TimmEncoder) or recipe is None:
        raise OnnxError(
            f"encoder '{known.name}' is no network of timm, and is not written again; without "
            "--include-encoder the file reads its features"
        )
    found = of_pictures(pictures)
    some = range(min(len(found), CHECKED))
    x = torch.from_numpy(np.stack([read(found, i, recipe) for i in some]))
    takes = f"float32 (batch, {', '.join(map(str, x.shape[1:]))}), pictures by tacit.recipe"
    module = _OnFeatures(classifier, encoder.module)
    with torch.no_grad():  # the store rounds features, and a graph does not
        expected = module(x).double().numpy()
    about["tacit.recipe"] = json.dumps(recipe.plain())
    names = ("pictures", "probabilities", takes, gives)
    graph = _Graph("classifier", module, x, expected, np.ones_like(expected), *names)
    return [_written(path, graph, runtime, about)]


def export(model: Any, folder: str | Path, images: Any) -> list[Exported]:
    """Write ``encoder.onnx``, ``decoder.onnx`` or ``classifier.onnx``: what the model has.

    Graphs take batches of any size. Images go in as float32 in [0, 1], (B, C, H, W), rows of
    values as float32 as they are; a decoder gives the same back. A file is put in its place only
    after onnxruntime has computed what the model gives its user (`transform`, `predict_proba`,
    `inverse_transform`, `encode`, …), on the images given and on one alone. Its metadata has the
    classes, what goes in and comes out, and tacit's version, under names that begin with "tacit.".

    Args:
        model: a `tacit.TrainedModel` or a fitted estimator.
        folder: where the files go; it is made where there is none.
        images: real ones, in the form that the model takes; at most 64 are used.

    Raises:
        OnnxError: the extra is not installed, there is nothing to export, or a file differs from
            the model by more than 1e-4: of numbers above 1 relative to them, of decoded values
            in standard deviations of their feature.
    """
    runtime = _runtime()
    network, form = _parts(model)
    graphs = _graphs(network, form, *_inputs(model, form, images))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    about = {"tacit.version": __version__}
    if isinstance(network, Classifier):
        about["tacit.classes"] = json.dumps(_classes(model), ensure_ascii=False)
    return [_written(folder / f"{graph.name}.onnx", graph, runtime, about) for graph in graphs]


def _classes(model: Any) -> list[Any]:
    """The labels in the order of the outputs, as plain data."""
    return list(model.classes_.tolist() if hasattr(model, "classes_") else model.class_names)


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


def _inputs(model: Any, form: Form, images: Any) -> tuple[Tensor, Tensor]:
    """What goes into a graph, and into the model in float64 behind its form."""
    if not len(images):
        raise ValueError("there is no image to check the export with")
    images = images[:CHECKED]
    if form.layout == "values":
        rows = np.asarray(images, dtype=np.float64)
        return (
            torch.from_numpy(rows.astype(np.float32)),
            torch.from_numpy(form.to_network(rows, np.float64)),
        )
    if hasattr(model, "model_"):
        exact = torch.from_numpy(form.to_network(np.asarray(images), np.float64))
        return exact.float(), exact
    pixels = torch.from_numpy(model.pixels(images))
    return pixels, pixels.double()


class _Graph(NamedTuple):
    """A file's name, what it computes, what it is checked with, the names of input and output.

    `expected` is what the model gives in float64, and a difference is measured in its `unit`.
    """

    name: str
    module: nn.Module
    x: Tensor
    expected: NDArray[np.float64]
    unit: NDArray[np.float64]
    given: str
    got: str
    takes: str
    gives: str


@torch.no_grad()
def _graphs(model: Model, form: Form, x: Tensor, u: Tensor) -> list[_Graph]:
    exact = deepcopy(model).double().eval()
    values = form.layout == "values"
    what = "values" if values else "images"
    size = ", ".join(map(str, form.row_shape if values else form.shape))
    whole = f"float32 (batch, {size}), " + ("as they were learned from" if values else "in [0, 1]")

    def relative(expected: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(1.0, np.abs(expected))

    def encoder() -> _Graph:
        code = part_of(exact, "encoder")(u).numpy()
        module = _Encoder(model, form)
        gives = f"float32 (batch, {code.shape[1]})"
        return _Graph("encoder", module, x, code, relative(code), what, "code", whole, gives)

    if isinstance(model, Classifier):
        p = exact(u).softmax(dim=1).numpy()
        gives = f"float32 (batch, {p.shape[1]}), probabilities in the order of tacit.classes"
        whole_model = _Classifier(model, form)
        return [
            _Graph(
                "classifier", whole_model, x, p, relative(p), what, "probabilities", whole, gives
            ),
            encoder(),
        ]
    if isinstance(model, Contrastive):
        return [encoder()]
    assert isinstance(exact, Autoencoder | VAE)
    assert isinstance(model, Autoencoder | VAE)
    if isinstance(exact, VAE) and not exact.amortized:
        code = exact.posterior(None, torch.arange(min(len(x), CHECKED))).mean
        before = []
    else:
        before = [encoder()]
        code = torch.from_numpy(before[0].expected)
    decoded = exact.decode(code).numpy()
    if values:  # a graph gives images with channels first
        decoded = form.from_network(decoded)
    unit = relative(decoded) if form.scale is None else np.broadcast_to(form.scale, decoded.shape)
    takes = f"float32 (batch, {code.shape[1]})"
    decoder = _Decoder(model, form)
    return [
        *before,
        _Graph("decoder", decoder, code.float(), decoded, unit, "code", what, takes, whole),
    ]


def _written(path: Path, graph: _Graph, runtime: ModuleType, about: Mapping[str, str]) -> Exported:
    graph.module.eval()
    differences: list[float] = []

    def write(temporary: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "graph.onnx"
            export_onnx(graph.module, graph.x, file, graph.given, graph.got, external_data=False)
            temporary.write_bytes(file.read_bytes())
        _describe(temporary, {**about, "tacit.input": graph.takes, "tacit.output": graph.gives})
        session = runtime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        for n in (len(graph.x), 1):
            (found,) = session.run(None, {graph.given: graph.x[:n].numpy()})
            differences.append(_largest_difference(path, found, graph, n))

    write_atomically(path, write)
    return Exported(path, graph.given, graph.got, max(differences), len(graph.x))


def _describe(path: Path, about: Mapping[str, str]) -> None:
    """Put what is known of a graph into its file."""
    onnx = import_module("onnx")
    proto = onnx.load(path)
    proto.producer_name, proto.producer_version = "tacit", __version__
    onnx.helper.set_model_props(proto, dict(about))
    onnx.save(proto, path)


def _largest_difference(path: Path, found: NDArray[Any], graph: _Graph, n: int) -> float:
    expected = graph.expected[:n]
    if found.shape != expected.shape:
        raise OnnxError(f"{path.name} gives {found.shape} where the model gives {expected.shape}")
    difference = float((np.abs(found - expected) / graph.unit[:n]).max())
    if not difference <= TOLERANCE:
        far = (
            "; ONNX files take and give float32, which rounds values that lie far from zero for "
            "their spread: learn from values less their mean"
            if "values" in (graph.given, graph.got)
            else ""
        )
        raise OnnxError(
            f"{path.name} differs from the model by {difference:.2g} on {len(found)} images; at "
            f"most {TOLERANCE:g} is allowed, so it was not written{far}"
        )
    return difference
