"""``timm:NAME`` and ``timm:NAME@FILE``: an architecture of timm with pretrained weights."""

import difflib
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit.encoders.base import UNKNOWN, About, Engine, Features, Nodes
from tacit.encoders.engines import Torch, exported, faster, own_threads
from tacit.encoders.making import BATCH, made, read
from tacit.encoders.recipe import Fit, Recipe, as_said
from tacit.encoders.source import Source
from tacit.encoders.store import Store
from tacit.encoders.weights import differences, fits_in_order, read_weights
from tacit.errors import EncoderError
from tacit.files import file_sha256
from tacit.images.originals import Originals
from tacit.models.pretrained import PretrainedNetwork, import_timm

HUB_FILES = ("model.safetensors", "pytorch_model.bin")
FITS: dict[str, Fit] = {"center": "cut", "squash": "squash", "border": "pad"}
FEW = 1000
"""Pictures for which exporting the network and timing it takes about as long as it saves."""


@dataclass(frozen=True, eq=False)
class TimmEncoder:
    """A network of timm without its head; `module` gives (n, D) of (n, C, H, W)."""

    about: About
    module: nn.Module
    files: tuple[Path, ...]
    device: str = "cpu"

    def features(
        self,
        originals: Originals,
        progress: Callable[[int, int], None] | None = None,
        nodes: Nodes | None = None,
    ) -> Features:
        """Codes of the pictures, in their order, (N, D); made where they are not there yet."""

        def engine(store: Store, missing: Sequence[int]) -> Engine:
            return self._engine(store, originals, missing)

        with own_threads():
            return made(self, originals, engine, progress, nodes)

    def engine(self, name: str, inputs: NDArray[Any]) -> Engine:
        own = Torch(self.module.to(self.device), self.device)
        if name == own.name:
            return own
        with tempfile.TemporaryDirectory() as scratch:
            found = exported(self.module, inputs, Path(scratch))
        if found is None:
            raise EncoderError(f"encoder '{self.about.name}' does not run in {name} here")
        return found

    def network(self) -> PretrainedNetwork:
        """A copy that can be trained on, block by block as timm divides it."""
        return PretrainedNetwork(deepcopy(self.module).cpu(), self.about.n_features)

    def _engine(self, store: Store, originals: Originals, missing: Sequence[int]) -> Engine:
        """The engine that the store was begun with, or the faster one."""
        own = Torch(self.module.to(self.device), self.device)
        begun = store.notes.get("engine")
        if self.device != "cpu" or begun == own.name or (begun is None and len(missing) < FEW):
            return own
        assert self.about.recipe is not None
        inputs = np.stack([read(originals, i, self.about.recipe) for i in missing[:BATCH]])
        with tempfile.TemporaryDirectory() as scratch:
            return faster(self.module, inputs, Path(scratch))


def open_timm(source: Source, device: str = "cpu") -> TimmEncoder:
    """The encoder that is named, its weights read and checked.

    Raises:
        EncoderError: timm is not installed, has no such architecture or no weights of it, or the
            weights cannot be had or do not fit.
    """
    timm = import_timm(f"encoder '{source.text}'")
    by = source.options.get("by", "name")
    if by not in ("name", "order"):
        raise EncoderError(f"encoder '{source.text}': by is {by!r}; choices: name, order")
    config = _config(timm, source)
    file = _downloaded(config, source) if source.file is None else source.file
    weights = read_weights(file)
    recipe = as_said(_recipe(timm, config), source.options, source.text)
    module = _built(timm, source, config, recipe)
    _load(timm, module, weights, file, config, source, by)
    module.eval().requires_grad_(False)
    n_features = _width(module, recipe, source)
    own = source.file is None
    about = About(
        source=source.text,
        name=source.name,
        what=f"timm {source.model}",
        sha256=file_sha256(file),
        n_features=n_features,
        licence=str(config.get("license") or UNKNOWN) if own else f"{UNKNOWN} in the file",
        trained_on=_trained_on(config) if own else f"{UNKNOWN} in the file",
        recipe=recipe,
        n_bytes=file.stat().st_size,
    )
    return TimmEncoder(about, module, (file,), device)


def _config(timm: ModuleType, source: Source) -> dict[str, Any]:
    """What timm knows of the weights."""
    base = source.model.partition(".")[0]
    if not timm.is_model(base):
        near = difflib.get_close_matches(base, timm.list_models(), n=3)
        guess = f"; did you mean {' or '.join(near)}?" if near else ""
        raise EncoderError(f"encoder '{source.text}': timm has no architecture '{base}'{guess}")
    known = timm.list_pretrained(f"{base}.*") if source.model != base else [source.model]
    if source.model not in known:
        raise EncoderError(
            f"encoder '{source.text}': timm has no weights '{source.model}'; of {base} there are: "
            f"{', '.join(known) or 'none'}"
        )
    config = timm.get_pretrained_cfg(source.model)
    return {} if config is None else config.to_dict()


def _downloaded(config: Mapping[str, Any], source: Source) -> Path:
    """The weights as the hub keeps them for timm: what is named is fetched, once."""
    hub = config.get("hf_hub_id")
    if not hub:
        raise EncoderError(
            f"encoder '{source.text}': timm names no weights of '{source.model}' that can be "
            f"fetched; give a file: timm:{source.model}@FILE"
        )
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    own = config.get("hf_hub_filename")
    for name in (own,) if own else HUB_FILES:
        try:
            return Path(hf_hub_download(str(hub), name))
        except LocalEntryNotFoundError as error:
            raise _unreachable(str(hub), name, source, error) from error
        except EntryNotFoundError:
            continue
        except Exception as error:  # whatever a network raises
            raise _unreachable(str(hub), name, source, error) from error
    raise EncoderError(f"encoder '{source.text}': {hub} has none of {', '.join(HUB_FILES)}")


def _unreachable(hub: str, name: str, source: Source, error: Exception) -> EncoderError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return EncoderError(
        f"encoder '{source.text}': its weights are not on this machine and cannot be fetched "
        f"({reason[:160]}). Offline, bring the file {name} of {hub} (Hugging Face Hub) here, and "
        f"name it: timm:{source.model}@PATH/{name}"
    )


def _recipe(timm: ModuleType, config: Mapping[str, Any]) -> Recipe:
    found = timm.data.resolve_data_config(pretrained_cfg=dict(config))
    channels, height, width = found["input_size"]
    return Recipe(
        size=(height, width),
        channels=channels,
        crop=float(found["crop_pct"]),
        fit=FITS[found["crop_mode"]],
        interpolation=found["interpolation"],
        mean=tuple(map(float, found["mean"])),
        sd=tuple(map(float, found["std"])),
    )


def _built(
    timm: ModuleType, source: Source, config: Mapping[str, Any], recipe: Recipe
) -> nn.Module:
    more = {"img_size": recipe.size} if "size" in source.options and _is_fixed(config) else {}
    try:
        # What is drawn is replaced by the weights; nobody else's random numbers change.
        with torch.random.fork_rng(devices=[]):
            module: nn.Module = timm.create_model(
                source.model.partition(".")[0],
                pretrained=False,
                num_classes=0,
                pretrained_cfg=dict(config) or None,
                **more,
            )
    except (RuntimeError, TypeError, AssertionError, ValueError) as error:
        raise EncoderError(
            f"encoder '{source.text}': cannot be built for {recipe}: {error}"
        ) from error
    return module


def _is_fixed(config: Mapping[str, Any]) -> bool:
    return bool(config.get("fixed_input_size"))


def _load(
    timm: ModuleType,
    module: nn.Module,
    weights: dict[str, Tensor],
    file: Path,
    config: Mapping[str, Any],
    source: Source,
    by: str,
) -> None:
    """Put the weights in, all of them, each where it belongs.

    Raises:
        EncoderError: they differ from what the architecture has; the differences are listed.
    """
    wanted = module.state_dict()
    given = weights
    if by == "order":
        whole = _whole(timm, source, config)
        if not fits_in_order(whole, weights):
            raise EncoderError(
                f"encoder '{source.text}': {file.name} does not fit '{source.model}' tensor by "
                f"tensor: it has {len(weights)}, and {len(whole)} of given shapes are wanted"
            )
        given = dict(zip(whole, weights.values(), strict=True))
    elif differences(wanted, _headless(given, config)):
        given = _filtered(module, given)
    given = _headless(given, config)
    found = differences(wanted, given)
    if found:
        hint = ""
        if by == "name" and fits_in_order(_whole(timm, source, config), weights):
            hint = (
                ". Tensor by tensor the shapes fit: if these are weights of this architecture "
                f"under other names, say so: {source.text},by=order"
            )
        raise EncoderError(
            f"encoder '{source.text}': {file.name} holds no weights of '{source.model}': "
            + "; ".join(found)
            + hint
        )
    module.load_state_dict({name: t for name, t in given.items() if name in wanted}, strict=False)


def _whole(timm: ModuleType, source: Source, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """What the architecture holds with its head; nothing is allocated."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        module: nn.Module = timm.create_model(
            source.model.partition(".")[0], num_classes=config.get("num_classes", 1000)
        )
    return module.state_dict()


def _headless(given: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Without the classifier, which no feature depends on."""
    heads = config.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    return {
        name: tensor
        for name, tensor in given.items()
        if not any(name.startswith(f"{head}.") for head in heads)
    }


def _filtered(module: nn.Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """As timm itself renames weights that come under other names, where it does."""
    renames = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if renames is None:
        return given
    try:
        return dict(renames(dict(given), module))
    except (KeyError, RuntimeError, TypeError, AttributeError, IndexError, ValueError):
        return given  # it is of another architecture; the differences say so


def _width(module: nn.Module, recipe: Recipe, source: Source) -> int:
    """The width of a code, by a picture of nothing."""
    nothing = torch.zeros(1, recipe.channels, *recipe.size)
    try:
        with torch.inference_mode():
            found = module(nothing)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise EncoderError(
            f"encoder '{source.text}': cannot read {recipe}: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(found, Tensor) or len(found) != 1:
        raise EncoderError(f"encoder '{source.text}': gives no vector for a picture")
    return found.numel()


def _trained_on(config: Mapping[str, Any]) -> str:
    tag = config.get("tag")
    return f"{tag}, as timm tags these weights" if tag else UNKNOWN
