"""How an encoder from elsewhere is named: ``timm:NAME``, ``onnx:FILE``, ``features:FILE``."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tacit.errors import EncoderError
from tacit.images.bounded import printable

KINDS = ("timm", "onnx", "features")
SHAPE = "timm:NAME, timm:NAME@FILE, onnx:FILE or features:FILE"
FEATURE_FILES = (".npy", ".csv", ".parquet")
RECIPE = ("size", "crop", "fit", "interpolation", "mean", "sd")
OPTIONS = {
    "timm": (*RECIPE, "by"),
    "onnx": (*RECIPE, "layout", "output"),
    "features": (),
}
"""What may follow a source, as in ``onnx:FILE,size=224,mean=0.5/0.5/0.5``."""

_OPTION = re.compile(r",([a-z]+)=([^,]*)$")
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
MAX_NAME = 48


@dataclass(frozen=True)
class Source:
    """An encoder as a user names it.

    Attributes:
        text: what was said.
        kind: one of `KINDS`.
        model: timm's name of the architecture and weights; "" for others.
        file: of weights, of a graph, or of features; None where timm finds the weights itself.
        options: what was said of the recipe, by name.
    """

    text: str
    kind: str
    model: str
    file: Path | None
    options: dict[str, str]

    @property
    def name(self) -> str:
        """A short name for figures, columns and files: never a path."""
        stem = self.model if self.kind == "timm" or self.file is None else self.file.stem
        said = [value for key, value in self.options.items() if key in ("size", "output")]
        return _NAME.sub("-", "-".join([stem, *said])).strip("-.")[:MAX_NAME] or self.kind

    def with_file(self, file: str) -> str:
        """The text that names the same with its file at another path."""
        before = f"{self.kind}:{self.model}@" if self.kind == "timm" else f"{self.kind}:"
        return before + file + "".join(f",{key}={value}" for key, value in self.options.items())


def placed(text: str, find: Callable[[str], str]) -> str:
    """What names an encoder, or anything else, with its file where `find` says that it lies."""
    source = parse(text) if is_source(text) else None
    return (
        text if source is None or source.file is None else source.with_file(find(str(source.file)))
    )


def is_source(text: str) -> bool:
    """Whether a text names an encoder from elsewhere, rightly or not: it holds a colon."""
    return ":" in text


def parse(text: str) -> Source:
    """What a source says; no file is looked at.

    Raises:
        EncoderError: it is none; with the choices.

    >>> parse("timm:resnet18@weights.safetensors,size=160").options
    {'size': '160'}
    >>> parse("onnx:models/own.onnx").name
    'own'
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1) if colon else []
        guess = f" Did you mean '{near[0]}:{rest}'?" if near else ""
        raise EncoderError(f"encoder {_said(text)} is none of {SHAPE}.{guess}")
    options: dict[str, str] = {}
    while found := _OPTION.search(rest):
        key, value = found.groups()
        if key not in OPTIONS[kind]:
            choices = ", ".join(OPTIONS[kind]) or "none"
            raise EncoderError(
                f"encoder {_said(text)}: '{key}' is no option of {kind}; options: {choices}"
            )
        if key in options:
            raise EncoderError(f"encoder {_said(text)}: '{key}' is said twice")
        options[key] = value
        rest = rest[: found.start()]
    options = dict(reversed(options.items()))
    model, at, name = rest.partition("@") if kind == "timm" else ("", "@", rest)
    if (kind == "timm" and not model) or (at and not name):
        raise EncoderError(f"encoder {_said(text)} names nothing; it is {SHAPE}")
    file = Path(name) if at else None
    if kind == "features" and file is not None and file.suffix.lower() not in FEATURE_FILES:
        raise EncoderError(
            f"encoder {_said(text)}: features are read from {', '.join(FEATURE_FILES)}"
        )
    return Source(text, kind, model, file, options)


def _said(text: str) -> str:
    return repr(printable(text[:200]))
