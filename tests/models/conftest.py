"""Processors other than the one at hand."""

import pytest
import torch

from tacit.models import onednn


@pytest.fixture(params=["what this processor has", "no bfloat16", "no oneDNN"])
def processor(request, monkeypatch) -> str:
    """What the processor, or this PyTorch, is able to multiply."""
    has = {"no bfloat16": (torch.float32,), "no oneDNN": ()}.get(request.param)
    if has is not None:
        monkeypatch.setattr(onednn, "_answers", lambda dtype: dtype in has)
    return request.param
