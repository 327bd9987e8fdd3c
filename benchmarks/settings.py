"""What every benchmark is told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """data_dir: MNIST's folder, None for noise. pythae: where it is imported from, if at all.

    images: of an epoch. rounds: of each side, after one that warms up. quick: as little work as
    shows that all of it runs; its numbers say nothing.
    """

    data_dir: str | None = None
    pythae: str | None = None
    images: int = 60_000
    rounds: int = 5
    quick: bool = False
