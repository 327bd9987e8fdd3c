"""Named random streams: every random choice comes from a seed and the name of what it is for."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


_GLOBAL_GENERATOR = threading.RLock()


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called `names` under `seed`.

    Streams with different names are independent, so drawing more from one (say, the noise)
    leaves the others (the order of batches) as they were.

    >>> stream_seed(0, "order") == stream_seed(0, "order")
    True
    >>> stream_seed(0, "order") == stream_seed(0, "noise")
    False
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the named stream."""
    return np.random.default_rng(stream_seed(seed, *names))


def torch_stream(
    seed: int, *names: str | int, device: "torch.device | str" = "cpu"
) -> "torch.Generator":
    """A PyTorch generator for the named stream, on `device`."""
    import torch

    return torch.Generator(device=device).manual_seed(stream_seed(seed, *names))


@contextmanager
def float32_by_default() -> Iterator[None]:
    """PyTorch makes float32 inside this block, whatever a user's default is; images are float32."""
    import torch

    theirs = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(theirs)


@contextmanager
def seeded_initialisation(seed: int, *names: str | int) -> Iterator[None]:
    """Build modules inside this block: their weights come from the named stream.

    PyTorch's layers draw their initial weights from the global generator. Inside the block that
    generator is seeded from the stream; afterwards it is as it was before.
    """
    import torch

    # Two threads that initialise at once would draw from one generator in turns.
    with _GLOBAL_GENERATOR, float32_by_default(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(stream_seed(seed, "initialisation", *names))
        yield
