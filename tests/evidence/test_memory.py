"""Peak memory of importance sampling: within the stated limit, and flat in the images."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs /proc"),
]

LIMIT = 16
"""MiB for decoding."""

SCORING = """
import json, sys
from pathlib import Path

import torch

from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import MIB
from tacit.evidence.proposals import from_encoder
from tacit.models.config import ModelConfig, build
from tacit.streams import torch_stream

torch.set_num_threads(1)
config = ModelConfig(
    learn="vae", shape=(1, 28, 28), latent_dim=2, network={"kind": "dense", "hidden": [16]}
)
model, n, limit = build(config), int(sys.argv[1]), int(sys.argv[2])
images = torch.rand(n, 1, 28, 28, generator=torch_stream(0, "images"))


def score(images, n_samples):
    noise = torch_stream(0, "noise")
    return importance_sampling(
        model, from_encoder, images, n_samples=n_samples, generator=noise, memory=limit * MIB
    )


def peak():
    (line,) = [l for l in open("/proc/self/status") if l.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


score(images[:20], 200)  # what is loaded once
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew from here
before = peak()
estimate = score(images, 600)
print(json.dumps({"peak": peak() - before, "images": len(estimate.log_prob)}))
"""


def test_forty_times_the_images_take_no_more_memory() -> None:
    """The images themselves, an argument, are there before and are not counted."""
    peaks = {}
    for n in (200, 8000):
        done = subprocess.run(
            [sys.executable, "-c", SCORING, str(n), str(LIMIT)],
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout)
        assert found["images"] == n
        peaks[n] = found["peak"]
    print(peaks)
    assert max(peaks.values()) < LIMIT
    # What belongs to an image (its answer, its stream's name, its check) is about 0.6 kB of it, and
    # freed memory has gaps; one copy of the images would be 24 MiB more.
    assert peaks[8000] - peaks[200] < 10
