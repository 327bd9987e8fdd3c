"""A model's encoder from elsewhere: what is kept of it, and how it is found again."""

from pathlib import Path

from tacit.encoders.base import Encoder
from tacit.encoders.opening import open_encoder
from tacit.encoders.source import parse
from tacit.errors import EncoderError
from tacit.saved.about import Elsewhere
from tacit.training.weights import ModelFileError

FOLDER = "encoder"
"""Of a model's folder, where the files of an encoder that is included lie."""


def described(encoder: Encoder, *, include: bool) -> Elsewhere:
    """What a model keeps of its encoder.

    include: whether its files go into the model's folder.

    Raises:
        EncoderError: features that were given are of the pictures at hand, and of no others.
    """
    about, source = encoder.about, parse(encoder.about.source)
    if about.recipe is None:
        raise EncoderError(
            f"encoder '{about.source}' holds features of some pictures; a model that is asked "
            "about new ones needs what made them, timm:NAME or onnx:FILE"
        )
    first, *others = encoder.files
    if include and (below := [p for p in others if p.parent != first.resolve().parent]):
        raise EncoderError(
            f"encoder '{about.source}' keeps {below[0].name} in a folder of its own; one that a "
            "model is to include lies in one folder with its graph"
        )
    text = source.text if source.file is None else source.with_file(str(source.file.resolve()))
    return Elsewhere(
        source=source.with_file(first.name) if include else text,
        included=tuple(path.name for path in encoder.files) if include else (),
        key=about.key,
        name=about.name,
        what=about.what,
        sha256=about.sha256,
        n_features=about.n_features,
        licence=about.licence,
        trained_on=about.trained_on,
        reads=str(about.recipe),
    )


def opened(
    known: Elsewhere, included: Path | None, source: str | None = None, device: str = "cpu"
) -> Encoder:
    """The encoder whose features a model learned from, and no other.

    Args:
        known: what the model keeps of it.
        included: where its files lie, if the model has them.
        source: what names it here and now, where that is not what the model says.

    Raises:
        EncoderError: it is not there any more, or what is there would give other features.
    """
    text = known.source
    if source is not None:
        text = source
    elif included is not None:
        own = parse(known.source)
        assert own.file is not None
        text = own.with_file(str(included / own.file))
    try:
        encoder = open_encoder(text, device)
    except EncoderError as error:
        raise EncoderError(
            f"this model reads features of {known.name} (SHA-256 {known.sha256[:16]}…), which "
            f"cannot be opened: {error}. Where it lies elsewhere now, say so: --encoder SOURCE"
        ) from error
    if encoder.about.key != known.key:
        raise EncoderError(
            f"this model reads features of {known.words}. '{text}' would give others: "
            f"{encoder.about.words}"
        )
    return encoder


def found_in(folder: Path, known: Elsewhere | None) -> Path | None:
    """Where the files of an encoder lie that a model's folder includes; None where it has none.

    Raises:
        ModelFileError: one is missing.
    """
    if known is None or not known.included:
        return None
    for name in known.included:
        if not (folder / FOLDER / name).is_file():
            raise ModelFileError(f"{folder} is not whole: {FOLDER}/{name} is missing")
    return folder / FOLDER
