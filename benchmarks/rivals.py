"""pythae 0.1.2, which is no dependency: in a folder of its own, beside tacit's own libraries."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(".benchmarks") / "pythae-0.1.2"
PACKAGES = ("pythae==0.1.2", "cloudpickle", "imageio", "tqdm")
"""What pythae imports and tacit does not; both run on the same PyTorch, NumPy and scikit-learn."""


def pythae_folder(given: str) -> str | None:
    """Where pythae can be imported from: "install" puts it there first, "none" does without it.

    Raises:
        ValueError: where `given` is neither of them nor a folder that holds pythae.
    """
    if given == "none":
        return None
    if given != "install":
        if not (Path(given) / "pythae").is_dir():
            raise ValueError(f"{given} holds no pythae; --pythae is a folder, 'install' or 'none'")
        return str(Path(given).resolve())
    if not (FOLDER / "pythae").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*command, "--target", str(FOLDER), *PACKAGES], check=True)
    return str(FOLDER.resolve())
