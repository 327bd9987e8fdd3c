"""``onnx:FILE``: any encoder of anybody, as a graph with one output."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import UNKNOWN, About, Engine, Features, Nodes
from tacit.encoders.engines import Onnx, onnx_runtime, session_of
from tacit.encoders.making import made
from tacit.encoders.recipe import LAYOUTS, Recipe, as_said
from tacit.encoders.source import RECIPE, Source
from tacit.encoders.store import Store
from tacit.errors import EncoderError
from tacit.files import file_sha256
from tacit.images.bounded import printable, shown
from tacit.images.originals import Originals

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "pkg.onnxscript.torch_lib")
"""Of operators that onnxruntime has; "com.microsoft" are its own."""

METADATA = {
    "size": ("size", "input_size"),
    "crop": ("crop", "crop_pct"),
    "fit": ("fit",),
    "interpolation": ("interpolation",),
    "mean": ("mean",),
    "sd": ("sd", "std"),
    "layout": ("layout",),
    "licence": ("licence", "license"),
    "trained_on": ("trained_on", "training_set", "dataset"),
}
"""What is read of a graph's metadata, and the names that it may have there."""


@dataclass(frozen=True, eq=False)
class OnnxEncoder:
    """A graph in onnxruntime."""

    about: About
    graph: Onnx
    files: tuple[Path, ...]

    def features(
        self,
        originals: Originals,
        progress: Callable[[int, int], None] | None = None,
        nodes: Nodes | None = None,
    ) -> Features:
        """Codes of the pictures, in their order, (N, D); made where they are not there yet."""

        def engine(store: Store, missing: Sequence[int]) -> Engine:
            return self.graph

        return made(self, originals, engine, progress, nodes)

    def engine(self, name: str, inputs: NDArray[Any]) -> Engine:
        return self.graph


def open_onnx(source: Source) -> OnnxEncoder:
    """The encoder in the file, checked, with the recipe of its metadata and of what was said.

    Raises:
        EncoderError: onnxruntime is not installed, or the file is no graph from pictures to one
            vector each, needs files outside its folder or operators that onnxruntime has not, or
            does not say how it reads pictures.
    """
    runtime = onnx_runtime(source.text)
    path = source.file
    assert path is not None
    if not path.is_file():
        raise EncoderError(f"{shown(path)}: there is no such ONNX file")
    model = _model(path)
    files = [path, *_external(path, model)]
    _check_operators(path, model)
    given = _the_input(path, model)
    outputs = _outputs(path, model, source)
    recipe, one_by_one = _recipe(path, model, given, source)
    try:
        session = session_of(runtime, path)
    except Exception as error:  # whatever onnxruntime raises of a graph that it cannot run
        raise EncoderError(f"{shown(path)}: onnxruntime cannot load it: {_first(error)}") from error
    engine = Onnx(session, given.name, outputs, one_by_one)
    n_features = _width(path, engine, recipe)
    metadata = _metadata(model)
    about = About(
        source=source.text,
        name=source.name,
        what=f"ONNX, output {printable(outputs)}",
        sha256=_hash(files),
        n_features=n_features,
        licence=printable(metadata.get("licence", UNKNOWN)),
        trained_on=printable(metadata.get("trained_on", UNKNOWN)),
        recipe=recipe,
        n_bytes=sum(file.stat().st_size for file in files),
    )
    return OnnxEncoder(about, engine, tuple(files))


def _model(path: Path) -> Any:
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises classes of its own
        raise EncoderError(f"{shown(path)}: is no ONNX model ({_first(error)})") from None
    if not model.graph.node or not model.graph.output:
        raise EncoderError(f"{shown(path)}: is no ONNX model; it holds no graph")
    return model


def _tensors(graph: Any) -> Iterator[Any]:
    """All constants of a graph and of those within it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _tensors(inner)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(inner)


def _external(path: Path, model: Any) -> list[Path]:
    """The files beside it that its constants lie in: below its own folder, and there."""
    import onnx

    folder = path.resolve().parent
    found: dict[str, Path] = {}
    graphs = [model.graph, *model.functions]
    for tensor in (t for graph in graphs for t in _any_tensors(graph)):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        said = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        target = (folder / said).resolve()
        if not said or Path(said).is_absolute() or not target.is_relative_to(folder):
            raise EncoderError(
                f"{shown(path)}: its weights lie in {printable(said)!r}, outside its folder; a "
                "graph from elsewhere may read files beside itself alone"
            )
        if not target.is_file():
            raise EncoderError(
                f"{shown(path)}: its weights lie in {printable(said)!r}, which is not there; put "
                "that file beside it"
            )
        found[said] = target
    return [found[name] for name in sorted(found)]


def _any_tensors(graph: Any) -> Iterator[Any]:
    """Of a graph, or of a function, which has nodes and no constants of its own."""
    if hasattr(graph, "initializer"):
        yield from _tensors(graph)
        return
    for node in graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


def _check_operators(path: Path, model: Any) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    nodes = [*_nodes(model.graph), *(n for f in model.functions for n in f.node)]
    custom = sorted(
        {
            f"{node.domain}.{node.op_type}"
            for node in nodes
            if node.domain not in DOMAINS and (node.domain, node.op_type) not in own
        }
    )
    if custom:
        raise EncoderError(
            f"{shown(path)}: needs operators of its own, {printable(', '.join(custom[:5]))}; "
            "graphs of ONNX's own operators are read, and no libraries are loaded for others"
        )


def _the_input(path: Path, model: Any) -> Any:
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(printable(entry.name) for entry in inputs)
        raise EncoderError(
            f"{shown(path)}: reads {len(inputs)} inputs ({names}); an encoder reads pictures alone"
        )
    return inputs[0]


def _outputs(path: Path, model: Any, source: Source) -> str:
    """The output that is wanted."""
    names = [entry.name for entry in model.graph.output]
    said = source.options.get("output")
    if said is not None and said not in names:
        raise EncoderError(
            f"encoder '{source.text}': output is {said!r}; {path.name} has "
            f"{printable(', '.join(names))}"
        )
    if said is None and len(names) > 1:
        raise EncoderError(
            f"{shown(path)}: gives {len(names)} outputs, {printable(', '.join(names))}; say which "
            f"are the features: {source.text},output={printable(names[-1])}"
        )
    return said or names[0]


def _dimensions(entry: Any) -> list[int | None]:
    """Sides of a value; None where they are left open."""
    return [
        d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None
        for d in entry.type.tensor_type.shape.dim
    ]


def _metadata(model: Any) -> dict[str, str]:
    """What the graph says of itself, under our names."""
    held = {entry.key.lower(): entry.value for entry in model.metadata_props}
    found = {}
    for own, names in METADATA.items():
        value = next((held[name] for name in names if name in held), None)
        if value is not None:
            found[own] = _as_option(value) if own in (*RECIPE, "layout") else value[:200]
    return found


def _as_option(value: str) -> str:
    """A list, as JSON or with commas, as options write it: with slashes. A size loses channels."""
    try:
        listed = json.loads(value)
    except ValueError:
        listed = value.strip("[]() ").split(",") if "," in value else value
    if isinstance(listed, list):
        return "/".join(str(part).strip() for part in listed)
    return str(listed).strip().lower()


def _recipe(path: Path, model: Any, given: Any, source: Source) -> tuple[Recipe, bool]:
    """How it reads pictures, by its input, its metadata and what was said; and whether one by one.

    What is said goes before metadata, and both must fit the input.
    """
    import onnx

    kinds = onnx.TensorProto
    kind, sides = given.type.tensor_type.elem_type, _dimensions(given)
    if kind not in (kinds.FLOAT, kinds.UINT8) or len(sides) != 4:
        raise EncoderError(
            f"{shown(path)}: its input {printable(given.name)} is {kinds.DataType.Name(kind)} of "
            f"{len(sides)} sides; pictures are FLOAT or UINT8, (n, c, h, w) or (n, h, w, c)"
        )
    metadata = _metadata(model)
    options = {k: v for k, v in metadata.items() if k in (*RECIPE, "layout")} | source.options
    if metadata.get("size", "").count("/"):  # (channels, height, width), or (height, width)
        parts = metadata["size"].split("/")
        options["size"] = source.options.get("size", "x".join(parts[-2:]))
    raw = kind == kinds.UINT8
    if not raw:
        missing = [key for key in ("mean", "sd") if key not in options]
        if missing:
            raise EncoderError(
                f"{shown(path)}: does not say which {' and '.join(missing)} its pixels have. Say "
                f"it, of pixels in [0, 1]: {source.text},mean=0.485/0.456/0.406,"
                "sd=0.229/0.224/0.225 where it was trained as most are, or mean=0,sd=1"
            )
    layout = options.get("layout") or _layout(path, sides, source)
    options["layout"] = layout
    if layout not in LAYOUTS:
        as_said(Recipe((1, 1)), options, source.text)  # says the choices
    channel, height, width = (1, 2, 3) if layout == "nchw" else (3, 1, 2)
    channels = sides[channel] or 3
    if channels not in (1, 3):
        raise EncoderError(
            f"{shown(path)}: reads {channels} channels as {layout}; pictures have 1 or 3"
        )
    fixed = (sides[height], sides[width])
    if "size" not in options:
        if None in fixed:
            raise EncoderError(
                f"{shown(path)}: reads pictures of any size and does not say which is its own; say "
                f"it: {source.text},size=224"
            )
        options["size"] = f"{fixed[0]}x{fixed[1]}"
    grey = (0.0,) * channels
    recipe = as_said(
        Recipe((1, 1), channels, raw=raw, mean=grey, sd=(1.0,) * channels), options, source.text
    )
    wrong = [
        f"{said} where it reads {own}"
        for said, own in zip(recipe.size, fixed, strict=True)
        if own is not None and said != own
    ]
    if wrong:
        raise EncoderError(
            f"{shown(path)}: size is {recipe.size[0]}×{recipe.size[1]}, but its input is "
            f"{'×'.join(str(side or 'any') for side in fixed)} ({', '.join(wrong)})"
        )
    return recipe, sides[0] == 1


def _layout(path: Path, sides: list[int | None], source: Source) -> str:
    first, last = sides[1] in (1, 3), sides[3] in (1, 3)
    if first == last:
        raise EncoderError(
            f"{shown(path)}: its input is {tuple(side or 'any' for side in sides)}, of which "
            f"channels may come first or last; say it: {source.text},layout=nchw or layout=nhwc"
        )
    return "nchw" if first else "nhwc"


def _width(path: Path, engine: Onnx, recipe: Recipe) -> int:
    """The width of a code, by a picture of nothing."""
    sides = (*recipe.size, recipe.channels)
    shape = (recipe.channels, *recipe.size) if recipe.layout == "nchw" else sides
    nothing = np.zeros((1, *shape), np.uint8 if recipe.raw else np.float32)
    try:
        (found,) = engine.session.run([engine.got], {engine.given: nothing})
    except Exception as error:  # whatever onnxruntime raises
        raise EncoderError(
            f"{shown(path)}: cannot read pictures of {recipe.size[0]}×{recipe.size[1]}: "
            f"{_first(error)}"
        ) from error
    shape = np.shape(found)
    if len(shape) < 2 or shape[0] != 1 or math.prod(shape) != max(shape) or max(shape) < 2:
        raise EncoderError(
            f"{shown(path)}: its output {printable(engine.got)} is of shape {shape} for one "
            "picture; features are one vector, (1, d)"
        )
    return int(math.prod(shape))


def _hash(files: list[Path]) -> str:
    """Of the graph, with the files of its weights where there are any."""
    first, *others = map(file_sha256, files)
    if not others:
        return first
    return hashlib.sha256("".join([first, *others]).encode()).hexdigest()


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return printable(lines[0])[:200]
