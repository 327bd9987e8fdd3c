"""Every command with odd and contradictory options, on tiny images: none ends in a traceback.

    python -m fuzz.command_line [--seconds 600]

Studies are listed and not trained (``--dry-run``); commands on a trained model do their work. What
was asked when an exception came is printed with it. A short form is in the tests.
"""

import argparse
import contextlib
import io
import os
import random
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

from tacit.cli import run_command

NUMBERS = ("0", "1", "2", "3", "-1", "7", "1e3", "nan", "", "x", "9" * 20, "0.5")
PATHS = ("x.npz", "p", "t.csv", "s.yaml", "m", "no", "", ".", "/dev/null", "out.csv", "o", "a.png",
         "n.npz", "digits", "empty", "-", "\udcff", "日", "x" * 300)  # fmt: skip
WORDS = ("v", "c", "vae", "a,v", "v,,", ",", "vae.poisson", "pca.logistic", "pixels.nearest", "1,2",
         "auto", "cpu", "cuda", "gray", "rgb", "onnx", "folder", "refined", "annealed", "scratch",
         "importance", "transfer", "inference", "label-efficiency", "encoders", "code-size",
         "burda",
         *NUMBERS, *PATHS)  # fmt: skip

ON_MODELS = ("encode", "reconstruct", "sample", "score", "predict", "export", "describe")
OPTIONS = {
    "run": "--images --data-dir --train-size --size --channels --seeds --epochs --stages --runs "
    "--budgets --draws --jobs --device --out --skip-bad --remove-duplicates",
    "learn": "--labels --data-dir --size --channels --skip-bad --pairs --epochs --ask --seed "
    "--jobs --device --out",
} | dict.fromkeys(
    ON_MODELS,
    "--run --seed --draw --epoch --images --data-dir --limit --skip-bad --out --to --n --samples "
    "--method --size --channels --latent-dim --precision",
)
FIRST = {"run": ("s.yaml", "transfer", "label-efficiency"), "learn": ("x.npz", "p", "digits")}


def prepare(place: Path) -> None:
    """Tiny images, a table of labels, a study and two trained models in a folder."""
    import tacit

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (24, 8, 8), dtype=np.uint8), np.arange(24) % 3
    np.savez(place / "x.npz", images=x, labels=y)
    from PIL import Image

    (place / "p").mkdir()
    (place / "empty").mkdir()
    for i, image in enumerate(x):
        Image.fromarray(image).save(place / "p" / f"{i:02}.png")
    rows = "".join(f"{i:02}.png,{y[i]}\n" for i in range(9))
    (place / "t.csv").write_text(f"path,label\n{rows}")
    (place / "s.yaml").write_text(
        "title: tiny\nimages: {source: x.npz}\nruns:\n  v: {learn: vae, epochs: 1}\n"
        "  c: {learn: classifier, epochs: 1}\nquestions:\n  - overfitting: {runs: [v, c]}\n"
        "  - label-efficiency: {pairs: [{codes: pca, method: logistic}], budgets: [1]}\n"
    )
    tiny = {"n_components": 2, "max_epochs": 1, "min_updates": 1}
    tacit.VAE(**tiny).fit(x).save(place / "m")
    tacit.Classifier(**tiny).fit(x, y).save(place / "c")


def asked(rng: random.Random) -> list[str]:
    """The words of a command: mostly options that it has, mostly with values of another kind."""
    command = rng.choice(tuple(OPTIONS))
    words = [command, rng.choice(FIRST.get(command, ("m", "c")) * 3 + PATHS)]
    options = OPTIONS[command].split()
    for option in rng.sample(options, rng.randint(0, min(5, len(options)))):
        words.append(option)
        if option not in ("--skip-bad", "--remove-duplicates") or rng.random() < 0.1:
            words.append(rng.choice(WORDS))
    if command == "learn" and rng.random() < 0.8:
        words += ["--labels", "t.csv"]
    return [*words, "--dry-run"] if command in ("run", "learn") else words


def fault_of(words: list[str]) -> str:
    """The traceback that a command ended in; "" where it ended as it should."""
    stand_in = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    try:
        with contextlib.redirect_stdout(stand_in), contextlib.redirect_stderr(stand_in):
            code = run_command(words)
    except BaseException:
        return traceback.format_exc()
    stand_in.flush()
    said = stand_in.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    if "Traceback" in said or "pydantic" in said or code not in (0, 1, 2):
        return f"exit code {code}: {said}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng, until, tried, found = random.Random(given.seed), time.monotonic() + given.seconds, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["TACIT_CACHE"] = str(Path(folder) / "cache")
        prepare(Path(folder))
        while time.monotonic() < until:
            words = asked(rng)
            tried += 1
            if fault := fault_of(words):
                found += 1
                print(words, fault, sep="\n", flush=True)
        os.chdir("/")
    print(f"{tried} commands, {found} faults")
    raise SystemExit(found > 0)


if __name__ == "__main__":
    main()
