"""A model's encoder from elsewhere: what is kept of it, and how it is found again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

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
        EncoderError: its files lie in several folders, and cannot be included.
    """
    known = Elsewhere.model_validate(encoder.about.plain())
    if not include:
        return known
    source = parse(encoder.about.source)
    first, *others = encoder.files
    if below := [p for p in others if p.parent != first.resolve().parent]:
        raise EncoderError(
            f"encoder '{encoder.about.source}' keeps {below[0].name} in a folder of its own; one "
            "that a model is to include lies in one folder with its graph"
        )
    named = {
        "source": source.with_file(first.name),
        "included": tuple(path.name for path in encoder.files),
    }
    return known.model_copy(update=named)


def learned_on(
    encoder: Encoder, weights: Mapping[str, NDArray[np.generic]], folder: Path
) -> Encoder:
    """The network of an encoder with other weights, as an encoder with a file of its own.

    Args:
        encoder: timm's. weights: of its network, by timm's names.
        folder: where the file of the weights is written.

    Raises:
        EncoderError: these are no weights of that network.
    """
    source = parse(encoder.about.source)
    file = folder / f"{encoder.about.name}-fine-tuned.safetensors"
    save_file({name: np.asarray(array, order="C") for name, array in weights.items()}, file)
    said = {key: value for key, value in source.options.items() if key != "by"}
    return open_encoder(replace(source, options=said).with_file(str(file)))


def opened(
    known: Elsewhere, included: Path | None, source: str | None = None, device: str = "cpu"
) -> Encoder:
    """The encoder whose features a model learned from, and no other.

    Args:
        known: what the model keeps of it. Features that were given are of given pictures; those of
            others are as many for each, from the same maker, which nobody can check.
        included: where its files lie, if the model has them.
        source: what names it here and now, where that is not what the model says.

    Raises:
        EncoderError: it is not there any more, or what is there would give other features.
    """
    text = known.source
    given = parse(text).kind == "features"
    if given and source is None:
        raise EncoderError(
            f"this model reads features that were given ({known.name}, {known.n_features:,} of a "
            "picture), and of other pictures it cannot make them: say which file holds theirs, "
            '--encoder features:FILE, or tacit.load(…, encoder="features:FILE")'
        )
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
    about = encoder.about
    alike = about.recipe is None and about.n_features == known.n_features
    if not (alike if given else about.key == known.key):
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
