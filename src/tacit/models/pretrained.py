"""A network that somebody else trained, as an encoder that can be trained on."""

from collections.abc import Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase

from tacit.errors import EncoderError
from tacit.models.linear import CodeLinear
from tacit.models.networks import Encoder, Shape

Layers = Literal["last", "all"]

DECAY = 0.7
"""The rate of a block of a network that learns on, as a part of the next one's."""


class PretrainedNetwork(nn.Module):
    """Pictures, as the encoder's recipe makes them, (B, C, H, W), to features, (B, latent_dim).

    Args:
        network: of timm, without its head; timm divides it into blocks.
        latent_dim: the width of a feature vector.

    Attributes:
        blocks: names of all parameters of the network, block after block from the first on.
    """

    def __init__(self, network: nn.Module, latent_dim: int) -> None:
        from timm.models import group_parameters

        super().__init__()
        self.network = network
        self.latent_dim = latent_dim
        divided = group_parameters(network, network.group_matcher(coarse=False))  # type: ignore[operator]
        self.blocks = tuple(tuple(divided[number]) for number in sorted(divided))

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.network(x)
        return features.flatten(1)

    def learn(self, layers: Layers, decay: float) -> None:
        """Say which blocks learn, and how fast each: `rate_factor` of its parameters.

        The last block learns at the whole rate, each before it at `decay` times that of the next
        (Howard and Ruder 2018). Statistics of batch normalisation stay as they are: those of a few
        pictures would be worse.

        Args:
            layers: "last", the last block and what follows the blocks, or "all".
            decay: over 0 to 1.
        """
        parameters = dict(self.network.named_parameters())
        first = 0 if layers == "all" else max(0, len(self.blocks) - 2)
        for place, names in enumerate(self.blocks):
            for name in names:
                parameters[name].requires_grad_(place >= first)
                parameters[name].rate_factor = decay ** (len(self.blocks) - 1 - place)  # type: ignore[attr-defined]
        for module in self.network.modules():
            if isinstance(module, _NormBase):
                module.is_frozen = True  # type: ignore[assignment]  # evaluation mode always


class ReadAs(nn.Module):
    """Images in [0, 1] as a network of others reads them: of its size, (x - mean) / sd.

    Args:
        size: height and width; images of another are drawn to it.
        mean, sd: of each channel; a grey image has the same in all.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, size: tuple[int, int], mean: Sequence[float], sd: Sequence[float]) -> None:
        super().__init__()
        self.size = size
        for name, values in (("mean", mean), ("sd", sd)):
            self.register_buffer(name, torch.tensor(values).reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[-2:]) != self.size:
            x = F.interpolate(x, self.size, mode="bilinear", antialias=True)
        return (x - self.mean) / self.sd  # (B, 1, H, W) becomes (B, 3, H, W)


class PretrainedEncoder(Encoder):
    """An architecture of timm in an encoder's place, which learns on from weights of others.

    Its features are the network's own, all its blocks learn (`PretrainedNetwork.learn`).

    Args:
        shape: of the images. latent_dim: the width of the code.
        model: timm's name of the architecture.
        n_features: the width of a feature vector.
        size, mean, sd: how it reads images (`ReadAs`).

    Raises:
        ValueError: timm cannot be had or has no such network, it reads other channels, or it
            needs tensors that no file of weights holds.
    """

    def __init__(
        self,
        shape: Shape,
        latent_dim: int,
        *,
        model: str,
        n_features: int,
        size: tuple[int, int],
        mean: Sequence[float],
        sd: Sequence[float],
    ) -> None:
        super().__init__()
        if shape[0] not in (1, len(mean)):
            raise ValueError(f"images have {shape[0]} channels; {model} reads {len(mean)}")
        network = PretrainedNetwork(_architecture(model, size), n_features)
        network.learn("all", DECAY)
        self.features = nn.Sequential(ReadAs(size, mean, sd), network)
        self.n_features = n_features
        self.latent_dim = latent_dim
        self.code = CodeLinear(n_features, latent_dim)

    @property
    def network(self) -> nn.Module:
        """timm's own."""
        pretrained = self.features[1]  # type: ignore[index]
        assert isinstance(pretrained, PretrainedNetwork)
        return pretrained.network


def _architecture(model: str, size: tuple[int, int]) -> nn.Module:
    """A network of timm without its head, its weights drawn."""
    timm = import_timm(f"network '{model}'")
    if not timm.is_model(model):
        raise ValueError(f"timm has no architecture '{model}'")
    known = timm.get_pretrained_cfg(model)
    fixed = known is not None and known.fixed_input_size
    more = {"img_size": size} if fixed else {}
    network: nn.Module = timm.create_model(model, pretrained=False, num_classes=0, **more)
    apart = [
        name
        for module in network.modules()
        for name in module._non_persistent_buffers_set  # nobody else says it
    ]
    if apart:
        raise ValueError(
            f"network '{model}' of timm holds '{apart[0]}', which no file of weights does; it "
            "cannot be trained on here"
        )
    return network


def import_timm(whose: str) -> ModuleType:
    """timm, which not everybody has.

    whose: what needs it, for the message.

    Raises:
        EncoderError: it is not installed, or does not load.
    """
    if find_spec("timm") is None:
        raise EncoderError(f"{whose} needs timm: pip install 'tacit[pretrained]'")
    try:
        import timm
        import timm.data
    except (ImportError, RuntimeError) as error:
        raise EncoderError(
            f"{whose} needs timm, which does not load: {str(error).splitlines()[0]}. "
            "Most often torch and torchvision are of different builds; install both from one "
            "index, or use an ONNX file (onnx:FILE), which needs neither"
        ) from error
    return timm
