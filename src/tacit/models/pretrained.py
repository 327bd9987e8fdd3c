"""A network that somebody else trained, as an encoder that can be trained on."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

Layers = Literal["last", "all"]


class PretrainedNetwork(nn.Module):
    """Pictures, as the encoder's recipe makes them, (B, C, H, W), to features, (B, latent_dim).

    Args:
        network: without its head.
        latent_dim: the width of a feature vector.
        blocks: names of all parameters of the network, block after block from the first on.
    """

    def __init__(
        self, network: nn.Module, latent_dim: int, blocks: Sequence[Sequence[str]]
    ) -> None:
        super().__init__()
        self.network = network
        self.latent_dim = latent_dim
        self.blocks = tuple(map(tuple, blocks))

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
