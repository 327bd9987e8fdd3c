"""Where tensors are computed with."""

import re

import torch

CHOICES = "auto, cpu, cuda, or cuda:N for the GPU of number N"


def device_of(asked: object) -> str:
    """The device that is meant: "auto" is a GPU where there is one.

    Raises:
        ValueError: there is no such device here, with the choices.

    >>> device_of("cpu")
    'cpu'
    """
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not isinstance(asked, str) or not re.fullmatch(r"cpu|cuda(:\d{1,3})?", asked):
        raise ValueError(f"device is {asked!r}; it is {CHOICES}")
    if asked == "cpu":
        return asked
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if n == 0:
        raise ValueError(
            f"device is {asked}, but PyTorch sees no CUDA device here; use cpu or auto"
        )
    if int(asked.partition(":")[2] or 0) >= n:
        raise ValueError(f"device is {asked}, but PyTorch sees {n} here, from cuda:0 on")
    return asked
