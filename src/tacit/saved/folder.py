"""A model in a folder of its own: ``model.safetensors``, ``config.json`` and ``README.md``.

Nothing in it is ever unpickled. Loading verifies the checksums of the configuration and of the
weights, and that both name the same training data, before a number is used.
"""

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from tacit import __version__
from tacit.files import data_sha256, file_sha256, is_unfinished, write_atomically, write_json
from tacit.images.bounded import shown
from tacit.models.models import Model
from tacit.saved.about import About
from tacit.saved.card import card
from tacit.saved.elsewhere import FOLDER, found_in
from tacit.saved.form import Form
from tacit.studies.description.errors import errors_of
from tacit.training.checkpoint import write_tensors
from tacit.training.weights import ModelFileError, read_model

FORMAT = 1
"""Raised when a folder is written that an earlier version cannot read."""

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
MAX_CONFIG = 4 << 20


@dataclass(frozen=True)
class Saved:
    """A trained model, the form of its inputs, and what is known of it.

    Attributes:
        encoder: where the files of an encoder from elsewhere lie, if they belong to the model.
    """

    model: Model
    form: Form
    about: About
    encoder: Path | None = None


def save(folder: str | Path, saved: Saved) -> None:
    """Write a model into a folder, which is made where there is none.

    Raises:
        ValueError: the folder holds something other than a model.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{shown(folder)} is a file; a model is saved in a folder")
    if folder.is_dir() and holds_others(folder):
        raise ValueError(
            f"{shown(folder)} holds other files; a model is saved in a folder of its own"
        )
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "tacit": __version__,
        # Unsaid where there is none, so that what has none stays readable to all versions.
        "about": saved.about.model_dump(
            mode="json", exclude=None if saved.about.encoder else {"encoder"}
        ),
    }
    if not (folder / CONFIG).exists():
        # Says whose the folder is, should this end before the model is whole.
        _write_config(folder, config | {"weights_sha256": None})
    write_tensors(
        folder / WEIGHTS,
        {f"model.{name}": value for name, value in saved.model.state_dict().items()}
        | _form_tensors(saved.form),
        note={"data_sha256": saved.about.data.sha256},
    )
    write_atomically(
        folder / CARD, lambda file: file.write_text(card(saved.about), encoding="utf-8")
    )
    _include(folder, saved)
    # The configuration is written last: until then it fits no weights, and nothing loads.
    _write_config(folder, config | {"weights_sha256": file_sha256(folder / WEIGHTS)})


def _include(folder: Path, saved: Saved) -> None:
    """Copy the files of the encoder that the model is to hold; others of an earlier one go."""
    known = saved.about.encoder
    wanted = known.included if known is not None and saved.encoder is not None else ()
    _forget_encoder(folder, but=wanted)
    for name in wanted:
        assert saved.encoder is not None
        source, target = saved.encoder / name, folder / FOLDER / name
        if source.resolve() == target.resolve():
            continue
        target.parent.mkdir(exist_ok=True)

        def copy(file: Path, source: Path = source) -> None:
            shutil.copyfile(source, file)

        write_atomically(target, copy)


def _forget_encoder(folder: Path, but: Sequence[str] = ()) -> None:
    """Take away the files of an encoder that the folder's configuration says are the model's."""
    try:
        about = About.model_validate(_read_config(folder / CONFIG)["about"])
    except (OSError, ValueError):  # damaged: nobody knows whose they are, and they stay
        return
    for name in () if about.encoder is None else about.encoder.included:
        if name not in but:
            (folder / FOLDER / name).unlink(missing_ok=True)
    with suppress(OSError):
        (folder / FOLDER).rmdir()


def forget(folder: Path) -> None:
    """Take a saved model away, where there is one; what else lies in its folder stays."""
    if not (folder.is_dir() and is_model_folder(folder)):
        return
    _forget_encoder(folder)
    for name in (CONFIG, WEIGHTS, CARD):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # it holds something of someone's
        folder.rmdir()


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    write_json(folder / CONFIG, config | {"sha256": data_sha256(config)})


def is_model_folder(path: Path) -> bool:
    """Whether a folder says that it holds a model (which may yet turn out to be damaged)."""
    config = path / CONFIG
    return config.is_file() and b'"weights_sha256"' in config.read_bytes()[:MAX_CONFIG]


def holds_others(folder: Path) -> bool:
    """Whether a folder holds files of something other than a model, which are not written over."""
    return not (is_model_folder(folder) or all(map(is_unfinished, folder.iterdir())))


def load_saved(folder: str | Path) -> Saved:
    """The model of a folder, in evaluation mode and without gradients.

    Raises:
        FileNotFoundError: there is no such folder.
        ModelFileError: it holds no model, a damaged one, or one of a later version.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{shown(folder)}: there is no such folder")
    if not folder.is_dir():
        raise ModelFileError(
            f"{shown(folder)} is a file; a model is a folder with {CONFIG} and {WEIGHTS}"
        )
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelFileError(f"{shown(folder)} holds no model: {name} is missing")
    config = _read_config(folder / CONFIG)
    try:
        about = About.model_validate(config["about"])
    except ValidationError as error:
        errors = "; ".join(errors_of(error, config["about"]))
        raise ModelFileError(f"{shown(folder / CONFIG)} describes no model: {errors}") from None
    if config["weights_sha256"] is None:
        raise ModelFileError(
            f"{shown(folder)} holds no model: saving it was interrupted; save it again"
        )
    path = folder / WEIGHTS
    read = read_model(
        path,
        about.model,
        folder / CONFIG,
        sha256=config["weights_sha256"],
        prefix="model.",
        others=lambda: _empty_form(about),
    )
    if read.note.get("data_sha256") != about.data.sha256:
        raise ModelFileError(f"{shown(path)} and {CONFIG} name different training data")
    return Saved(read.model, _form(about, read.others), about, found_in(folder, about.encoder))


def _read_config(path: Path) -> dict[str, Any]:
    if (size := path.stat().st_size) > MAX_CONFIG:
        raise ModelFileError(f"{shown(path)} has {size:,} bytes; at most {MAX_CONFIG:,} are read")
    try:
        config = json.loads(path.read_bytes())
        version, made_by = config["format"], config["tacit"]
        if type(version) is int and version > FORMAT:
            raise ModelFileError(
                f"{shown(path)} was made by a later version, tacit {made_by} (format {version}); "
                f"this is tacit {__version__}, which reads formats up to {FORMAT}"
            )
        digest = config.pop("sha256")
        if version != FORMAT or digest != data_sha256(config):
            raise ModelFileError(f"{shown(path)} is damaged: its checksum does not fit")
        return {name: config[name] for name in ("about", "weights_sha256")}
    except ModelFileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelFileError(f"{shown(path)} is no configuration of a model, or damaged") from None


def _form_tensors(form: Form) -> dict[str, Tensor]:
    if form.offset is None or form.scale is None:
        return {}
    return {
        "form.offset": torch.from_numpy(form.offset),
        "form.scale": torch.from_numpy(form.scale),
    }


def _empty_form(about: About) -> dict[str, Tensor]:
    if about.layout != "values":
        return {}
    width = about.model.shape[2]
    return {f"form.{name}": torch.empty(width, dtype=torch.float64) for name in ("offset", "scale")}


def _form(about: About, tensors: dict[str, Tensor]) -> Form:
    if about.layout != "values":
        return Form(about.layout, about.model.shape)
    offset, scale = tensors["form.offset"].numpy(), tensors["form.scale"].numpy()
    return Form(about.layout, about.model.shape, offset, scale)
