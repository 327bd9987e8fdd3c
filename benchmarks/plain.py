"""The same models as a student writes them: one PyTorch script, a data loader, a transform, Adam.

Written as tutorials have it and as well as they do: nothing is slower than it has to be, and
nothing is arranged for speed. `Digits` does per image what torchvision's `MNIST` does with
`ToTensor`.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

SIGMA = 0.2


def to_tensor(image: Image.Image) -> Tensor:
    """A picture as floats in [0, 1], (1, H, W)."""
    array = np.array(image, np.uint8, copy=True)
    pixels = torch.from_numpy(array).view(image.size[1], image.size[0], 1)
    return pixels.permute(2, 0, 1).contiguous().float().div(255)


class Digits(Dataset[tuple[Tensor, int]]):
    """pixels: uint8, (N, H, W)."""

    def __init__(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        self.pixels, self.labels = torch.from_numpy(pixels), torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.pixels[index].numpy())
        return to_tensor(image), int(self.labels[index])


class Encoder(nn.Module):
    def __init__(self, latent_dim: int, outputs: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 128, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.ModuleList(nn.Linear(256, latent_dim) for _ in range(outputs))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = self.layers(x)
        return [head(features) for head in self.heads]


class Decoder(nn.Sequential):
    def __init__(self, latent_dim: int) -> None:
        super().__init__(
            nn.Linear(latent_dim, 256), nn.ReLU(),
            nn.Linear(256, 2048), nn.ReLU(), nn.Unflatten(1, (128, 4, 4)),
            nn.ConvTranspose2d(128, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid(),
        )  # fmt: skip


class VAE(nn.Module):
    def __init__(self, latent_dim: int = 200) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(latent_dim, 2), Decoder(latent_dim)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        mean, log_var = self.encoder(x)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        error = F.mse_loss(self.decoder(z), x, reduction="sum") / (2 * SIGMA**2)
        constant = x.numel() * (math.log(SIGMA) + 0.5 * math.log(2 * math.pi))
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return (error + constant + kl) / len(x)


class Autoencoder(nn.Module):
    def __init__(self, latent_dim: int = 16) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(latent_dim), Decoder(latent_dim)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        (code,) = self.encoder(x)
        return F.mse_loss(self.decoder(code), x, reduction="sum") / len(x)


class Classifier(nn.Module):
    """Two convolutions with pooling: 99 % on MNIST after one epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 24, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 256), nn.Linear(256, 10),
        )  # fmt: skip

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(self.layers(x), y)


def train(model: Any, data: Digits, *, batch_size: int, one_cycle: bool = False) -> float:
    """One epoch; returns the mean loss."""
    loader = DataLoader(data, batch_size=batch_size, shuffle=True)
    if one_cycle:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.01, total_steps=len(loader), cycle_momentum=False
        )
    else:
        optimizer, scheduler = torch.optim.Adam(model.parameters(), lr=1e-3), None
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total += loss.item()
    return total / len(loader)


def train_until(
    model: Any, data: Digits, test: Digits, *, right: float, most_epochs: int = 20
) -> tuple[int, float]:
    """Adam at its usual rate, tested after every epoch, until that share of the images is right.

    Returns the number of epochs and the share.
    """
    loader = DataLoader(data, batch_size=128, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, most_epochs + 1):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            model.loss(x, y).backward()
            optimizer.step()
        found = accuracy(model, test)
        if found >= right or epoch == most_epochs:
            return epoch, found
    raise ValueError(f"`most_epochs` is {most_epochs}; it is at least 1")


@torch.no_grad()
def accuracy(model: Classifier, data: Digits) -> float:
    """The share of images that are given their class."""
    model.eval()
    loader = DataLoader(data, batch_size=1000)
    right = sum(int((model.layers(x).argmax(dim=1) == y).sum()) for x, y in loader)
    return right / len(data)
