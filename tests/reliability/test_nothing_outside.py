"""Whole commands write into the output folder and the cache, and leave nothing anywhere else."""

import ast
import csv
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import study_text

WATCHED = Path(__file__).parent / "watched"
PICTURES = r"..\..\pictures;$(touch up)"
CLASSES = ["a..", "~", r"x\..\..\up", "%2e%2e%2fup"]
LABELS = ["..", "../../up", "/up", "$HOME"]
STUDY = """
title: ../../up
defaults: {latent_dim: 2, epochs: 1, batch_size: 40}
runs: {vae: {learn: vae}, classifier: {learn: classifier}}
questions:
  - classifier: {run: classifier}
"""
COMMANDS = """
import sys
from pathlib import Path
from tacit.cli import run_command
from tacit.files import read_record, write_record

pictures, out = sys.argv[1], Path("../results/out")
run = ["run", "..tiny.yaml", "--images", pictures, "--jobs", "1", "--out", str(out)]
assert run_command(run) == 0
for path in out.glob("*/**/*.json"):
    if path.name in ("train.json", "done.json") and path.parent.parent.name != "unfinished":
        record = read_record(path)
        names = record.get("files", record)
        names |= {"../" * ups + "here/few.csv": "0" * 64 for ups in (4, 5)}
        write_record(path, record)
record = read_record(out / "..tiny/study.json")
record["runs"]["vae"][0]["folder"] = "../../../here"
write_record(out / "..tiny/study.json", record)
assert run_command(run) == 0
score = ["score", str(out / "..tiny"), "--run", "vae", "--samples", "5"]
assert run_command([*score, "--out", str(out / "score.csv")]) == 0
few = ["learn", pictures, "--labels", "few.csv", "--pairs", "vae.logistic", "--epochs", "1"]
assert run_command([*few, "--jobs", "1", "--out", str(out / "few")]) == 0
"""
MATPLOTLIB = ("cache/matplotlib", "config/matplotlib")
"""It keeps the list of the machine's fonts there."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A small world of its own, in which the commands were run."""
    root = tmp_path_factory.mktemp("world").resolve()
    for name in ("home", "tmp", "cache", "config", "data", "state", "results", "here"):
        (root / name).mkdir()
    here, digits = root / "here", load_digits(n_class=4)
    (here / "..tiny.yaml").write_text(STUDY)
    with (here / "few.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label"])
        for i in range(60):
            path = Path(CLASSES[digits.target[i]], f"{i:02d}...png")
            (here / PICTURES / path).parent.mkdir(parents=True, exist_ok=True)
            pixels = np.rint(digits.images[i] * 255 / 16).astype(np.uint8)
            Image.fromarray(pixels).save(here / PICTURES / path)
            if i < 12:
                table.writerow([str(path), LABELS[digits.target[i]]])
    return root


def world(root: Path) -> dict[str, tuple[int, str]]:
    """When each file and folder was changed last, and what a file holds."""
    found = {}
    for path in sorted(root.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        key = path.relative_to(root).as_posix()
        found[key] = (path.lstat().st_mtime_ns, hashlib.sha256(content).hexdigest())
    return found


def is_below(path: str, *folders: str) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def test_whole_commands_leave_nothing_outside(place: Path) -> None:
    before = world(place)
    log = place.with_name("log")
    homes = {f"XDG_{n.upper()}_HOME": str(place / n) for n in ("cache", "config", "data", "state")}
    ended = subprocess.run(
        [sys.executable, "-c", COMMANDS, PICTURES],
        cwd=place / "here",
        env=homes
        | {
            "PATH": os.environ["PATH"],
            "HOME": str(place / "home"),
            "TMPDIR": str(place / "tmp"),
            "PYTHONPATH": str(WATCHED),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "WATCHED_LOG": str(log),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert "leads out of the job's folder" in said
    assert "here/few.csv is missing: the images are written again" in said
    left = {"results/out/score.csv", "results/out/few/label-next.csv", "cache/tacit/folders"}
    after = world(place)
    assert left <= set(after)
    # These hold what may be written; what lies in `tmp` while the commands run is gone.
    changed = {"results", "cache", "config", "tmp"}
    own = ("results/out", "cache/tacit", *MATPLOTLIB)
    outside = {path: held for path, held in after.items() if not is_below(path, *own)}
    assert {path: outside.pop(path) is not None for path in changed} == dict.fromkeys(changed, True)
    assert outside == {path: held for path, held in before.items() if path not in changed}

    noted = {ast.literal_eval(line) for line in log.read_text().splitlines()}
    assert any("/jobs/vae" in path for path in noted)  # workers are watched too
    may_change = [*(str(place / path) for path in own), str(place / "tmp")]
    assert {path for path in noted if not is_below(path, *may_change)} <= {"/dev/null"}


@pytest.mark.parametrize("name", ["...yaml", "..yaml"])
def test_a_study_has_a_name_that_is_a_folders(name: str, tmp_path: Path) -> None:
    """Without its ending it would be the folder of all results, or the one above."""
    (tmp_path / name).write_text(STUDY)
    with pytest.raises(StudyError, match="results would not lie in a folder of their own"):
        study_text(str(tmp_path / name))
