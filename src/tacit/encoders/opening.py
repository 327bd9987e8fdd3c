"""One door to all encoders from elsewhere."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import Encoder
from tacit.encoders.source import parse
from tacit.errors import EncoderError
from tacit.images.dataset import Images
from tacit.images.originals import of_arrays


def open_encoder(text: str, device: str = "cpu") -> Encoder:
    """The encoder that `text` names (`tacit.encoders.source`), its file read and checked.

    Weights that timm is to find are fetched where they are not there yet; nothing else is.

    Args:
        text: such as "timm:resnet18", "timm:resnet18@FILE", "onnx:FILE" or "features:FILE".
        device: where timm's networks run, "cpu" or "cuda".

    Raises:
        EncoderError: it cannot be used; the message says why and what would work.
    """
    source = parse(text)
    if source.kind == "timm":
        from tacit.encoders.timm import open_timm

        return open_timm(source, device)
    if source.kind == "onnx":
        from tacit.encoders.onnx import open_onnx

        return open_onnx(source)
    from tacit.encoders.given import open_features

    return open_features(source)


def features_of(
    encoder: Encoder, images: Images, progress: Callable[[int, int], None] | None = None
) -> NDArray[np.float32]:
    """Features of all images, (N, D): of the pictures as they were, where there are such.

    Raises:
        ImagesError, EncoderError: a picture cannot be read, or its features are no numbers.
    """
    originals = images.originals or of_arrays(images.pixels)[0]
    features = encoder.features(originals, progress)
    return np.asarray(features[np.arange(len(originals))], np.float32)


def open_encoders(texts: Sequence[str], device: str = "cpu") -> dict[str, Encoder]:
    """The encoders by what names them.

    Raises:
        EncoderError: as `open_encoder`, or two have one short name.
    """
    names: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        name = parse(text).name
        if name in names:
            raise EncoderError(
                f"encoders '{names[name]}' and '{text}' are both called '{name}'; figures tell "
                "them apart by name: rename a file"
            )
        names[name] = text
    return {text: open_encoder(text, device) for text in names.values()}
